//! The service's tests from the outside, on the real binary with a real PostgreSQL: one program, so that what they
//! share is compiled and linked once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contributing;
mod endurance;
mod fuzz;
mod page;
mod service;
mod support;
