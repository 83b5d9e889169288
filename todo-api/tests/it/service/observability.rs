//! What the service says about what it does.

use uuid::Uuid;

use super::{
    database::TestDatabase,
    process::{Service, client},
};

#[tokio::test]
async fn a_good_request_id_is_taken_over_and_a_bad_one_replaced() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let longest = "x".repeat(128);
    for (given, kept) in
        [("abc-123", true), (&longest, true), (&"x".repeat(129), false), ("a b", false), ("", false)]
    {
        let request = client().get(service.url("/livez")).header("x-request-id", given);
        let response = request.send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(id == given, kept, "{given:?}");
        assert!(kept || Uuid::parse_str(id).unwrap().get_version_num() == 7, "{id}");
    }
}

#[tokio::test]
async fn each_request_is_one_line_of_json() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info")]).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let requests = [
        ("/livez", "probe-1", ""),
        ("/readyz", "probe-2", ""),
        (&format!("/api/todos/{id}"), "one", "/api/todos/{id}"),
        ("/secret-address?token=canary", "two", "unmatched"),
    ];
    for (path, request_id, _) in requests {
        client().get(service.url(path)).header("x-request-id", request_id).send().await.unwrap();
    }
    for (_, request_id, path) in &requests[2..] {
        let line = service.logged(|line| line["request_id"] == *request_id).await;
        assert_eq!(
            (&line["level"], &line["method"], &line["path"]),
            (&"INFO".into(), &"GET".into(), &(*path).into())
        );
        assert_eq!(line["status"], 404);
        assert!(line["duration_ms"].is_number());
    }
    let log = service.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("canary") && !line.contains('\u{1b}')), "{log:#?}");
}

#[tokio::test]
async fn who_asks_whether_it_is_ready_hears_of_which_release() {
    let database = TestDatabase::migrated().await;
    for (variables, release) in
        [(&[][..], "none"), (&[("RELEASE_ID", "2011-04-06-20:32:17")], "2011-04-06-20:32:17")]
    {
        let service = Service::ready(&database, variables).await;
        assert_eq!(service.get("/readyz").await.headers()["x-release"], release);
    }
}

#[tokio::test]
async fn a_trace_is_taken_over_into_the_log_and_one_that_is_malformed_is_not() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info")]).await;
    let caller = "b7ad6b7169203331";
    for (id, given) in [
        ("good", format!("00-{TRACE}-{caller}-01")),
        ("bad", format!("00-{TRACE}-{caller}")),
        ("none", String::new()),
    ] {
        let mut request = client().get(service.url("/api/todos")).header("x-request-id", id);
        if !given.is_empty() {
            request = request.header("traceparent", given);
        }
        request.send().await.unwrap();
        let line = service.logged(|line| line["request_id"] == id).await;
        let (trace, span) = (line["trace_id"].as_str().unwrap(), line["span_id"].as_str().unwrap());
        assert_eq!(trace == TRACE, id == "good", "{line}");
        assert!(trace.len() == 32 && span.len() == 16 && span != caller, "{line}");
    }
}

#[tokio::test]
async fn what_happens_on_the_way_to_an_answer_is_logged_with_the_same_trace() {
    let service = Service::start("postgres://user@127.0.0.1:1/todos", &[("LOG_LEVEL", "info")]).await;
    let request = client().get(service.url("/api/todos")).header("x-request-id", "a");
    assert_eq!(request.send().await.unwrap().status(), 503);
    let cause = service.logged(|line| line["message"] == "the database is unavailable").await;
    let answer = service.logged(|line| line["request_id"] == "a" && line["status"] == 503).await;
    assert_eq!(cause["span"]["trace_id"], answer["trace_id"]);
}

#[tokio::test]
async fn who_watches_is_counted_and_no_endless_request() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("METRICS_PORT", "0")]).await;
    let line = service.logged(|line| line["message"] == "serving metrics").await;
    let url = format!("http://{}/metrics", line["address"].as_str().unwrap());
    let _streams = [service.get("/api/events").await, service.get("/api/events").await];
    // Counted when it began, not when it ends.
    let began = service.logged(|line| line["path"] == "/api/events").await;
    assert!(began["duration_ms"].as_f64().unwrap() < 5000.0, "{began}");
    let text = client().get(&url).send().await.unwrap().text().await.unwrap();
    for line in [
        "event_streams 2",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/api/events\",status=\"200\"} 2",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in {text}");
    }
}

#[tokio::test]
async fn figures_are_on_a_port_of_their_own() {
    let database = TestDatabase::migrated().await;
    let service =
        Service::ready(&database, &[("METRICS_PORT", "0"), ("RELEASE_ID", "2011-04-06-20:32:17")]).await;
    let line = service.logged(|line| line["message"] == "serving metrics").await;
    let url = format!("http://{}/metrics", line["address"].as_str().unwrap());
    for path in ["/api/todos", "/api/todos", "/api/todos/x", "/nothing/1", "/nothing/2"] {
        service.get(path).await;
    }
    let invented = reqwest::Method::from_bytes(b"INVENTED").unwrap();
    client().request(invented, service.url("/api/todos")).send().await.unwrap();
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for line in [
        "http_request_duration_seconds_count{method=\"GET\",route=\"/api/todos\",status=\"200\"} 2",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/api/todos/{id}\",status=\"400\"} 1",
        "http_request_duration_seconds_count{method=\"GET\",route=\"unmatched\",status=\"404\"} 2",
        "http_request_duration_seconds_count{method=\"other\",route=\"/api/todos\",status=\"405\"} 1",
        "http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/todos\",status=\"200\",le=\"+Inf\"} 2",
        // Of ten, one listens for changes.
        "database_connections_max 9",
        "outbox_events{state=\"waiting\"} 0",
        "outbox_age_seconds 0.0",
        "event_streams 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in {text}");
    }
    assert!(text.contains("\ndatabase_connections{state=\"idle\"} "), "{text}");
    assert!(text.contains("release=\"2011-04-06-20:32:17\"") && text.contains("build_info"), "{text}");
    // Not where everybody is let in.
    assert_eq!(service.get("/metrics").await.status(), 404);
}
