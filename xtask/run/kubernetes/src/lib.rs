//! The backends for Kubernetes: kind clusters of this machine, and any other cluster with images from a registry.
//!
//! Architecture invariant: there is one moment at which a deploy changes, the apply of its process types. All that
//! can fail before is asked for or done before it; what fails after it brings the deploy back.

#![expect(clippy::large_futures, reason = "one command, one future: its size does not matter")]

mod admin;
mod api_error;
mod apply;
mod backend;
mod beforehand;
mod belonging;
mod changes;
mod checks;
mod conflict;
mod connect;
mod containers;
mod content;
mod delete;
mod deploy_state;
mod dev;
mod down;
mod drift;
mod failure;
mod fall_back;
mod health;
mod host;
mod kind;
mod kinds;
mod lease;
mod logging;
mod logs;
mod managers;
mod notes;
mod objects;
mod probes;
mod proxy;
mod prune;
mod refusal;
pub mod registry;
mod remote;
mod restart;
mod rollout;
mod run;
mod scale;
mod schema;
mod secrets;
mod seen;
mod service;
mod site;
mod stateful;
mod status;
mod was_on;
mod watch;

pub use backend::Cluster;
pub use kind::{
    Kind,
    images::load as load_into_node,
    nodes::{ExecOutput, Node, Nodes},
};
pub use remote::Remote;
