//! Changes as they happen, for everyone who watches.

mod announcer;
mod change;
mod hub;
mod id;
mod listener;
mod live;
mod routes;

pub(crate) use self::{change::Change, listener::Patience, live::Live, routes::routes};
