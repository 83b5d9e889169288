//! The chassis from the outside: a service that is made of it here, as a process of its own with a real socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;
mod service;
