//! Any number of processes serve behind the one port, and none of them matters alone.

use std::collections::BTreeSet;

use rustix::process::{Pid, Signal, kill_process};
use xtask_local::State;

use super::taking_over::{habit, release, serving, up};
use crate::support::{
    PATIENCE,
    checkout::{Checkout, name},
    http::Connection,
    load::Load,
    processes::Tree,
};

fn ask<T>(work: impl Future<Output = xtask_contract::Result<T>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work).unwrap()
}

/// Scales `web`, and tells what there is then.
fn scale(checkout: &Checkout, web: &str) -> String {
    let scaled = checkout.xtask(["scale", web]).run().done().stdout;
    assert_eq!(checkout.xtask(["scale"]).run().done().stdout, scaled);
    scaled.trim_end().to_owned()
}

fn state(checkout: &Checkout) -> State {
    ask(xtask_local::state(&checkout.repo(), &name("local"))).unwrap()
}

fn pids(state: &State) -> BTreeSet<u32> {
    state.processes.iter().filter_map(|process| process.pid).collect()
}

#[test]
fn processes_come_and_go_under_load_and_no_request_is_lost() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let load = Load::start(checkout.port(), 2, habit(false));
    let kept = Load::start(checkout.port(), 2, habit(true));
    for (request, web) in [("web=3", 3), ("web-2", 1), ("web+3", 4), ("web=2", 2)] {
        assert_eq!(scale(&checkout, request), format!("web={web} worker=0"));
        let state = state(&checkout);
        assert!(state.processes.iter().all(|process| process.ready), "{state:?}");
        let names: Vec<&str> = state.processes.iter().map(|process| process.name.as_str()).collect();
        assert_eq!(names, ["web.1", "web.2", "web.3", "web.4"][..web]);
        load.makes(20);
        kept.makes(20);
    }
    let many = checkout.xtask(["scale", "web=5"]).run().done();
    many.says("warning: web=5 may hold 50 connections to the database");
    assert_eq!(scale(&checkout, "web=2"), "web=2 worker=0");
    // It is kept over releases …
    let id = release(&checkout);
    checkout.xtask(["run"]).run().done();
    let taken_over = state(&checkout);
    assert_eq!((taken_over.processes.len(), taken_over.release.unwrap().to_string()), (2, id));
    load.stops();
    kept.stops();
    let tree = Tree::of(run.pid());
    run.stops().done();
    tree.is_gone_within(PATIENCE);
    // … and over runs; one that is down can be scaled, too.
    assert_eq!(scale(&checkout, "web+1"), "web=3 worker=0");
    let run = up(&checkout);
    assert_eq!(state(&checkout).processes.len(), 3);
    run.stops().done();
}

#[test]
fn each_of_three_serves_and_a_killed_one_costs_no_more_than_what_it_had_under_way() {
    let checkout = Checkout::with_image().and_database();
    checkout.edit_deploy("local", |deploy| _ = deploy.scale.insert("web".into(), 3));
    let id = release(&checkout);
    let mut run = up(&checkout);
    let before = state(&checkout);
    assert_eq!(
        (before.processes.len(), before.supervisor),
        (3, run.pid().as_raw_nonzero().get().unsigned_abs())
    );

    // Stopped, not dead: clients that it has accepted wait for it; the other processes serve all others.
    let [first, second, third] = [0, 1, 2]
        .map(|index| Pid::from_raw(before.processes[index].pid.unwrap().try_into().unwrap()).unwrap());
    for sleeping in [first, second] {
        kill_process(sleeping, Signal::STOP).unwrap();
    }
    let mut served = 0;
    while served < 20 {
        // A process that is stopped accepts nothing: these reach the third.
        let answer = Connection::open(checkout.port()).unwrap().add("Served", false).unwrap();
        assert_eq!(answer.status, 201);
        served += 1;
    }
    for sleeping in [first, second] {
        kill_process(sleeping, Signal::CONT).unwrap();
    }

    kill_process(third, Signal::KILL).unwrap();
    for _ in 0..50 {
        let answer = Connection::open(checkout.port()).unwrap().add("After it", false).unwrap();
        assert_eq!(answer.status, 201);
    }
    run.says("web.3 was ended: signal: 9 (SIGKILL); it starts again");
    run.says("listening");
    let after = loop {
        let state = state(&checkout);
        if state.processes.iter().all(|process| process.ready) {
            break state;
        }
    };
    let restarts: Vec<u32> = after.processes.iter().map(|process| process.restarts).collect();
    assert_eq!(restarts, [0, 0, 1]);
    assert_eq!(pids(&after).intersection(&pids(&before)).count(), 2);
    assert_eq!(serving(checkout.port()), id);
    run.stops().done();
}

#[test]
fn a_type_that_the_release_does_not_have_is_refused_up_or_down() {
    let checkout = Checkout::with_database();
    let refused = || {
        checkout
            .xtask(["scale", "wbe=2", "worker-1"])
            .run()
            .refused("wbe is no process type of its release (did you mean web?), which has web, worker")
            .says("there are 0 of worker, and can be from 0 to 1000");
    };
    refused();
    let run = up(&checkout);
    refused();
    assert_eq!(state(&checkout).processes.len(), 1);
    run.stops().done();
}
