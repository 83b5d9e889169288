//! A release that cannot run leaves the one before it serving, all along.

use serde_json::Value;
use xtask_contract::image;

use super::taking_over::{habit, release, serving, up};
use crate::support::{
    PATIENCE, checkout::Checkout, checkout::name, image::relabel, load::Load, processes::Tree,
};

#[test]
fn a_migration_that_fails() {
    falls_back(
        |checkout| describe(checkout, "/migrate/0", "no-such-command"),
        &["run"],
        "migration_failed",
        &["migrating the database: ended with exit code 2; it said:", "no-such-command"],
    );
}

#[test]
fn a_process_that_exits_at_its_start() {
    falls_back(
        |checkout| describe(checkout, "/processes/0/args/0", "no-such-command"),
        &["run"],
        "exit_at_start",
        &["starting web.1: ended with exit code 2; it said:", "no-such-command"],
    );
}

#[test]
fn a_process_that_never_becomes_ready() {
    falls_back(
        never_becomes_ready,
        &["run", "--deadline", "1s"],
        "probe_failed",
        &["starting web.1: it is not ready after 1 s"],
    );
}

/// One without a port is not taken for ready because it was started.
#[test]
fn a_worker_that_exits_at_its_start() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let first = serving(checkout.port());
    checkout.xtask(["scale", "worker=1"]).run().done();
    describe(&checkout, "/processes/1/args/0", "no-such-command");
    let bad = release(&checkout);
    checkout
        .xtask(["run"])
        .run()
        .exits(4)
        .says("starting worker.1: ended with exit code 2; it said:")
        .says(&format!("next: {first} serves on, and no process of {bad} is left"));
    let status = checkout.xtask(["status"]).run().done();
    assert!(status.stdout.contains("worker: 1 of 1 ready\n"), "{}", status.stdout);
    run.stops().done();
}

fn falls_back(spoil: impl FnOnce(&Checkout), command: &[&str], cause: &str, why: &[&str]) {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let first = serving(checkout.port());
    let load = Load::start(checkout.port(), 2, habit(false));
    let kept = Load::start(checkout.port(), 2, habit(true));
    spoil(&checkout);
    let bad = release(&checkout);
    let mut failed = checkout.xtask([]).args(command).run().exits(4).prints("");
    for why in why {
        failed = failed.says(why);
    }
    failed.says(&format!("next: {first} serves on, and no process of {bad} is left"));
    load.makes(20);
    kept.makes(20);
    load.stops();
    kept.stops();
    assert_eq!(serving(checkout.port()), first);
    assert_eq!(Tree::of(run.pid()).count("todo-api "), 1, "nothing of the new one is left");
    let failure = xtask_local::failure(&checkout.repo(), &name("local")).unwrap().unwrap();
    assert_eq!((failure.release.to_string(), failure.cause.as_deref()), (bad, Some(cause)));
    assert!(format!("{}: {}", failure.doing, failure.why.concat()).contains(why[0]), "{failure:?}");

    // What comes after it is not held up by it, and the note of it goes.
    let rolled = checkout.xtask(["rollback", &first, "--json"]).run().done();
    assert_eq!(rolled.text("replaced"), first);
    assert_eq!(xtask_local::failure(&checkout.repo(), &name("local")).unwrap(), None);
    let tree = Tree::of(run.pid());
    run.stops().done();
    tree.is_gone_within(PATIENCE);
}

/// What never becomes ready: it waits for its standard input, which nobody ends.
pub(crate) const NEVER_READY: &str = "shell";

/// Has the next release wait for ever.
pub(crate) fn never_becomes_ready(checkout: &Checkout) {
    describe(checkout, "/processes/0/args/0", NEVER_READY);
}

/// Makes another image of the newest one, in which the service describes itself otherwise.
pub(crate) fn describe(checkout: &Checkout, place: &str, value: impl Into<Value>) {
    relabel(checkout, |labels| {
        let label = &mut labels[image::SERVICE];
        let mut service: Value = serde_json::from_str(label.as_str().unwrap()).unwrap();
        *service.pointer_mut(place).unwrap() = value.into();
        *label = service.to_string().into();
    });
}
