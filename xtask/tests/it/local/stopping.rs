//! Told to stop under load, no request is lost and no acknowledged todo either.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{
    PATIENCE,
    checkout::Checkout,
    http,
    load::{Habit, Load},
    processes::Tree,
};

#[test]
fn no_request_on_kept_connections_is_lost() {
    stops_under_load(true);
}

#[test]
fn no_request_on_new_connections_is_lost() {
    stops_under_load(false);
}

fn stops_under_load(keep_alive: bool) {
    let checkout = Checkout::with_image().and_database();
    checkout.configure("local", "DRAIN_DELAY", "500ms");
    // How soon a busy machine opens another connection is not what is looked at.
    checkout.configure("local", "DATABASE_ACQUIRE_TIMEOUT", "5s");
    checkout.release("local");
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let tree = Tree::of(run.pid());
    let habit = Habit { keep_alive, pause: Duration::ZERO, ends_when_refused: true };
    let load = Load::start(checkout.port(), 4, habit);
    load.makes(200);
    run.signal(Signal::TERM);
    let acknowledged = load.ends();
    run.ends_within(PATIENCE).done();
    tree.is_gone_within(PATIENCE);

    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert_eq!(count(checkout.port()), acknowledged);
    run.stops().done();
}

/// How many todos there are, page by page.
fn count(port: u16) -> u32 {
    let mut count = 0;
    let mut path = "/api/todos?limit=100".to_owned();
    loop {
        let page = http::get(port, &path);
        count += u32::try_from(page["items"].as_array().unwrap().len()).unwrap();
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/todos?limit=100&cursor={cursor}"),
            None => return count,
        }
    }
}
