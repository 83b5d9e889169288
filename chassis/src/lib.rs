//! What an axum service needs to keep the [twelve factors](https://12factor.net), and nothing of what it is for.
//!
//! - [`config`]: environment variables that describe themselves, with every mistake told at once (III)
//! - [`log`] and [`trace`]: JSON lines on standard output, and which trace each belongs to (XI)
//! - [`lifecycle`] and [`supervisor`]: starting, draining and stopping, in step with whoever runs the process (IX)
//! - [`problem`], [`fields`] and [`object`]: requests taken apart, and what is wrong with them told as RFC 9457 has it
//! - [`admission`], [`cors`] and [`hosts`]: who may ask, how much, and by which names
//!
//! What brings dependencies of its own is a feature: `openapi`, `postgres`, `webhook`.

pub mod admission;
pub mod config;
pub mod cors;
#[cfg(feature = "postgres")]
pub mod database;
pub mod fields;
pub mod health;
pub mod hosts;
mod identity;
pub mod lifecycle;
pub mod log;
pub mod object;
pub mod problem;
pub mod supervisor;
pub mod trace;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use self::identity::Identity;
