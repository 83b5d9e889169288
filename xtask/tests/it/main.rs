//! The toolchain's tests from the outside: one program, so that what they share is compiled and linked once.
//! Which of them `cargo xtask test` runs when is said in `xtask/cli/src/verb/test/checks.rs`, by these modules' names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adoption;
mod backend;
mod build;
mod cluster;
mod command_line;
mod config;
mod dev;
mod documents;
mod kind;
mod layering;
mod ledger;
mod local;
mod playbook;
mod prove;
mod provenance;
mod registry;
mod scripted;
mod services;
mod support;
