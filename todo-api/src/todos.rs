//! Things to do.

mod announced;
mod change;
mod cursor;
mod events;
mod model;
mod notes;
mod page;
mod purge;
mod restore;
mod routes;
mod samples;
mod store;
mod timestamp;
mod title;

pub(crate) use self::{
    change::Change,
    events::routes as event_routes,
    routes::routes,
    samples::{SAMPLES, Seeded, completed},
    store::Todos,
};
