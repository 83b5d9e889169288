//! `cargo xtask dev` of a checkout, and what it tells programs.

use serde_json::Value;

use super::{
    LONG_PATIENCE,
    checkout::Checkout,
    command::{Outcome, Xtask},
    foreground::Foreground,
    http::Connection,
};

/// The loop of a checkout, and what it tells programs.
pub(crate) struct Dev {
    pub(crate) loop_: Foreground,
}

impl Dev {
    /// Starts that of `local` and waits until it serves.
    #[track_caller]
    pub(crate) fn start(checkout: &Checkout) -> (Self, Value) {
        Self::called(checkout, checkout.xtask(["dev", "--json-events"]))
    }

    /// The same, as it is called here. It compiles in the checkout's own folder: in one that others have, too, a cargo waits
    /// for the other.
    #[track_caller]
    pub(crate) fn called(checkout: &Checkout, command: Xtask) -> (Self, Value) {
        let command = command.env("CARGO_TARGET_DIR", checkout.path("target"));
        let mut dev = Self { loop_: command.start() };
        let served = dev.comes_to("serving");
        (dev, served)
    }

    /// Waits until it has come to this state, and gives back what it told of it.
    #[track_caller]
    pub(crate) fn comes_to(&mut self, state: &str) -> Value {
        let wanted = format!(r#""state":"{state}""#);
        serde_json::from_str(&self.loop_.prints_within(LONG_PATIENCE, &wanted)).unwrap()
    }

    #[track_caller]
    pub(crate) fn ends(self) -> Outcome {
        self.loop_.stops().done()
    }
}

/// A page of the service, and the release that bears it.
#[track_caller]
pub(crate) fn page(port: u16, path: &str) -> (String, String) {
    let answer = Connection::open(port).unwrap().request(&format!("GET {path}"), "", false).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.body, answer.release.unwrap_or_default())
}

/// Changes the text of a file, which must have what is to be changed.
#[track_caller]
pub(crate) fn edit(checkout: &Checkout, path: &str, from: &str, to: &str) {
    let path = checkout.path(path);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}
