//! The backend for this machine: processes in the foreground, with a PostgreSQL server of their own. The first `run` keeps
//! them; a command that wants another release, or another number of them, asks it.
//!
//! Architecture invariant: no Kubernetes, no container engine and no registry is known below here.

#![expect(clippy::large_futures, reason = "one command, one future: its size does not matter")]

mod admin;
mod backend;
mod change_lock;
mod child;
mod client;
mod control;
mod dev;
mod down;
mod environment;
mod executable;
mod formation;
mod holder;
mod journal;
mod listening;
mod lock;
mod notice;
mod patience;
mod postgres;
mod postgres_home;
mod postmaster;
mod preflight;
mod process_handle;
mod run;
mod running;
mod scale;
mod scale_file;
mod scratch;
mod server;
mod server_lock;
mod service;
mod slot;
mod socket;
mod socket_folder;
mod state;
mod status;
mod stop;
mod supervisor;
mod task_set;

pub use backend::Local;
pub use client::state;
pub use holder::Holder;
pub use postgres_home::newest_programs as postgres_programs;
pub use scratch::with_postgres;
pub use state::{ProcessState, State};
pub use status::failure;
