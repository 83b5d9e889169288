//! `cargo xtask prove`: each experiment holds for the service, and comes out red where a service breaks the factor.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;
use xtask_prove::{Calibration, VIOLATIONS};

use crate::support::{checkout::Checkout, needs, violator::Violator};

#[test]
fn the_service_keeps_each_factor() {
    let checkout = Checkout::built();
    let factors = "dependencies config backing-services stages processes port-binding concurrency disposability parity \
                   logs admin telemetry";
    let mut prove = checkout.xtask(["prove", "--json"]);
    prove = prove.args(factors.split_whitespace());
    let outcome = prove.run();
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
fn whoever_stops_it_finds_nothing_left() {
    let violator = Violator::built();
    let mut prove = violator.xtask(["prove", "concurrency", "disposability"]).start();
    prove.says("IX Disposability");
    assert!(violator.path("target/xtask/prove/local").exists());
    prove.signal(Signal::INT);
    let outcome = prove.ends_within(crate::support::PATIENCE).exits(1);
    outcome.says("it was interrupted");
    assert!(!violator.path("target/xtask/prove/local").exists());
    let mut calibrate = violator.xtask(["prove", "--calibrate"]).start();
    calibrate.says("all factors, while none is broken");
    calibrate.signal(Signal::INT);
    calibrate.ends_within(crate::support::PATIENCE).exits(1).says("it was interrupted");
    assert!(!violator.path("target/xtask/violator").exists());
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
