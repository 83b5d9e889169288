//! A deploy of this machine: from `up` to `down`, and whatever may happen in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "local/dying.rs"]
mod dying;
#[path = "local/refusing.rs"]
mod refusing;
#[path = "local/stopping.rs"]
mod stopping;
mod support;
#[path = "local/whole_way.rs"]
mod whole_way;
