//! A client that takes too much, by ill will or mistake, takes it from no other client.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    database::TestDatabase,
    http::{self, Connection as Http},
    process::{PATIENCE, Service, client},
};

const PROBE: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn is_problem(response: Response, status: u16, kind: &str) {
    assert_eq!(response.status(), status);
    if status != 408 {
        assert_eq!(response.headers()["retry-after"], "1");
    }
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], kind, "{problem}");
}

#[tokio::test]
async fn a_head_must_arrive_in_time_but_between_requests_there_is_time() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("HEAD_TIMEOUT", "300ms")]).await;
    let mut idle = Http::open(service.address).await.unwrap();
    assert_eq!(idle.request(PROBE).await.unwrap().status, 200);
    let mut silent = Http::open(service.address).await.unwrap();
    let mut slow = Http::open(service.address).await.unwrap();
    slow.send(&PROBE[..10]).await.unwrap();
    // Byte by byte does not help.
    let drip = async {
        while slow.send("x").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("the slow one should be cut off");
    assert_eq!(idle.request(PROBE).await.unwrap().status, 200);
    assert_eq!(silent.request(PROBE).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_must_arrive_in_time() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("BODY_TIMEOUT", "200ms"), ("HEAD_TIMEOUT", "100ms")]).await;
    let mut slow = Http::open(service.address).await.unwrap();
    let post = http::post("slow", "keep-alive");
    slow.send(&post[..post.len() - 5]).await.unwrap();
    let answer = slow.answer().await.unwrap();
    assert!(answer.status == 408 && answer.body.contains("/problems/body-too-slow"), "{answer:?}");
}

#[tokio::test]
async fn a_head_must_not_be_too_long() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for (headers, status) in [
        ("a: b\r\n".repeat(50), 200),
        ("a: b\r\n".repeat(100), 431),
        (format!("a: {}\r\n", "b".repeat(8000)), 200),
        (format!("a: {}\r\n", "b".repeat(20_000)), 431),
    ] {
        let mut connection = Http::open(service.address).await.unwrap();
        let request = PROBE.replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
        assert_eq!(connection.request(&request).await.unwrap().status, status, "{} bytes", headers.len());
    }
}

#[tokio::test]
async fn who_watches_holds_no_request_and_has_none_of_its_limits() {
    const LIMIT: &str = "300ms";
    let database = TestDatabase::migrated().await;
    let variables = [
        ("MAX_REQUESTS", "1"),
        ("REQUEST_TIMEOUT", LIMIT),
        ("BODY_TIMEOUT", LIMIT),
        ("HEAD_TIMEOUT", LIMIT),
        ("ANSWER_TIMEOUT", LIMIT),
    ];
    let service = Service::ready(&database, &variables).await;
    let mut stream = client().get(service.url("/api/events")).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    service.until_ok("/api/todos").await;

    sleep(Duration::from_secs(1)).await;
    database.execute("INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'a')").await;
    let told = async {
        let mut text = String::new();
        while !text.contains("event: saved") {
            let chunk = stream.chunk().await.unwrap().expect("the stream should not end");
            text.push_str(str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(PATIENCE, told).await.expect("the stream should go on");
}

#[tokio::test]
async fn one_too_many_requests_is_told_so_and_probes_are_always_let_in() {
    let database = TestDatabase::migrated().await;
    let variables = [("MAX_REQUESTS", "1"), ("DATABASE_STATEMENT_TIMEOUT", "10s")];
    let service = Service::ready(&database, &variables).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let mut first = Http::open(service.address).await.unwrap();
    first.send(&http::post("first", "close")).await.unwrap();
    database.waiting(1).await;
    is_problem(service.get("/api/todos").await, 503, "/problems/overloaded").await;
    for probe in ["/livez", "/readyz"] {
        assert_eq!(service.get(probe).await.status(), 200);
    }
    lock.rollback().await.unwrap();
    assert_eq!(first.answer().await.unwrap().status, 201);
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn who_asks_too_often_is_told_so() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("RATE_LIMIT", "3")]).await;
    let mut refused = 0;
    for _ in 0..200 {
        let response = service.get("/api/todos").await;
        if response.status() != 200 {
            is_problem(response, 429, "/problems/too-many-requests").await;
            refused += 1;
        }
    }
    assert!(refused > 0);
    for _ in 0..50 {
        assert_eq!(service.get("/readyz").await.status(), 200);
    }
    let again = async { while service.get("/api/todos").await.status() != 200 {} };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn pages_from_elsewhere_may_use_the_api_only_if_the_config_names_them() {
    let database = TestDatabase::migrated().await;
    let allowed = "https://app.example.org";
    for (origins, origin, expected) in [
        ("", allowed, None),
        ("http://localhost:3000, https://app.example.org", allowed, Some(allowed)),
        ("http://localhost:3000, https://app.example.org", "https://example.org", None),
    ] {
        let service = Service::ready(&database, &[("CORS_ORIGINS", origins)]).await;
        let ask = |method| client().request(method, service.url("/api/todos")).header("origin", origin);
        let preflight = ask(Method::OPTIONS)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,idempotency-key");
        for request in [preflight, ask(Method::GET), ask(Method::POST).json(&json!({"title": ""}))] {
            let response = request.send().await.unwrap();
            let answered = response.headers().get("access-control-allow-origin");
            assert_eq!(answered.map(|origin| origin.to_str().unwrap()), expected, "{origins}: {origin}");
        }
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for path in ["/livez", "/api/todos", "/nothing", "/api/docs", "/api/todos/x"] {
        let response = service.get(path).await;
        for (name, part) in [
            ("cache-control", "no-cache"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=()"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap());
            assert!(value.is_some_and(|value| value.contains(part)), "{path}: {name}: {value:?}");
        }
    }
}
