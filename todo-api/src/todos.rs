//! Things to do.

mod announced;
mod cursor;
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
    routes::routes,
    samples::{SAMPLES, Seeded, completed},
    store::Todos,
};
