//! A deploy of this machine: from `up` to `down`, and whatever may happen in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod dying;
mod falling_back;
mod interrupting;
mod logging;
mod refusing;
mod scaling;
mod stopping;
#[path = "../support/mod.rs"]
mod support;
mod taking_over;
mod whole_way;
