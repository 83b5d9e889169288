//! What an axum service needs to keep the [twelve factors](https://12factor.net), and nothing of what it is for.
//!
//! - [`config`]: environment variables that describe themselves, with all errors reported together (III)
//! - [`Service`], [`Process`] and [`OneOff`]: what a service is made of, with its command line (VIII, XII)
//! - [`check`]: whether all that it depends on is as it should be
//! - [`web`]: a process that serves HTTP on a port or a socket that is handed down, tells when it is ready, drains, and
//!   finishes what is under way (VII, IX)
//! - [`worker`]: a process that looks for work, round after round
//! - [`log`] and [`trace`]: JSON lines on standard output, and which trace each belongs to (XI)
//! - [`metrics`]: figures in Prometheus's text format
//! - [`problem`], [`fields`], [`extract`], [`etag`] and [`idempotency`]: requests taken apart, and what is wrong with them told as
//!   RFC 9457 has it
//!
//! What brings dependencies of its own is a feature:
//!
//! - `openapi`: the API describes itself, and a page shows it
//! - `postgres`: `database` with its pool and its checks, `migrate`, `events` (who watches hears of changes), and the keys
//!   of `idempotency`
//! - `outbox`: signed deliveries to a webhook
//! - `shell`: a console over the service's models

pub mod admission;
pub mod check;
mod common;
pub mod config;
mod cors;
#[cfg(feature = "postgres")]
pub mod database;
#[cfg(feature = "openapi")]
mod docs;
pub mod etag;
#[cfg(feature = "postgres")]
pub mod events;
mod example;
pub mod extract;
pub mod fields;
mod files;
mod health;
mod hosts;
pub mod idempotency;
mod identity;
mod layer;
mod layers;
pub mod lifecycle;
mod listener;
pub mod log;
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod migrate;
#[cfg(feature = "postgres")]
mod migration;
mod object;
mod observation;
mod one_off;
#[cfg(feature = "openapi")]
pub mod openapi;
#[cfg(feature = "outbox")]
pub mod outbox;
mod outcome;
pub mod problem;
mod process;
mod random;
mod server;
mod service;
#[cfg(feature = "shell")]
pub mod shell;

mod start;
mod supervisor;
pub mod trace;
mod variables;
pub mod web;
pub mod worker;

pub use self::{
    example::Example, identity::Identity, one_off::OneOff, outcome::Outcome, process::Process,
    service::Service,
};
