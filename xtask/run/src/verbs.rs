//! What the command line asks of this stage, a file for each.

pub(crate) mod admin;
pub(crate) mod deploy_state;
pub(crate) mod dev;
pub(crate) mod down;
pub mod logging;
pub(crate) mod logs;
pub(crate) mod run;
pub(crate) mod scale;
pub mod services;
pub(crate) mod status;
