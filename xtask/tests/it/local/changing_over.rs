//! A service that cannot share its port with another process: the release before stops before the new one starts.

use super::{
    falling_back::describe,
    taking_over::{release, serving, up},
};
use crate::support::{checkout::Checkout, command::Outcome};

/// The release is made of an image whose processes open their port by themselves, or share one.
fn shares(checkout: &Checkout, shares: bool) {
    describe(checkout, "/processes/0/inherits", shares);
}

fn changes_over(checkout: &Checkout) -> Outcome {
    let (before, id) = (serving(checkout.port()), release(checkout));
    let port = checkout.port();
    let ran = checkout.xtask(["run"]).run().done();
    assert_eq!(serving(port), id);
    let (beforehand, afterwards) = (
        format!("{id} and {before} cannot both listen on port {port}: {before} is stopped first"),
        format!("nothing answered on port {port} for "),
    );
    ran.says(&beforehand).says(&afterwards)
}

#[test]
fn it_is_stopped_and_started_and_the_gap_is_told_before_and_after() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    // One of the two would share, both would not, and the other one would.
    shares(&checkout, false);
    changes_over(&checkout);
    checkout.configure("local", "LOG_LEVEL", "debug");
    changes_over(&checkout);
    let refused = checkout.xtask(["scale", "web=2"]).run().refused("listens on port");
    refused.says("docs/your-own-service.md");
    shares(&checkout, true);
    changes_over(&checkout);

    // From here on nothing stands in the way.
    let id = release(&checkout);
    let ran = checkout.xtask(["run"]).run().done();
    assert!(!ran.stderr.contains("nothing answered"), "{ran:?}");
    assert_eq!(serving(checkout.port()), id);
    run.stops().done();
}

#[test]
fn one_that_does_not_start_brings_the_one_before_back() {
    let checkout = Checkout::with_database();
    shares(&checkout, false);
    let first = release(&checkout);
    let run = up(&checkout);
    describe(&checkout, "/processes/0/args/0", "no-such-command");
    release(&checkout);
    let failed = checkout.xtask(["run"]).run().exits(4);
    failed
        .says("is stopped first")
        .says("nothing answered on port")
        .says("starting web.1: ended with exit code 2")
        .says(&format!("next: {first} serves on"));
    assert_eq!(serving(checkout.port()), first);

    // What fails before anything is stopped stops nothing.
    describe(&checkout, "/migrate/0", "no-such-command");
    release(&checkout);
    let failed = checkout.xtask(["run"]).run().exits(4);
    assert!(!failed.stderr.contains("stopped first"), "{failed:?}");
    assert_eq!(serving(checkout.port()), first);
    run.stops().done();
}
