//! Which release a rollback goes back to: by what has run here.

use serde_json::{Value, json};

use super::{
    falling_back::describe,
    taking_over::{release, serving, up},
};
use crate::support::{checkout::Checkout, terminal::Terminal};

#[test]
fn a_rollback_takes_what_ran_last_and_makes_no_release_where_that_cannot_be() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let first = serving(checkout.port());
    describe(&checkout, "/migrate/0", "no-such-command");
    release(&checkout);
    checkout.xtask(["run"]).run().exits(4);
    let refused = checkout.xtask(["rollback"]).run().refused("no other release is known to have run before");
    refused.says("cargo xtask releases --env local");
    assert_eq!(checkout.ids("local").len(), 2, "a release was made for nothing");

    describe(&checkout, "/migrate/0", "migrate");
    checkout.configure("local", "LOG_LEVEL", "warn");
    let second = release(&checkout);
    checkout.xtask(["run"]).run().done();
    checkout.configure("local", "LOG_LEVEL", "error");
    release(&checkout);
    let sealed = checkout.xtask(["rollback"]).env("XTASK_AGE_IDENTITY_FILE", "/nowhere").run();
    assert!(!sealed.status.success(), "{sealed:?}");
    assert_eq!(checkout.ids("local").len(), 4, "a release was made that cannot be run");

    let back = checkout.xtask(["rollback", "--json"]).run().done().says(&format!("going back to {first}"));
    assert_eq!(back.text("replaced"), second);
    let made = checkout.releases("local").pop().unwrap().release;
    assert_eq!(made.rollback_to.map(|id| id.to_string()), Some(first.clone()));
    let rows = checkout.xtask(["releases", "--json"]).run().done().json();
    let fates: Vec<Value> = rows.as_array().unwrap().iter().map(|row| row["fate"].clone()).collect();
    assert_eq!(fates, [json!("ran"), json!("never"), json!("ran"), json!("failed"), json!("ran")]);

    // What runs now is like the first one, so that the second one is what is before it.
    let mut terminal = Terminal::new();
    let asked = checkout.xtask(["rollback"]).start_at(&terminal);
    terminal.shows(&format!("1  {second}  ran "));
    terminal.shows("config: LOG_LEVEL");
    terminal.shows("go back to which one? [1] ");
    terminal.types("n\n");
    let (status, shown) = terminal.sees_end_of(asked);
    assert_eq!(status.code(), Some(3), "{shown}");
    assert!(!shown.contains(&first), "{shown}");
    run.stops().done();
}

#[test]
fn where_nothing_runs_it_goes_back_from_the_release_that_failed_and_no_further() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    checkout.configure("local", "LOG_LEVEL", "warn");
    let second = release(&checkout);
    checkout.xtask(["run"]).run().done();
    describe(&checkout, "/processes/0/args/0", "no-such-command");
    let bad = release(&checkout);
    run.stops().done();

    let failed = checkout.xtask(["run"]).run().exits(1);
    failed.says("nothing of local runs now").says("cargo xtask rollback --env local");
    let status = checkout.xtask(["status"]).run().done().stdout;
    assert!(status.contains(&format!("failed: {bad} at ")), "{status}");
    let mut back = checkout.xtask(["rollback", "--json"]).start();
    back.says(&format!("going back to {second}"));
    back.announces();
    back.stops().done();
}
