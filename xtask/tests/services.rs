//! Backing services of a deploy of this machine: started and stopped by themselves, and swapped by config alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "services/attaching.rs"]
mod attaching;
#[path = "services/own.rs"]
mod own;
mod support;
