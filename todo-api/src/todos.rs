//! Things to do.

mod cursor;
mod etag;
mod model;
mod notes;
mod routes;
mod store;
mod timestamp;
mod title;

pub(crate) use self::routes::routes;
