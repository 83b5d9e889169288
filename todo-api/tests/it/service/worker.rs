//! What happens to todos, and what is due, is told to whom the config names.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    process::Child,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    database::TestDatabase,
    process::{PATIENCE, PATIENT, Service, client, command, run},
};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What came in, in the order in which it came.
type Taken = watch::Sender<Vec<(HeaderMap, Value)>>;
/// How many deliveries of a todo with this title are refused first.
type Refusals = Arc<Mutex<HashMap<String, usize>>>;

struct Receiver {
    url: String,
    taken: Taken,
    refusals: Refusals,
    /// How long each delivery takes.
    delay: Arc<Mutex<Duration>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (taken, refusals) = (Taken::new(Vec::new()), Refusals::default());
        let delay = Arc::<Mutex<Duration>>::default();
        let state = (taken.clone(), refusals.clone(), delay.clone());
        let router = Router::new().route("/hook", post(take)).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, taken, refusals, delay }
    }

    /// Waits for so many deliveries, and gives back what came.
    async fn takes(&self, count: usize) -> Vec<(HeaderMap, Value)> {
        let mut taken = self.taken.subscribe();
        let enough = timeout(PATIENCE, taken.wait_for(|taken| taken.len() >= count)).await;
        enough.unwrap_or_else(|_| panic!("too little came: {:#?}", self.taken.borrow())).unwrap().clone()
    }
}

type Receiving = (Taken, Refusals, Arc<Mutex<Duration>>);

async fn take(
    State((taken, refusals, delay)): State<Receiving>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    check_signature(&headers, &body);
    let event: Value = serde_json::from_slice(&body).unwrap();
    let delay = *delay.lock().unwrap();
    sleep(delay).await;
    let title = event["data"]["title"].as_str().unwrap();
    if let Some(left) = refusals.lock().unwrap().get_mut(title).filter(|left| **left > 0) {
        *left -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    taken.send_modify(|taken| taken.push((headers, event)));
    StatusCode::NO_CONTENT
}

fn check_signature(headers: &HeaderMap, body: &[u8]) {
    let header = |name: &str| headers[name].to_str().unwrap();
    let signed = [header("webhook-id"), ".", header("webhook-timestamp"), "."].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(SECRET).unwrap());
    let tag = hmac::sign(&key, &[signed.as_bytes(), body].concat());
    assert_eq!(header("webhook-signature"), format!("v1,{}", BASE64_STANDARD.encode(tag)));
    let trace: Vec<_> = header("traceparent").split('-').map(str::len).collect();
    assert_eq!(trace, [2, 32, 16, 2]);
}

fn worker(database: &TestDatabase, url: &str, attempts: &str) -> Child {
    let secret = format!("whsec_{SECRET}");
    let variables = [
        ("DATABASE_URL", &*database.url()),
        ("WEBHOOK_URL", url),
        ("WEBHOOK_SECRET", &secret),
        ("WEBHOOK_ATTEMPTS", attempts),
    ];
    command(&["worker"], &[&PATIENT[..], &variables].concat()).stdout(Stdio::null()).spawn().unwrap()
}

fn signal(worker: &Child, signal: Signal) {
    let id = i32::try_from(worker.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

async fn add(service: &Service, todo: Value) -> Value {
    let response = client().post(service.url("/api/todos")).json(&todo).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

async fn change(service: &Service, todo: &Value, patch: Value) {
    let url = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    assert_eq!(client().patch(url).json(&patch).send().await.unwrap().status(), 200);
}

async fn count(database: &TestDatabase, sql: &'static str) -> i64 {
    database.value(sql).await
}

async fn becomes(database: &TestDatabase, sql: &'static str, expected: i64) {
    let wait = async {
        while count(database, sql).await != expected {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{sql} should become {expected}"));
}

const LEFT: &str = "SELECT count(*) FROM outbox";
const DEAD: &str = "SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL AND last_error = 'it answered 500'";

#[tokio::test]
async fn changes_are_told_once_and_in_their_order() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let receiver = Receiver::start().await;
    let todo = add(&service, json!({"title": "a"})).await;
    for title in ["b", "c"] {
        change(&service, &todo, json!({ "title": title })).await;
    }
    let url = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    assert_eq!(client().delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(client().post(format!("{url}/restore")).json(&json!({})).send().await.unwrap().status(), 200);
    // Refused at first, it still comes before the others.
    receiver.refusals.lock().unwrap().insert("a".into(), 1);
    let _workers = [worker(&database, &receiver.url, "5"), worker(&database, &receiver.url, "5")];
    let told: Vec<_> = receiver
        .takes(5)
        .await
        .into_iter()
        .map(|(_, event)| {
            format!("{} {}", event["type"].as_str().unwrap(), event["data"]["title"].as_str().unwrap())
        })
        .collect();
    let expected =
        ["todo.created a", "todo.changed b", "todo.changed c", "todo.removed c", "todo.restored c"];
    assert_eq!(told, expected);
    becomes(&database, LEFT, 0).await;
}

#[tokio::test]
async fn what_is_due_is_told_once_unless_it_is_done_before() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let receiver = Receiver::start().await;
    let _workers = [worker(&database, &receiver.url, "5"), worker(&database, &receiver.url, "5")];
    let soon = (chrono::Utc::now() + Duration::from_secs(2)).to_rfc3339();
    let done = add(&service, json!({"title": "done", "due_at": soon})).await;
    change(&service, &done, json!({"completed_at": "2020-01-01T00:00:00Z"})).await;
    let later = add(&service, json!({"title": "later", "due_at": soon})).await;
    change(&service, &later, json!({"due_at": "2100-01-01T00:00:00Z"})).await;
    add(&service, json!({"title": "due", "due_at": soon})).await;
    let told = receiver.takes(6).await;
    let due: Vec<_> = told.iter().filter(|(_, event)| event["type"] == "todo.due").collect();
    assert!(matches!(&due[..], [(_, event)] if event["data"]["title"] == "due"), "{told:#?}");
    assert_eq!(count(&database, "SELECT count(*) FROM reminders").await, 1, "the one that is due later");
}

#[tokio::test]
async fn what_is_refused_too_often_is_given_up_and_holds_up_nothing() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let receiver = Receiver::start().await;
    receiver.refusals.lock().unwrap().insert("bad".into(), usize::MAX);
    let todo = add(&service, json!({"title": "bad"})).await;
    change(&service, &todo, json!({"title": "good"})).await;
    let _worker = worker(&database, &receiver.url, "2");
    let told = receiver.takes(1).await;
    assert_eq!(told[0].1["data"]["title"], "good");
    becomes(&database, LEFT, 1).await;
    assert_eq!(count(&database, DEAD).await, 1);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_and_one_that_is_killed_loses_nothing() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let receiver = Receiver::start().await;
    for number in 0..40 {
        add(&service, json!({"title": number.to_string()})).await;
    }
    *receiver.delay.lock().unwrap() = Duration::from_millis(500);
    let mut stopped = worker(&database, &receiver.url, "5");
    becomes(&database, "SELECT count(*) FROM outbox WHERE attempts > 0", 16).await;
    signal(&stopped, Signal::TERM);
    let status = timeout(PATIENCE, stopped.wait()).await.unwrap().unwrap();
    assert!(status.success());
    let delivered = receiver.taken.borrow().len();
    assert!(delivered >= 16, "{delivered}");
    assert_eq!(count(&database, LEFT).await, 40 - i64::try_from(delivered).unwrap());
    assert_eq!(count(&database, "SELECT count(*) FROM outbox WHERE attempts > 0").await, 0);

    let mut killed = worker(&database, &receiver.url, "5");
    becomes(&database, "SELECT (count(*) > 0)::int::bigint FROM outbox WHERE attempts > 0", 1).await;
    signal(&killed, Signal::KILL);
    killed.wait().await.unwrap();
    // Half a minute is too long for a test.
    database.execute("UPDATE outbox SET next_attempt_at = now()").await;
    *receiver.delay.lock().unwrap() = Duration::ZERO;
    let _last = worker(&database, &receiver.url, "5");
    becomes(&database, LEFT, 0).await;
    let taken = receiver.taken.borrow().clone();
    for number in 0..40 {
        let title = number.to_string();
        assert!(taken.iter().any(|(_, event)| event["data"]["title"] == *title), "{title} is lost");
    }
}

#[tokio::test]
async fn whether_a_worker_is_alive_can_be_asked_and_nobody_can_answer_for_it() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let worker = worker(&database, "http://127.0.0.1:1/", "5");
    let ask =
        async |process: u32| command(&["worker", &format!("--alive={process}")], &[]).output().await.unwrap();
    let started = async { while !ask(worker.id().unwrap()).await.status.success() {} };
    timeout(PATIENCE, started).await.unwrap();
    // Sockets in no folder are anybody's, and would be the first to be there.
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    assert!(!sockets.contains("todo-api-worker"), "{sockets}");
    for other in [service.id(), 0x7fff_ffff] {
        let output = ask(other).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("cannot ask the worker"));
    }
}

#[tokio::test]
async fn a_webhook_needs_a_secret_and_neither_is_shown() {
    let database_url = ("DATABASE_URL", "postgres://user@127.0.0.1:1/todos");
    for (variables, named) in [
        (&[("WEBHOOK_URL", "https://user:canary@example.org/")][..], "WEBHOOK_SECRET is not set"),
        (&[("WEBHOOK_URL", "canary"), ("WEBHOOK_SECRET", "canary")], "WEBHOOK_URL is malformed"),
        (
            &[("WEBHOOK_URL", "https://example.org/"), ("WEBHOOK_SECRET", "canary")],
            "WEBHOOK_SECRET is malformed",
        ),
    ] {
        let output = run("worker", &[&[database_url], variables].concat()).await;
        assert_eq!(output.status.code(), Some(2));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(named) && !errors.contains("canary"), "{errors}");
    }
}

#[tokio::test]
async fn what_is_next_is_found_by_index_however_empty_the_outbox_was_when_the_worker_began() {
    const BURST: i64 = 3000;
    const READ: &str = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'outbox'";
    const CONNECTED: &str = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'todo-api'";
    let (database, receiver) = (TestDatabase::migrated().await, Receiver::start().await);
    // The worker's connection plans its statements while the outbox is empty, and known to be.
    database.execute("VACUUM ANALYZE").await;
    let mut worker = worker(&database, &receiver.url, "3");
    // A plan that is kept is made after five.
    for count in 1..8 {
        database.execute("INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'a')").await;
        receiver.takes(count).await;
    }
    let burst = format!("SELECT gen_random_uuid(), 'b' FROM generate_series(1, {BURST})");
    database.execute(&format!("INSERT INTO todos (id, title) {burst}")).await;
    receiver.takes(7 + 16).await;
    signal(&worker, Signal::TERM);
    assert!(timeout(PATIENCE, worker.wait()).await.unwrap().unwrap().success());
    // A connection's work is counted when it ends.
    becomes(&database, CONNECTED, 0).await;
    let read: i64 = database.value(READ).await;
    // Each looks at no more than some, however often the worker has asked; by the wrong plan, each looks at all of them.
    assert!(read < 100 * BURST, "{read}");
}
