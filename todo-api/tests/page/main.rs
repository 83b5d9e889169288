//! The page as people meet it: the real service, in a real browser, driven by its keyboard and pointer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod away;
mod browser;
mod contrast;
mod front;
mod keyboard;
mod list;
mod live;
mod looks;
#[path = "../support/mod.rs"]
mod support;

use support::{database, process, proxy};
