//! Sudden death in the middle of a take-over, and two at once: the deploy is on one release or the other, never in
//! between, and the same command leads where it was to lead.

use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::{
    falling_back::{NEVER_READY, describe, never_becomes_ready},
    taking_over::{habit, release, serving, up},
};
use crate::support::{PATIENCE, checkout::Checkout, load::Load, processes::Tree};

/// What the command that asks for a take-over says on the way.
const MOMENTS: [&str; 4] = [
    "taking the program out of the image",
    "migrating the database",
    "starting the processes",
    "stopping the processes of the release before",
];

#[test]
fn killing_the_command_that_asks_costs_nothing() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let load = Load::start(checkout.port(), 2, habit(false));
    for moment in MOMENTS {
        let id = release(&checkout);
        let mut command = checkout.xtask(["run"]).start();
        command.says(moment);
        command.dies();
        let ran = checkout.xtask(["run", "--json"]).run().done();
        assert_eq!((ran.text("release"), ran.text("env")), (id.clone(), "local".to_owned()));
        assert_eq!(serving(checkout.port()), id, "killed at: {moment}");
        assert_eq!(Tree::of(run.pid()).count("todo-api "), 1, "killed at: {moment}");
    }
    load.stops();
    run.stops().done();
}

#[test]
fn killing_the_run_that_is_up_ends_all_of_it_and_the_same_command_starts_it() {
    let checkout = Checkout::with_database();
    let mut run = up(&checkout);
    for moment in MOMENTS {
        let id = release(&checkout);
        let mut command = checkout.xtask(["run"]).start();
        command.says(moment);
        let tree = Tree::of(run.pid());
        run.dies();
        command
            .ends_within(PATIENCE)
            .exits(1)
            .says("ended before it was done")
            .says("next: `cargo xtask run");
        run = up(&checkout);
        tree.is_gone_within(PATIENCE);
        assert_eq!(serving(checkout.port()), id, "killed at: {moment}");
    }
    run.stops().done();
}

#[test]
fn a_command_that_comes_while_the_deploy_is_changed_waits_and_sees_for_whom_or_is_refused() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let first = serving(checkout.port());
    never_becomes_ready(&checkout);
    let bad = release(&checkout);
    let mut slow = checkout.xtask(["run"]).env("USER", "canary").start();
    slow.says("starting the processes");

    describe(&checkout, "/processes/0/args/0", "web");
    let good = release(&checkout);
    let mut waits = checkout.xtask(["run", "--json"]).start();
    let whom = format!("canary (process {}, running {bad} since ", slow.pid().as_raw_nonzero());
    waits.says(&format!("waiting for {whom}"));
    checkout.xtask(["run", "--no-wait"]).run().refused(&whom).says("next: run the same command again");
    let mut gives_up = checkout.xtask(["run"]).start();
    gives_up.says("waiting for ");
    gives_up.signal(Signal::INT);
    gives_up.ends_within(PATIENCE).exits(1).says("this command was stopped");
    // Asking how it is takes no turn.
    assert_eq!(serving(checkout.port()), first);
    checkout.xtask(["releases"]).run().done();

    kill_process(Tree::of(run.pid()).find(&format!("todo-api {NEVER_READY}")), Signal::KILL).unwrap();
    slow.ends_within(PATIENCE).exits(4).says("starting web.1: was ended: signal: 9");
    let ran = waits.ends_within(PATIENCE).done().json();
    assert_eq!((&ran["release"], &ran["replaced"]), (&json!(good), &json!(first)));
    assert_eq!(serving(checkout.port()), good);
    run.stops().done();
}

#[test]
fn of_two_first_runs_at_once_one_stays_and_the_other_finds_its_release_there() {
    let checkout = Checkout::with_database();
    let both = [(); 2].map(|()| checkout.xtask(["run", "--json"]).start());
    let both = both.map(|mut run| (run.announces(), run));
    let (stays, ends): (Vec<_>, Vec<_>) = both.into_iter().partition(|(ran, _)| ran["status"] == "started");
    let [(_, stays)] = stays.try_into().unwrap_or_else(|_| panic!("one has started it"));
    let [(ran, ends)] = ends.try_into().unwrap_or_else(|_| panic!("one has found it"));
    assert_eq!(
        (&ran["status"], &ran["supervisor"]),
        (&json!("unchanged"), &json!(stays.pid().as_raw_nonzero().get()))
    );
    ends.ends_within(PATIENCE).done();
    stays.stops().done();
}
