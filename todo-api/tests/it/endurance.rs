//! What the service promises when what it stands on fails: tried by making it fail, which takes a while.

mod killing;
mod network;
mod outage;
mod starting;

use crate::support::{needs, process, server};
