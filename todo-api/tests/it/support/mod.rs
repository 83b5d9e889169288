//! What the service's tests share: a database of their own, the service as a process, and what the machine must have.

pub(crate) mod database;
pub(crate) mod needs;
pub(crate) mod pooler;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod server;
mod template;
