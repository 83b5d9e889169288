//! What the end-to-end tests share: checkouts of their own, the command line under test, clients, and what the
//! machine must have.

pub(crate) mod api_server;
pub(crate) mod call;
pub(crate) mod checkout;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod dev;
pub(crate) mod faults;
pub(crate) mod foreground;
pub(crate) mod forge;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod kind;
pub(crate) mod load;
pub(crate) mod needs;
pub(crate) mod open_loop;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod processes;
pub(crate) mod proxy;
pub(crate) mod readers;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod registry_of_shapes;
pub(crate) mod relay;
pub(crate) mod shop;
pub(crate) mod syslog;
pub(crate) mod template;
pub(crate) mod terminal;
pub(crate) mod tiny;
pub(crate) mod violator;

use std::time::Duration;

/// How long anything may take that is not a compiler run or the making of a cluster.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long a compiler run or the making of a cluster may take.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_mins(30);
