//! Changes as they happen, for everyone who watches.

mod announcer;
mod change;
mod hub;
mod id;
mod listener;
mod routes;

pub(crate) use self::{
    announcer::Announcer,
    change::Change,
    hub::Hub,
    listener::{Patience, follow},
    routes::routes,
};
