//! The deploy's own server, by itself and beside a `run`.

use std::fs;

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde_json::json;

use crate::support::{
    PATIENCE,
    checkout::Checkout,
    command::{PROGRAM, Xtask},
    http, needs, ports,
    postgres::{ask, titles},
    processes::Tree,
};

#[test]
fn a_server_needs_no_build_and_no_release_and_outlives_the_command() {
    let checkout = Checkout::without_source();
    assert_eq!(listed(&checkout), json!({ "endpoint": null, "state": "down" }));
    let up = up(&checkout);
    let endpoint = format!("127.0.0.1:{}/todo_api", checkout.deploy("local").services.postgres.unwrap().port);
    assert_eq!(up, json!({ "env": "local", "name": "postgres", "status": "started", "endpoint": endpoint }));
    assert_eq!(listed(&checkout), json!({ "endpoint": endpoint, "state": "up" }));
    assert_eq!(ask(&url(&checkout), "SELECT current_user").unwrap(), "todo_api");
    assert_eq!(self::up(&checkout)["status"], "unchanged");

    let down = checkout.xtask(["services", "down", "postgres", "--json"]).run().done();
    let stopped = |stopped| json!({ "env": "local", "name": "postgres", "stopped": stopped, "data": "kept" });
    assert_eq!(down.json(), stopped(true));
    assert_eq!(listed(&checkout), json!({ "endpoint": endpoint, "state": "down" }));
    ask(&url(&checkout), "SELECT 1").unwrap_err();
    let down = checkout.xtask(["services", "down", "postgres", "--json"]).run().done();
    assert_eq!(down.json(), stopped(false));
}

#[test]
fn what_postgresql_does_not_take_is_refused_and_another_user_has_the_database_from_then_on() {
    let checkout = Checkout::without_source();
    up(&checkout);
    checkout.xtask(["services", "down", "postgres"]).run().done();
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let up_as = |user: &str| {
        let url = format!("postgres://{user}:canary@127.0.0.1:{port}/todo_api");
        checkout.xtask(["config", "set", "--secret", "DATABASE_URL"]).input(&url).run().done();
        checkout.xtask(["services", "up", "postgres"]).run()
    };
    up_as("pg_todo").refused("PostgreSQL keeps the user's name for itself");
    // What no check knows, the server's own word counts for.
    let refused = up_as("a%00b").refused("invalid message format");
    assert!(!refused.stderr.contains("canary"), "{}", refused.stderr);
    up_as("another").done();
    assert_eq!(ask(&url(&checkout), "SELECT current_user").unwrap(), "another");
    ask(&url(&checkout), "CREATE TABLE of_another (number integer)").unwrap();
}

#[test]
fn a_server_that_moves_to_another_port_takes_its_url_and_its_data_along() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    http::add(checkout.port(), "Moved");
    run.stops().done();
    let port = ports::free();
    checkout.edit_deploy("local", |deploy| deploy.services.postgres.as_mut().unwrap().port = port);
    let told =
        format!("DATABASE_URL is sealed anew: the deploy's own server has the port {port} from this release");
    checkout.xtask(["release", "--env", "local"]).run().done().says(&told);
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert!(url(&checkout).contains(&format!(":{port}/")));
    assert_eq!(titles(&url(&checkout)), "Moved");
    run.stops().done();
}

#[test]
fn a_run_uses_the_server_that_is_there_and_leaves_it_running() {
    let checkout = Checkout::with_database();
    up(&checkout);
    let server = Tree::of(postmaster(&checkout));
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert_eq!(Tree::of(run.pid()).len(), 2, "run and web");
    http::add(checkout.port(), "Kept");
    let refused = checkout.xtask(["services", "down", "postgres"]).run().refused("may need it");
    refused.says(&format!("process {}", run.pid().as_raw_nonzero())).says("cargo xtask down --env local");
    assert_eq!(up(&checkout)["status"], "unchanged");
    run.stops().done().says("PostgreSQL runs already");
    assert_eq!(titles(&url(&checkout)), "Kept", "it was left running");

    let down = checkout.xtask(["down", "--json"]).run().done();
    assert_eq!(down.json(), json!({ "env": "local", "stopped": true, "data": "kept" }));
    server.is_gone_within(PATIENCE);
    up(&checkout);
    assert_eq!(titles(&url(&checkout)), "Kept", "the data were kept");
    checkout.xtask(["services", "down", "postgres", "--data", "--yes"]).run().done();
    up(&checkout);
    ask(&url(&checkout), "SELECT 1 FROM todos").unwrap_err();
}

#[test]
fn the_server_of_a_run_is_told_to_be_that() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let up = checkout.xtask(["services", "up", "postgres", "--json"]).run().done();
    assert_eq!(up.text("status"), "unchanged");
    up.says("has started it, and stops it when it ends");
    checkout.xtask(["services", "down", "postgres"]).run().refused("may need it");
    run.stops().done();
    assert_eq!(listed(&checkout)["state"], "down");
}

#[test]
fn a_run_and_a_server_may_be_started_at_once() {
    let checkout = Checkout::with_release();
    for title in ["One", "Two", "Three"] {
        let up = checkout.xtask(["services", "up", "postgres"]).start();
        let mut run = checkout.xtask(["run", "--json"]).start();
        run.announces();
        up.ends_within(PATIENCE).done();
        http::add(checkout.port(), title);
        run.stops().done();
        checkout.xtask(["down"]).run().done();
    }
    up(&checkout);
    assert_eq!(titles(&url(&checkout)), "One\nThree\nTwo");
}

#[test]
fn killed_at_any_step_the_same_command_converges() {
    let checkout = Checkout::without_source();
    for step in ["making the PostgreSQL data folder", "starting PostgreSQL"] {
        let mut up = checkout.xtask(["services", "up", "postgres"]).start();
        up.says(step);
        up.dies();
    }
    up(&checkout);
    assert_eq!(ask(&url(&checkout), "SELECT current_database()").unwrap(), "todo_api");
    // The server itself dies, too.
    dies(postmaster(&checkout));
    assert_eq!(up(&checkout)["status"], "started");
    assert_eq!(ask(&url(&checkout), "SELECT current_database()").unwrap(), "todo_api");
}

/// Kills a process, and waits for its end: on a busy machine it is there for a while yet.
fn dies(pid: Pid) {
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    pidfd_send_signal(&process, Signal::KILL).unwrap();
    let patience = PATIENCE.try_into().unwrap();
    assert_eq!(poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)), Ok(1), "it lives on");
}

#[test]
fn a_killed_runs_server_is_not_taken_for_one_that_stays() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    http::add(checkout.port(), "Acknowledged");
    let tree = Tree::of(run.pid());
    run.dies();
    assert_eq!(up(&checkout)["status"], "started");
    tree.is_gone_within(PATIENCE);
    assert_eq!(titles(&url(&checkout)), "Acknowledged");
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_made() {
    let checkout = Checkout::without_source().and_database();
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = checkout.xtask(["services", "up", "postgres"]).run();
    refused.refused(&format!(
        "opening port {port} for the PostgreSQL server of local: another program listens there"
    ));
    drop(listener);
    assert_eq!(up(&checkout)["status"], "started");
}

#[test]
fn a_server_that_runs_with_another_port_is_not_used() {
    let checkout = Checkout::with_database();
    up(&checkout);
    let port = ports::free();
    checkout.edit_deploy("local", |deploy| deploy.services.postgres.as_mut().unwrap().port = port);
    checkout.seal("local", "DATABASE_URL", &format!("postgres://todo_api:another@127.0.0.1:{port}/todo_api"));
    checkout.release("local");
    let next = "cargo xtask services down postgres --env local";
    checkout.xtask(["run"]).run().refused("it runs on port").says(next);
    checkout.xtask(["services", "up", "postgres"]).run().refused("it runs on port").says(next);
    checkout.xtask(["services", "down", "postgres"]).run().done();
    up(&checkout);
    assert_eq!(ask(&url(&checkout), "SELECT 1").unwrap(), "1", "the new password was set");
}

#[test]
fn an_ordinary_user_has_it_all_in_the_checkout() {
    // Without root, all other tests show this.
    let Some(user) = needs::root().then(needs::nobody) else { return };
    let checkout = Checkout::with_image();
    let program = checkout.around().join("xtask");
    fs::copy(PROGRAM, &program).unwrap();
    checkout.belongs_to(user);
    let xtask =
        |args: &[&str]| Xtask::with(&program, &checkout.root, &checkout.home).args(args).by_user(user);

    xtask(&["services", "up", "postgres"]).run().done();
    assert_eq!(ask(&url(&checkout), "SELECT 1").unwrap(), "1");
    assert!(checkout.path(".xtask/local/postgres/log").is_file());
    xtask(&["release", "--env", "local"]).run().done();
    let mut run = xtask(&["run", "--json"]).start();
    run.announces();
    http::add(checkout.port(), "Mine");
    run.stops().done();
    xtask(&["down", "--data", "--yes"]).run().done();
    assert!(!checkout.path(".xtask/local/postgres").exists());
    xtask(&["services", "up", "postgres"]).run().done();
    assert_eq!(ask(&url(&checkout), "SELECT 1").unwrap(), "1", "user and database were made again");
    xtask(&["down"]).run().done();
}

#[track_caller]
fn up(checkout: &Checkout) -> serde_json::Value {
    checkout.xtask(["services", "up", "postgres", "--json"]).run().done().json()
}

/// Where the one service is, and whether it is there.
#[track_caller]
fn listed(checkout: &Checkout) -> serde_json::Value {
    let list = checkout.xtask(["services", "--json"]).run().done().json();
    let service = &list[0];
    assert_eq!((list.as_array().unwrap().len(), &service["name"]), (1, &json!("postgres")));
    assert_eq!((&service["variable"], &service["attached"]), (&json!("DATABASE_URL"), &json!(false)));
    json!({ "endpoint": service["endpoint"], "state": service["state"] })
}

fn url(checkout: &Checkout) -> String {
    checkout.secret("local", "DATABASE_URL").expose().to_owned()
}

/// The process of the server that runs.
#[track_caller]
fn postmaster(checkout: &Checkout) -> Pid {
    let home = fs::read_to_string(checkout.path(".xtask/local/postgres-home")).unwrap();
    let data = checkout.path(".xtask/local").join(home.trim()).join("data/postmaster.pid");
    let pid = fs::read_to_string(data).unwrap().lines().next().unwrap().parse().unwrap();
    Pid::from_raw(pid).unwrap()
}
