//! A deploy of this machine: from `up` to `down`, and whatever may happen in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "local/admin.rs"]
mod admin;
#[path = "local/dying.rs"]
mod dying;
#[path = "local/falling_back.rs"]
mod falling_back;
#[path = "local/interrupting.rs"]
mod interrupting;
#[path = "local/logging.rs"]
mod logging;
#[path = "local/refusing.rs"]
mod refusing;
#[path = "local/scaling.rs"]
mod scaling;
#[path = "local/stopping.rs"]
mod stopping;
mod support;
#[path = "local/taking_over.rs"]
mod taking_over;
#[path = "local/whole_way.rs"]
mod whole_way;
