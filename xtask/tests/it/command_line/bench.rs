//! `cargo xtask bench`, where what it compares with is missing, what it calls fails, or somebody has no time for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{LONG_PATIENCE, checkout::Checkout, command::Xtask};

/// Where its temporary files go.
fn temporary(checkout: &Checkout) -> PathBuf {
    let folder = checkout.around().join("temporary");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn bench(checkout: &Checkout, args: &[&str]) -> Xtask {
    checkout.xtask(["bench"]).args(args).env("TMPDIR", temporary(checkout))
}

#[track_caller]
fn nothing_is_left(folder: &Path) {
    let left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn part<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["part"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap()
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_measured_and_saved() {
    let checkout = Checkout::built();
    let before = fs::read_to_string(checkout.path("docs/measured.toml")).unwrap_or_default();
    let outcome =
        bench(&checkout, &["build", "release", "kind", "--runs", "1", "--json", "--save"]).run().done();
    let outcome =
        outcome.says("skipped: docker build (").says("written: docs/measured.toml, docs/measured.md");
    let document = outcome.json();
    let build = part(&document, "build");
    assert!(build["skipped"][0].as_str().unwrap().starts_with("docker build ("), "{build}");
    assert!(build["figure"][0]["ours"].as_f64().unwrap() > 0.0, "{build}");
    assert_eq!(build["figure"][0]["peer"], Value::Null);
    assert_eq!(part(&document, "kind")["figure"], Value::Array(Vec::new()));
    assert_eq!(part(&document, "release")["runs"], 1);
    nothing_is_left(&temporary(&checkout));

    let after = fs::read_to_string(checkout.path("docs/measured.toml")).unwrap_or_default();
    let names = |text: &str| text.lines().filter(|line| line.starts_with("name = ")).count();
    assert!(before != after && names(&after) > 5, "{after}");
    assert!(
        after.contains("command = \"cargo xtask bench build release kind --runs 1 --json --save\""),
        "{after}"
    );
}

#[test]
fn the_reason_of_a_command_that_it_calls_is_its_own_and_the_other_parts_are_measured() {
    let checkout = Checkout::built();
    checkout.configure("local", "PROT", "30000");
    let outcome = bench(&checkout, &["build", "release", "--runs", "1", "--json"]).run().exits(1);
    assert!(part(&outcome.json(), "build")["figure"][0]["ours"].is_f64(), "{outcome:?}");
    let last = outcome.stderr.rsplit_once("\nerror: ").unwrap().1.to_owned();
    assert!(last.starts_with("running xtask release --env local --json: "), "{last}");
    assert!(last.contains("PROT") && last.contains("PORT"), "{last}");
    nothing_is_left(&temporary(&checkout));
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let checkout = Checkout::built();
    let mut bench = bench(&checkout, &["release", "--runs", "100"]).start();
    bench.says("measuring release");
    bench.signal(Signal::INT);
    bench.ends_within(LONG_PATIENCE).exits(1).says("it was stopped by SIGINT").prints_no_result();
    nothing_is_left(&temporary(&checkout));
}
