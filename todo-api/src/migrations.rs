//! The steps of the database's schema.

use chassis::migrate::Migration;

/// Every file in `migrations`, oldest first. One that was merged must never change; what is new has the highest number.
pub(crate) const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
