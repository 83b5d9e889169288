//! What the service promises when what it stands on fails: tried by making it fail, which takes a while.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "service/database.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod database;
#[path = "endurance/killing.rs"]
mod killing;
#[path = "service/needs.rs"]
mod needs;
#[path = "endurance/network.rs"]
mod network;
#[path = "endurance/outage.rs"]
mod outage;
#[path = "service/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "endurance/server.rs"]
mod server;
#[path = "endurance/starting.rs"]
mod starting;
