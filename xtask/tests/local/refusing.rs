//! What keeps a deploy from starting is told, and nothing is left running.

use std::{net::TcpListener, process::Command};

use rustix::process::Signal;
use xtask_contract::{
    deploy::Secrets,
    seal::{Identity, Sealed, Secret},
};

use crate::support::{
    PATIENCE,
    checkout::{Checkout, name},
    http, ports,
    processes::Tree,
};

#[test]
fn a_port_that_is_taken_is_named_and_nothing_starts() {
    let checkout = Checkout::released();
    let port = checkout.port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = checkout.xtask(["run"]).run().refused(&format!("another program listens on port {port}"));
    refused.says("next: stop it").says("k8s/envs/local.toml");
    assert_nothing_runs(&checkout);
    assert!(!checkout.path(".xtask/local/postgres-home").exists(), "PostgreSQL was started");

    drop(listener);
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    run.stops().done();
}

#[test]
fn the_port_of_postgresql_being_taken_is_told_and_nothing_is_left() {
    let checkout = Checkout::released();
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let outcome = checkout.xtask(["run"]).run().prints("");
    assert!(matches!(outcome.status.code(), Some(1 | 3)), "{outcome:?}");
    outcome.says(&port.to_string()).says("next: ");
    assert_nothing_runs(&checkout);
}

#[test]
fn a_second_run_is_refused_and_does_not_disturb_the_first() {
    let checkout = Checkout::released();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    checkout.xtask(["run"]).run().refused("it runs already").says("cargo xtask down");
    http::add(checkout.port(), "Undisturbed");
    run.stops().done();
}

#[test]
fn a_process_that_cannot_start_is_quoted_and_nothing_is_left() {
    let checkout = Checkout::released();
    // A database that was attached but is not there: all is well with the config until it is used.
    attach(&checkout, &format!("postgres://todo:canary-password@127.0.0.1:{}/todo", ports::free()));
    checkout.xtask(["release", "--env", "local"]).run().done();
    let outcome = checkout.xtask(["run"]).run().exits(1).prints("");
    let outcome = outcome.says("migrating the database: ended with exit code 1; it said:");
    let outcome = outcome.says("cannot connect to the database");
    assert!(!outcome.stderr.contains("canary-password"), "{}", outcome.stderr);
    assert_nothing_runs(&checkout);

    let first = checkout.ids("local")[0].to_string();
    let mut run = checkout.xtask(["run", &first, "--json"]).start();
    assert_eq!(run.announces()["release"], first, "the release before still runs");
    run.stops().done();
}

#[test]
fn a_web_process_that_cannot_start_takes_the_others_with_it() {
    let checkout = Checkout::built();
    checkout.configure("local", "BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
    checkout.xtask(["release", "--env", "local"]).run().done();
    let outcome = checkout.xtask(["run"]).run().exits(1).prints("");
    outcome.says("starting web.1: ").says("cannot listen on 192.0.2.1");
    assert_nothing_runs(&checkout);
}

#[test]
fn told_to_stop_while_it_starts_it_leaves_nothing() {
    let checkout = Checkout::released();
    let mut run = checkout.xtask(["run"]).start();
    run.says("starting PostgreSQL");
    let tree = Tree::of(run.pid());
    run.signal(Signal::INT);
    run.ends_within(PATIENCE).exits(1).says("it was stopped before it was ready");
    tree.is_gone_within(PATIENCE);
    assert_nothing_runs(&checkout);
}

/// Attaches another database than the deploy's own.
fn attach(checkout: &Checkout, url: &str) {
    let (repo, env) = (checkout.repo(), name("local"));
    let recipient = Identity::of_this_machine(&repo).unwrap().recipient();
    let mut secrets = Secrets::read(&repo, &env).unwrap();
    let sealed = Sealed::seal(&Secret::new(url), &[recipient]).unwrap();
    secrets.secrets.insert("DATABASE_URL".into(), sealed);
    secrets.write(&repo, &env).unwrap();
}

/// No process has this checkout, or its database, in its command line.
#[track_caller]
fn assert_nothing_runs(checkout: &Checkout) {
    let home = std::fs::read_to_string(checkout.path(".xtask/local/postgres-home")).unwrap_or_default();
    let output = Command::new("ps").args(["-e", "-o", "args="]).output().unwrap();
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    let root = checkout.root.display().to_string();
    let ours = |line: &&str| line.contains(&root) || (home.starts_with('/') && line.contains(home.trim()));
    let left: Vec<&str> = all.lines().filter(ours).collect();
    assert!(left.is_empty(), "still there: {left:#?}");
}
