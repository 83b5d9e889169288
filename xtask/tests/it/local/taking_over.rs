//! A new release takes over from the one that runs, and nobody who asks the service notices.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::falling_back::never_becomes_ready;
use crate::support::{
    PATIENCE,
    checkout::Checkout,
    foreground::Foreground,
    http,
    load::{Habit, Load},
    ports,
    processes::Tree,
};

/// Clients who do not end before they are told to.
pub(crate) fn habit(keep_alive: bool) -> Habit {
    Habit { keep_alive, pause: Duration::from_millis(2), ends_when_refused: false }
}

/// Makes a release and tells its ID.
pub(crate) fn release(checkout: &Checkout) -> String {
    checkout.release("local").to_string()
}

/// Starts what was released last, and waits until it serves.
pub(crate) fn up(checkout: &Checkout) -> Foreground {
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    run
}

/// The release that answers.
pub(crate) fn serving(port: u16) -> String {
    let mut connection = http::Connection::open(port).unwrap();
    let answer = connection.request("GET /readyz", "", false).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.release.unwrap()
}

#[test]
fn no_request_is_lost_on_kept_connections() {
    takes_over_under_load(true);
}

#[test]
fn no_request_is_lost_on_new_connections() {
    takes_over_under_load(false);
}

fn takes_over_under_load(keep_alive: bool) {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let before = Tree::of(run.pid());
    let load = Load::start(checkout.port(), 4, habit(keep_alive));
    load.makes(50);
    let mut ids = checkout.ids("local");
    for _ in 0..3 {
        let id = release(&checkout);
        let ran = checkout.xtask(["run", "--json"]).run().done().json();
        let expected = [
            ("release", json!(id)),
            ("status", json!("started")),
            ("replaced", json!(ids.last().unwrap().to_string())),
            ("supervisor", json!(run.pid().as_raw_nonzero().get())),
        ];
        for (key, value) in expected {
            assert_eq!(ran[key], value, "{key} of {ran}");
        }
        assert_eq!(serving(checkout.port()), id);
        load.makes(50);
        ids = checkout.ids("local");
    }
    load.stops();
    let after = Tree::of(run.pid());
    assert_eq!(after.count("todo-api "), 1, "nothing of the releases before is left");
    assert_eq!(after.find("postgres -D"), before.find("postgres -D"), "PostgreSQL went on");
    let outcome = run.stops().done();
    assert_eq!(outcome.json()["release"], ids[0].to_string(), "one document on its standard output");
    after.is_gone_within(PATIENCE);
}

#[test]
fn a_request_that_is_under_way_and_a_connection_that_is_open_are_served() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let mut idle = http::Connection::open(checkout.port()).unwrap();
    assert_eq!(idle.add("Before", true).unwrap().status, 201);
    let mut slow = http::Connection::open(checkout.port()).unwrap();
    slow.begins_to_add("Under way").unwrap();
    release(&checkout);
    let mut command = checkout.xtask(["run"]).start();
    command.says("stopping the processes of the release before");
    assert_eq!(slow.ends_adding().unwrap().status, 201);
    command.ends_within(PATIENCE).done();
    assert_eq!(http::get(checkout.port(), "/api/todos")["items"].as_array().unwrap().len(), 2);
    run.stops().done();
}

#[test]
fn up_and_rollback_take_over_too_and_say_where_it_runs() {
    let checkout = Checkout::built().and_database();
    let mut up = checkout.xtask(["up", "--json"]).start();
    let first = up.announces()["release"].as_str().unwrap().to_owned();
    let pid = up.pid().as_raw_nonzero();
    checkout.configure("local", "LOG_LEVEL", "debug");
    let second = checkout.xtask(["up"]).run().done();
    assert!(
        second.stdout.contains(&format!("after {first} (in the run that is up, process {pid})")),
        "{second:?}"
    );
    checkout.xtask(["rollback"]).run().done();
    assert_eq!(serving(checkout.port()), checkout.ids("local")[2].to_string());

    let again = checkout.xtask(["run", "--json"]).run().done().json();
    assert_eq!((&again["status"], &again["replaced"]), (&json!("unchanged"), &Value::Null));
    // The rollback is unlike what the deploy's file says; once it says the same, nothing is new.
    checkout.configure("local", "LOG_LEVEL", "info");
    checkout.xtask(["up"]).run().done().says("nothing is new since the release");
    assert_eq!(checkout.ids("local").len(), 3);
    up.stops().done();
}

#[test]
fn a_release_with_another_port_or_address_serves_there_and_the_old_one_is_closed() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let old = checkout.port();
    let load = Load::start(old, 2, Habit { ends_when_refused: true, ..habit(false) });
    load.makes(20);
    checkout.configure("local", "PORT", &ports::free().to_string());
    let id = release(&checkout);
    checkout.xtask(["run"]).run().done().prints(&format!(
        "http://localhost:{} — local runs release {id}, after {} (in the run that is up, process {})\n",
        checkout.port(),
        checkout.ids("local")[0],
        run.pid().as_raw_nonzero(),
    ));
    load.ends();
    assert_eq!(serving(checkout.port()), id);

    // All addresses hold the one that is listened on.
    let load = Load::start(checkout.port(), 2, habit(false));
    checkout.configure("local", "BIND_ADDRESS", "0.0.0.0");
    let id = release(&checkout);
    checkout.xtask(["run"]).run().done();
    load.makes(20);
    load.stops();
    assert_eq!(serving(checkout.port()), id);
    run.stops().done();
}

#[test]
fn a_release_with_another_database_of_its_own_is_refused_while_one_runs() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let first = serving(checkout.port());
    let other = ports::free();
    let url = checkout.secret("local", "DATABASE_URL");
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let moved = url.expose().replace(&format!(":{port}/"), &format!(":{other}/"));
    checkout.edit_deploy("local", |deploy| deploy.services.postgres.as_mut().unwrap().port = other);
    checkout.seal("local", "DATABASE_URL", &moved);
    release(&checkout);
    let refused = checkout.xtask(["run"]).run().refused(&format!("it runs on port {port}, not on {other}"));
    refused.says("next: stop what runs with `cargo xtask down --env local`");
    assert_eq!(serving(checkout.port()), first);
    run.stops().done();

    let run = up(&checkout);
    assert_ne!(serving(checkout.port()), first);
    run.stops().done();
}

#[test]
fn told_to_stop_in_the_middle_it_stops_all_and_says_so() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    never_becomes_ready(&checkout);
    let id = release(&checkout);
    let mut command = checkout.xtask(["run"]).start();
    command.says("starting the processes");
    let tree = Tree::of(run.pid());
    run.signal(Signal::TERM);
    command.ends_within(PATIENCE).exits(1).says("ended before it was done").says("cargo xtask run");
    run.ends_within(PATIENCE).done();
    tree.is_gone_within(PATIENCE);
    assert_ne!(checkout.ids("local")[0].to_string(), id);
}
