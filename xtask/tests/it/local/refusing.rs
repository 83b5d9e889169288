//! What keeps a deploy from starting is told, and nothing is left running.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
};

use super::falling_back::describe;
use crate::support::{
    PATIENCE,
    checkout::{Checkout, name},
    forge::forge,
    postgres,
    processes::Tree,
};
use rustix::process::Signal;
use serde_json::Value;
use xtask_contract::{Ledger, Release};

#[test]
fn a_port_that_is_taken_is_named_and_nothing_starts() {
    let checkout = Checkout::with_release();
    let port = checkout.port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = checkout.xtask(["run"]).run().refused(&format!("another program listens on port {port}"));
    refused.says("next: stop it").says("k8s/envs/local.toml");
    assert_nothing_runs(&checkout);
    assert!(!checkout.path(".xtask/local/postgres-home").exists(), "PostgreSQL was started");

    drop(listener);
    let checkout = checkout.and_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    run.stops().done();
}

#[test]
fn the_port_of_postgresql_being_taken_is_told_and_nothing_is_left() {
    let checkout = Checkout::with_database();
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let words = format!(
        "opening port {port} for the PostgreSQL server of local: another program listens there\n  next: "
    );
    let before = checkout.ids("local");
    for args in [&["run"][..], &["services", "up", "postgres"], &["up"]] {
        let refused =
            checkout.xtask([]).args(args).run().refused(&words).says("whose server has the same data");
        assert!(!refused.stderr.contains("--data") && !refused.stderr.contains("LOG:"), "{}", refused.stderr);
    }
    assert_eq!(checkout.ids("local"), before, "a release was made that cannot run");
    assert_nothing_runs(&checkout);

    // All problems are reported together.
    let _other = TcpListener::bind(("127.0.0.1", checkout.port())).unwrap();
    let both = checkout.xtask(["up"]).run().refused("looking for what local takes: 2 problems");
    both.says(&format!("listens on port {}", checkout.port())).says(&format!("opening port {port}"));
}

#[test]
fn a_process_that_cannot_start_is_quoted_and_nothing_is_left() {
    let checkout = Checkout::with_database();
    // A database that was attached but lets nobody in: all is well with the config until it is used.
    let elsewhere = format!("postgres://todo:canary-password@127.0.0.1:{}/todo", postgres::that_refuses());
    checkout.seal("local", "DATABASE_URL", &elsewhere);
    checkout.release("local");
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
fn an_address_that_is_not_this_machines_is_named_and_nothing_starts() {
    let checkout = Checkout::with_image();
    checkout.configure("local", "BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
    checkout.release("local");
    let refused = checkout.xtask(["run"]).run().refused("cannot listen on 192.0.2.1:");
    refused.says("next: correct BIND_ADDRESS or PORT in k8s/envs/local.toml");
    assert_nothing_runs(&checkout);
    assert!(!checkout.path(".xtask/local/postgres-home").exists(), "PostgreSQL was started");
}

#[test]
fn a_release_from_before_it_named_its_service_goes_by_its_image() {
    let checkout = Checkout::with_database();
    let made = checkout.releases("local").pop().unwrap();
    forge(&Ledger::of(&checkout.repo(), &name("local")), &Release { service: None, ..made.release }, None);
    // So does an image from before a process type could name the variable with its address.
    describe(&checkout, "/processes/0/address", Value::Null);
    checkout.configure("local", "BIND_ADDRESS", "127.0.0.2");
    checkout.release("local");
    for (id, address) in checkout.ids("local").into_iter().zip(["127.0.0.1", "127.0.0.2"]) {
        let mut run = checkout.xtask(["run", &id.to_string(), "--json"]).start();
        run.announces();
        let tree = Tree::of(run.pid());
        assert_eq!(tree.count("todo-api web"), 1);
        let port = checkout.port();
        assert!(TcpStream::connect((address, port)).is_ok());
        let other = if address == "127.0.0.1" { "127.0.0.2" } else { "127.0.0.1" };
        assert!(TcpStream::connect((other, port)).is_err(), "it listens at {other}, too");
        run.stops().done();
    }
}

#[test]
fn a_web_process_that_cannot_start_takes_the_others_with_it() {
    let checkout = Checkout::with_image().and_database();
    checkout.edit_deploy("local", |deploy| _ = deploy.scale.insert("web".into(), 2));
    describe(&checkout, "/processes/0/args/0", "no-such-command");
    checkout.release("local");
    let outcome = checkout.xtask(["run"]).run().exits(1).prints("");
    outcome
        .says("starting web.")
        .says("ended with exit code 2; it said:")
        .says("no-such-command")
        .says("nothing of local runs now");
    assert_nothing_runs(&checkout);
    let failure = xtask_local::failure(&checkout.repo(), &name("local")).unwrap().unwrap();
    assert_eq!((failure.release, failure.back_on), (checkout.ids("local")[0], None));
}

#[test]
fn told_to_stop_while_it_starts_it_leaves_nothing() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run"]).start();
    run.says("starting PostgreSQL");
    let tree = Tree::of(run.pid());
    run.signal(Signal::INT);
    run.ends_within(PATIENCE).exits(1).says("it was stopped before it was ready");
    tree.is_gone_within(PATIENCE);
    assert_nothing_runs(&checkout);
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
