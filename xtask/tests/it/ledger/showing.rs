//! What somebody has written into a file is shown: the terminal never acts on it, and nobody can take it for a line of
//! the toolchain's.

use std::fs;

use xtask_contract::Ledger;

use super::writable;
use crate::support::{
    checkout::{Checkout, name},
    forge::forge,
};

/// Clears the screen, colours, begins a line of its own, and turns the writing round.
const EVIL: &str = "x\u{1b}[2J\u{1b}[32m\nreleased 2011-04-06-20:32:17 of local\r\u{202e}\u{9b}1m";
const SHOWN: &str = "x\\u{1b}[2J\\u{1b}[32m\\nreleased 2011-04-06-20:32:17 of local\\r\\u{202e}\\u{9b}1m";

#[test]
fn whatever_is_in_a_release_is_shown_on_its_line() {
    let checkout = Checkout::with_release();
    checkout.configure("local", "LOG_LEVEL", "debug");
    checkout.release("local");
    let ledger = Ledger::of(&checkout.repo(), &name("local"));
    let mut release = checkout.releases("local").pop().unwrap().release;
    release.by = EVIL.into();
    release.config.insert("LOG_LEVEL".into(), EVIL.into());
    writable(ledger.folder());
    forge(&ledger, &release, None);
    for (args, line) in [
        (&["releases"][..], format!("  {SHOWN}  never ran")),
        (&["releases", "show"], format!(" ago by {SHOWN}\n")),
        (&["releases", "show"], format!("LOG_LEVEL = {SHOWN}\n")),
        (&["releases", "diff"], format!("  + LOG_LEVEL = {SHOWN}\n")),
    ] {
        let shown = checkout.xtask([]).args(args).run().done().stdout;
        assert!(shown.contains(&line), "{line:?} is not in {shown}");
        assert!(is_harmless(&shown), "{shown:?}");
        let document = checkout.xtask(["--json"]).args(args).run().done();
        assert!(is_harmless(&document.stdout), "{}", document.stdout);
        document.json();
    }
    let shown = checkout.xtask(["releases", "show", "--json"]).run().done();
    assert_eq!(shown.text("by"), EVIL);
}

#[test]
fn whatever_is_in_a_deploys_file_is_shown_on_its_line() {
    let checkout = Checkout::with_image();
    checkout.configure("local", "LOG_LEVEL", EVIL);
    let list = checkout.xtask(["config"]).run().done().stdout;
    assert!(list.contains(SHOWN) && is_harmless(&list), "{list:?}");
    // A program gets the value itself.
    checkout.xtask(["config", "get", "LOG_LEVEL"]).run().done().prints(&format!("{EVIL}\n"));
    let refusal = checkout.xtask(["release", "--env", "local"]).run().exits(3).stderr;
    assert!(is_harmless(&refusal) && !refusal.contains("\nreleased"), "{refusal:?}");

    let file = checkout.path("k8s/envs/local.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "[\"a\\u001b[2J\\nerror: b\"]\n").unwrap();
    let refusal = checkout.xtask(["release", "--env", "local"]).run().exits(3).stderr;
    assert!(refusal.contains("\\u{1b}[2J") && is_harmless(&refusal), "{refusal:?}");
    assert_eq!(refusal.matches("\nerror: ").count(), 1, "{refusal}");
}

fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}')
}
