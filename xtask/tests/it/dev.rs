//! The work tree is served while it is written: `cargo xtask dev`.

mod burst;
mod keyboard;
mod story;
