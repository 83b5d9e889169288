//! `cargo xtask prove`: each experiment holds for the service, and comes out red where a service breaks the factor.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{checkout::Checkout, command::Outcome, violator::Violator};

/// What is wrong, which experiment finds it, and as what.
const VIOLATIONS: [(&str, &str, &str); 9] = [
    ("calls_a_program", "dependencies", "needs_the_system"),
    ("config_by_file", "dependencies", "needs_the_system"),
    ("secret_in_the_log", "config", "secret_elsewhere"),
    ("file_in_the_folder", "processes", "file_kept"),
    ("goes_away", "port-binding", "not_its_own_port"),
    ("ignores_sigterm", "disposability", "does_not_stop"),
    ("log_file", "logs", "log_file"),
    ("held_back", "logs", "held_back"),
    ("no_trace", "telemetry", "no_trace"),
];

/// What is wrong with the service in any case: it keeps what it is told in memory, and answers before that is stored. Who has
/// connected in the moment in which it stops to listen may be lost, too.
const ALWAYS: [&str; 2] = ["lost_writes", "lost_at_stop"];

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
fn each_violation_is_caught_for_its_own_reason() {
    let violator = Violator::built();
    let kept = violator.xtask(["prove", "--json"]).run().exits(3);
    for panel in panels(&serde_json::from_str(&kept.stdout).unwrap()) {
        let causes = causes(panel);
        assert!(causes.iter().all(|cause| ALWAYS.contains(&cause.as_str())), "{panel:#}");
    }
    for (violation, factor, cause) in VIOLATIONS {
        violator.xtask(["config", "set", &format!("VIOLATION={violation}")]).run().done();
        let found = violator.xtask(["prove", factor, "--json"]).run();
        assert!(found_in(found, factor).contains(&cause.to_owned()), "{violation}");
    }
    violator.xtask(["config", "unset", "VIOLATION"]).run().done();

    let other = "schema = 1\n[target]\nkind = 'local'\n[policy]\ndirty = true\n[config]\n";
    violator.write("k8s/envs/other.toml", &format!("{other}PORT = 1\n"));
    violator.xtask(["release", "--env", "other"]).run().done();
    violator.write("k8s/envs/other.toml", other);
    let found = violator.xtask(["prove", "parity", "--json"]).run();
    assert_eq!(found_in(found, "parity"), ["missing_variable"]);
    // The commit that the image names is gone.
    violator.write("more", "");
    violator.commits();
    let found = violator.xtask(["prove", "codebase", "--json"]).run();
    assert_eq!(found_in(found, "codebase"), ["unknown_revision"]);
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

fn causes(panel: &Value) -> Vec<String> {
    let problems = panel["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["cause"].as_str().unwrap().to_owned()).collect()
}

/// What an experiment has found, which must be something.
#[track_caller]
fn found_in(outcome: Outcome, factor: &str) -> Vec<String> {
    let outcome = outcome.exits(3);
    let proof: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let panel = &panels(&proof)[0];
    assert_eq!(
        (panel["factor"].as_str(), panel["verdict"].as_str()),
        (Some(factor), Some("broken")),
        "{panel:#}"
    );
    causes(panel)
}
