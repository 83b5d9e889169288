//! Backing services of a deploy of this machine: started and stopped by themselves, and swapped by config alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attaching;
mod own;
#[path = "../support/mod.rs"]
mod support;
