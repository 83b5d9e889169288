//! The page as people meet it: the real service, in a real browser, driven by its keyboard and pointer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "page/away.rs"]
mod away;
#[path = "page/browser.rs"]
mod browser;
#[path = "page/contrast.rs"]
mod contrast;
#[allow(dead_code, reason = "shared with the service's tests, which use all of it")]
#[path = "service/database.rs"]
mod database;
#[path = "page/front.rs"]
mod front;
#[path = "page/keyboard.rs"]
mod keyboard;
#[path = "page/list.rs"]
mod list;
#[path = "page/live.rs"]
mod live;
#[path = "page/looks.rs"]
mod looks;
#[allow(dead_code, reason = "shared with the service's tests, which use all of it")]
#[path = "service/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the service's tests, which use all of it")]
#[path = "service/proxy.rs"]
mod proxy;
