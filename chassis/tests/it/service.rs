//! What a service has from the chassis alone.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Web, ask, run, succeeded};

#[test]
fn it_serves_on_the_port_it_is_told_and_ends_when_asked_to() {
    let web = Web::start(&[("GREETING", "Ahoy")]);
    let address = web.address();
    let answer = ask(address, "/").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("Ahoy"), "{answer}");
    for header in ["x-request-id: ", "x-content-type-options: nosniff", "cache-control: no-cache"] {
        assert!(answer.contains(header), "{header} is missing in {answer}");
    }
    let line = web.logged("request");
    assert_eq!((&line["method"], &line["path"], &line["status"]), (&"GET".into(), &"/".into(), &200.into()));
    let ready = ask(address, "/readyz").unwrap();
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("x-release: none"), "{ready}");
    let nothing = ask(address, "/elsewhere").unwrap();
    assert!(nothing.starts_with("HTTP/1.1 404") && nothing.contains("/problems/not-found"), "{nothing}");
    web.terminate();
    web.logged("stopped");
    assert!(web.ended_well());
}

#[test]
fn no_request_is_lost_while_one_process_takes_over_from_another() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut serving = Web::start_on(&socket);
    serving.logged("listening");
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _over = SetOnDrop(&over);
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let answer = ask(address, "/").expect("somebody always listens");
                    assert!(answer.ends_with("Hello"), "{answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..3 {
            let next = Web::start_on(&socket);
            next.logged("listening");
            let before = answered.load(Ordering::Relaxed);
            serving.terminate();
            serving.logged("stopped");
            let old = std::mem::replace(&mut serving, next);
            assert!(old.ended_well());
            until(|| answered.load(Ordering::Relaxed) > before);
        }
    });
}

/// Lets no other thread go on, also when this one has failed.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn all_errors_are_reported_together() {
    let output = run("web", &[("GREETING", "two words"), ("DRAIN_DELAY", "3")]);
    assert!(!succeeded(output.status));
    let told = String::from_utf8(output.stderr).unwrap();
    let beginnings = ["GREETING is \"two words\"", "PORT is not set", "DRAIN_DELAY is \"3\""];
    for beginning in beginnings {
        assert!(told.lines().any(|line| line.starts_with(beginning)), "{beginning} is missing in {told}");
    }
}

#[test]
fn it_describes_itself() {
    let output = run("describe", &[]);
    assert!(succeeded(output.status));
    let text = String::from_utf8(output.stdout).unwrap();
    let (start, end) = (text.find('{').unwrap(), text.rfind('}').unwrap());
    let contract: Value = serde_json::from_str(&text[start..=end]).unwrap();
    assert_eq!((&contract["service"], &contract["migrate"]), (&"hello-world".into(), &serde_json::json!([])));
    assert_eq!(contract["processes"][0]["readiness"], "/readyz");
    let variables = contract["variables"].as_array().unwrap();
    let greeting = variables.iter().find(|variable| variable["name"] == "GREETING").unwrap();
    assert_eq!((&greeting["default"], &greeting["required"]), (&"Hello".into(), &false.into()));
    assert!(variables.iter().all(|variable| variable["name"] != "DATABASE_URL"));
}

#[test]
fn a_one_off_process_logs_why_it_failed() {
    let output = run("fail", &[("GREETING", "Ahoy"), ("LOG_LEVEL", "error")]);
    assert!(!succeeded(output.status));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("Ahoy is not enough") && log.contains("\"level\":\"ERROR\""), "{log}");
}

#[test]
fn check_looks_at_the_environment_of_every_process() {
    let output = run("check", &[("PORT", "80")]);
    assert!(succeeded(output.status));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("web takes the environment"), "{log}");
    let output = run("check", &[("PORT", "many")]);
    assert!(!succeeded(output.status));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("PORT is") && log.contains("wrong: 1"), "{log}");
}

fn until(reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it takes too long");
        thread::yield_now();
    }
}
