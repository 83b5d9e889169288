//! Changes as they happen, for everyone who watches any process (server-sent events).
//!
//! What a process changes it announces after the commit; what others write, a trigger of the service's migrations
//! announces in the transaction (`pg_notify`). Each process listens on one connection, keeps the newest changes, and
//! sends them to those who watch. Where something may have gone unheard, everyone is told that anything may have happened.

mod announcer;
mod change;
mod hub;
mod id;
mod listener;
mod live;
mod quick;
mod stream;

pub use self::{
    announcer::Unknown,
    change::Change,
    live::{Live, LiveConfig},
};
