//! The page as people meet it: the real service, in a real browser, driven by its keyboard and pointer.

mod away;
mod browser;
mod building;
mod contrast;
mod front;
mod keyboard;
mod list;
mod live;
mod looks;
mod together;

use crate::support::{database, process, proxy};
