//! `cargo xtask prove`: each experiment holds for the service, and comes out red where a service breaks the factor.

use std::{fs, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use xtask_prove::{Calibration, Factor, VIOLATIONS};

use crate::support::{
    PATIENCE,
    checkout::Checkout,
    load::{Habit, Load},
    needs,
    processes::Tree,
    violator::Violator,
};

/// Whether an image can be built again is another check's: it takes a compile.
const ALL_BUT_CODEBASE: &str = "II III IV V VI VII VIII IX X XI XII telemetry";

/// How the deploy is used meanwhile.
const IN_USE: Habit = Habit { keep_alive: true, pause: Duration::from_millis(20), ends_when_refused: false };

#[test]
fn the_service_keeps_each_factor() {
    let checkout = Checkout::built();
    let outcome = checkout.xtask(["prove", "--json"]).args(ALL_BUT_CODEBASE.split(' ')).run();
    let proof: Value = serde_json::from_str(&outcome.stdout).unwrap();
    for panel in panels(&proof) {
        assert_eq!(panel["verdict"], "holds", "{panel:#}");
        // No other deploy has a release here.
        let all = panel["not_shown"].as_array().unwrap();
        assert!(all.is_empty() || panel["factor"] == "parity", "{panel:#}");
    }
    println!("in {} s", proof["took_ms"].as_u64().unwrap() / 1000);
    outcome.done();
    let page = fs::read_to_string(checkout.path("target/xtask/proof/local.html")).unwrap();
    assert!(page.contains("todo-api: 12 of 12 factors shown"), "{page}");
    assert!(!checkout.path("target/xtask/prove/local").exists(), "nothing of it is left");
}

#[test]
fn each_violation_is_caught_for_its_own_reason_and_a_service_without_one_is_not() {
    let violator = Violator::built();
    let outcome = violator.xtask(["prove", "--calibrate", "--json"]).run();
    let calibration: Calibration =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(calibration.false_alarms, [""; 0]);
    for caught in &calibration.violations {
        assert!(caught.is(), "{caught:?}");
    }
    assert_eq!(calibration.violations.len(), VIOLATIONS.len());
    outcome.done();
    violator.xtask(["prove", "VII"]).run().done();
    let page = fs::read_to_string(violator.path("target/xtask/proof/local.html")).unwrap();
    assert!(page.contains("made by this version of the toolchain"), "{page}");
    assert!(!violator.path("target/xtask/violator").exists(), "nothing of it is left");
}

#[test]
fn stopped_in_the_middle_of_any_experiment_it_leaves_nothing() {
    let checkout = Checkout::built();
    let mut interrupted = Vec::new();
    for factor in Factor::ALL.into_iter().filter(|factor| *factor != Factor::Codebase) {
        let mut prove = checkout.xtask(["prove", factor.name()]).start();
        prove.says(factor.title());
        let tree = Tree::of(prove.pid());
        prove.signal(Signal::INT);
        let outcome = prove.ends_within(PATIENCE);
        // Some are over in less time than it takes to say so.
        if outcome.status.code() != Some(0) {
            outcome.exits(1).says("it was interrupted");
            interrupted.push(factor);
        }
        tree.is_gone_within(PATIENCE);
        assert!(!checkout.path("target/xtask/prove/local").exists(), "{factor}");
    }
    let long = [Factor::BackingServices, Factor::Processes, Factor::Concurrency, Factor::Disposability];
    assert!(long.iter().all(|factor| interrupted.contains(factor)), "{interrupted:?}");
}

#[test]
fn what_one_that_was_killed_has_left_the_next_one_takes_away() {
    let violator = Violator::built();
    let mut prove = violator.xtask(["prove", "concurrency"]).start();
    prove.says("VIII Concurrency");
    let at_work = "another `cargo xtask prove` of this deploy is at work";
    violator.xtask(["prove", "port-binding"]).run().refused(at_work);
    let tree = Tree::of(prove.pid());
    prove.dies();
    violator.xtask(["prove", "port-binding"]).run().done();
    tree.is_gone_within(PATIENCE);
}

#[test]
fn a_calibration_that_is_stopped_leaves_nothing() {
    let violator = Violator::built();
    let mut calibrate = violator.xtask(["prove", "--calibrate"]).start();
    calibrate.says("all factors, while none is broken");
    calibrate.signal(Signal::INT);
    calibrate.ends_within(PATIENCE).exits(1).says("it was interrupted");
    assert!(!violator.path("target/xtask/violator").exists());
}

#[test]
fn a_deploy_in_use_is_looked_at_and_not_disturbed() {
    let checkout = Checkout::released().and_database();
    checkout.xtask(["prove", "--live"]).run().refused("nothing runs");
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let before = seen_of(&checkout);
    let load = Load::start(checkout.port(), 2, IN_USE);
    load.makes(5);
    let outcome = checkout
        .xtask(["prove", "--live", "--json"])
        .args(ALL_BUT_CODEBASE.split(' '))
        .run()
        .done()
        .says("looking at the deploy as it runs");
    load.makes(5);
    load.stops();
    let proof: Value = serde_json::from_str(&outcome.stdout).unwrap();
    for panel in panels(&proof) {
        let disturbs = ["backing-services", "concurrency"].iter().any(|factor| panel["factor"] == *factor);
        assert_eq!(panel["verdict"], if disturbs { "not_shown" } else { "holds" }, "{panel:#}");
    }
    assert_eq!(proof["live"], true);
    assert_eq!(seen_of(&checkout), before);
    assert!(!checkout.path("target/xtask/prove/local-in-use").exists());
    run.stops().done();
}

/// What would be another thing if the deploy had been disturbed.
fn seen_of(checkout: &Checkout) -> (Value, Value) {
    let status = checkout.xtask(["status", "--json"]).run().json();
    let releases = checkout.xtask(["releases", "--json"]).run().json();
    (status["processes"].clone(), releases)
}

#[test]
fn an_ordinary_user_needs_nothing_of_roots_and_can_do_it_again() {
    // A user who is not root sees it in all other tests.
    let Some(user) = needs::root().then(needs::nobody) else { return };
    let violator = Violator::built();
    let program = violator.belongs_to(user);
    for _ in 0..2 {
        let proof = violator.by(user, &program, ["prove", "II", "V", "VI", "VII", "XII", "--json"]).run();
        let proof: Value = serde_json::from_str(&proof.done().stdout).unwrap();
        for panel in panels(&proof) {
            assert_eq!(panel["verdict"], "holds", "{panel:#}");
        }
        assert!(!violator.path("target/xtask/prove/local").exists(), "nothing of it is left");
    }
}

#[test]
fn what_cannot_be_shown_is_named() {
    let violator = Violator::built();
    violator.xtask(["prove", "dispo"]).run().exits(2).says("disposability");
    let outcome = violator.xtask(["prove", "IV"]).run().done();
    assert!(outcome.stdout.contains("not shown: The deploy's file names no database."), "{outcome:?}");
    violator.xtask(["prove", "--env", "nowhere"]).run().exits(3);
    fs::remove_dir_all(violator.path("target/xtask/builds")).unwrap();
    violator.xtask(["prove"]).run().refused("there is no build yet");
}

fn panels(proof: &Value) -> &[Value] {
    proof["panels"].as_array().unwrap()
}
