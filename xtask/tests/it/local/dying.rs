//! Sudden death: of a process, of the database, of `run` itself.

use rustix::process::{Signal, kill_process};

use crate::support::{PATIENCE, checkout::Checkout, http, processes::Tree};

#[test]
fn killed_run_leaves_no_process_and_the_same_command_works_again_at_once() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let address = http::add(checkout.port(), "Outlives all of this");
    let tree = Tree::of(run.pid());
    assert!(tree.len() >= 3, "run, web and PostgreSQL");
    run.dies();

    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    tree.is_gone_within(PATIENCE);
    assert_eq!(http::get(checkout.port(), &address)["title"], "Outlives all of this");
    run.stops().done();
}

#[test]
fn killed_run_leaves_no_process_even_if_nobody_runs_it_again() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let tree = Tree::of(run.pid());
    run.dies();
    tree.is_gone_within(PATIENCE);
}

#[test]
fn a_killed_process_is_started_again_beside_the_others() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let address = http::add(checkout.port(), "Still here");
    let tree = Tree::of(run.pid());
    kill_process(tree.find("todo-api web"), Signal::KILL).unwrap();
    run.says("web.1 was ended: signal: 9 (SIGKILL); it starts again");
    run.says("listening");
    assert_eq!(http::get(checkout.port(), &address)["title"], "Still here");
    let now = Tree::of(run.pid());
    assert_eq!(now.find("postgres -D"), tree.find("postgres -D"), "the others went on");
    run.stops().done();
    now.is_gone_within(PATIENCE);
}

#[test]
fn a_killed_database_comes_back_with_all_that_was_acknowledged() {
    let checkout = Checkout::with_release(); // whose server brings to disk what it acknowledges
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let addresses: Vec<String> = (0..20).map(|_| http::add(checkout.port(), "Acknowledged")).collect();
    kill_process(Tree::of(run.pid()).find("postgres -D"), Signal::KILL).unwrap();
    run.says("postgres was ended: signal: 9 (SIGKILL); it starts again");
    run.says("database system is ready to accept connections");
    for address in addresses {
        assert_eq!(http::get(checkout.port(), &address)["title"], "Acknowledged");
    }
    run.stops().done();
}
