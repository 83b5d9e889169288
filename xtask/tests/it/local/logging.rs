//! `logs`: what the processes of a local deploy have written, now and after they are gone.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};

use crate::support::{
    checkout::Checkout,
    command::{PROGRAM, Xtask},
    http,
    processes::Tree,
};

/// What each web process says once.
const LISTENING: &str = "\"listening\"";

#[test]
fn following_ends_with_its_reader_not_with_the_next_line() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let wrapper = ["bash", "-c", "\"$@\" | head -n 1", "bash"];
    let follow = Xtask::through(&wrapper, &checkout.root, &checkout.home);
    let seen = follow.args(["logs", "--follow", "--grep", LISTENING]).run().done();
    assert_eq!((seen.stdout.lines().count(), &*seen.stderr), (1, ""));
    run.stops().done();
}

#[test]
fn lines_are_kept_over_restarts_take_overs_and_the_end() {
    let checkout = Checkout::with_database();
    let first = checkout.ids("local")[0].to_string();
    checkout.xtask(["logs"]).run().done().prints("");
    let mut follow = checkout.xtask(["logs", "--follow", "--json", "--grep", LISTENING]).start();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert_eq!(follow.announces()["release"], first);

    kill_process(Tree::of(run.pid()).find("todo-api web"), Signal::KILL).unwrap();
    let again = follow.announces();
    assert_eq!((&again["process"], &again["release"]), (&"web.1".into(), &first.as_str().into()));

    checkout.configure("local", "LOG_LEVEL", "debug");
    checkout.release("local");
    let second = checkout.ids("local")[1].to_string();
    checkout.xtask(["run"]).run().done();
    assert_eq!(follow.announces()["release"], second, "the release that took over is followed, too");
    http::add(checkout.port(), "Something to log");
    run.stops().done();

    // Another run goes on where the first one stopped.
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert_eq!(follow.announces()["release"], second);
    run.stops().done();
    follow.signal(Signal::INT);

    let count = |args: &[&str]| {
        let outcome = checkout.xtask(["logs", "--raw"]).args(args).run().done();
        let said = if outcome.stdout.is_empty() { "no line of local is like that\n" } else { "" };
        assert_eq!(outcome.stderr, said);
        outcome.stdout.lines().filter(|line| line.contains(LISTENING)).count()
    };
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--release", &first]), 2);
    assert_eq!(count(&["--release", &first, "--previous"]), 1, "the process that was killed");
    assert_eq!(count(&["--process", "web"]), 4);
    assert_eq!(count(&["--process", "migrate"]), 0);
    assert_eq!(count(&["--since", "1h", "--grep", LISTENING, "-n", "3"]), 3);
    assert_eq!(count(&["--since", "2999-01-01T00:00:00Z"]), 0);

    let all = checkout.xtask(["logs"]).run().done().stdout;
    let listening = all.lines().find(|line| line.contains("listening")).unwrap();
    assert!(
        listening.starts_with("web.1     | 2") && listening.contains(" INFO  listening address="),
        "{all}"
    );
    assert!(all.contains("migrate   | ") && all.contains("/api/todos"), "{all}");
    let times = checkout.xtask(["logs", "--json"]).run().done().stdout;
    let times = times.lines().map(|line| line[..40].to_owned());
    assert!(times.is_sorted_by(|a, b| a <= b), "in order of time");

    checkout.xtask(["down", "--data", "--yes"]).run().done();
    checkout.xtask(["logs"]).run().done().prints("");
}

#[test]
fn a_reader_that_has_enough_is_no_failure_and_what_is_there_is_read_quickly_whatever_it_is() {
    let checkout = Checkout::without_source();
    let folder = checkout.path(".xtask/local/logs");
    fs::create_dir_all(&folder).unwrap();
    let line = |n: usize| {
        format!("2011-04-06T20:32:17.{n:06}Z 2011-04-06-20:32:17 web.1 4711 {{\"message\":\"line {n}\"}}\n")
    };
    let lines: String = (0..10_000).map(line).collect();
    fs::write(folder.join("00000001.log"), lines + "2011-04-06T20:32:18.000000Z part of a line").unwrap();
    let all = checkout.xtask(["logs", "--raw"]).run().done().stdout;
    assert_eq!(all.lines().count(), 10_000);
    assert_eq!(all.lines().last(), Some("{\"message\":\"line 9999\"}"));

    let mut logs = Command::new(PROGRAM);
    logs.args(["logs", "--follow"]).current_dir(&checkout.root);
    let mut child = logs.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    // Less is read than a pipe holds, and the pipe is closed.
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "web.1     | 2011-04-06 20:32:17.000       line 0\n");
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn a_deploy_goes_on_where_its_lines_cannot_be_kept() {
    let checkout = Checkout::with_database();
    fs::create_dir_all(checkout.path(".xtask/local")).unwrap();
    fs::write(checkout.path(".xtask/local/logs"), "no folder").unwrap();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    http::add(checkout.port(), "Nothing of this is kept");
    let ran = run.stops().done();
    assert_eq!(ran.stderr.matches("lines cannot be kept in").count(), 1, "{}", ran.stderr);
}
