//! Whatever clients send, they are told what is wrong with it.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    http::Connection as Http,
    process::{Service, client},
};

/// The names of the wrong fields in a problem document, which is checked to be one.
async fn wrong_fields(response: Response, what: &str) -> Vec<String> {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{what}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{what}");
    for member in ["type", "title", "detail"] {
        let text = problem[member].as_str().unwrap();
        assert!(!text.is_empty() && !text.contains("SELECT"), "{what}: {problem}");
    }
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn every_wrong_field_of_a_body_is_named() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = client();
    let url = service.url("/api/todos");
    let todo: Value =
        client.post(&url).json(&json!({"title": "a"})).send().await.unwrap().json().await.unwrap();
    let todo_url = format!("{url}/{}", todo["id"].as_str().unwrap());

    let create: [(Value, &[&str]); _] = [
        (json!({}), &["title"]),
        (json!({"title": null}), &["title"]),
        (json!({"title": " "}), &["title"]),
        (json!({"title": "x".repeat(201)}), &["title"]),
        (json!({"title": "a\u{0}b"}), &["title"]),
        (json!({"title": "a\nb"}), &["title"]),
        (json!({"title": 1, "notes": [], "due_at": {}}), &["due_at", "notes", "title"]),
        (json!({"title": "a", "notes": "\u{0}"}), &["notes"]),
        (json!({"title": "a", "notes": "x".repeat(10_001)}), &["notes"]),
        (json!({"title": "a", "due_at": "tomorrow"}), &["due_at"]),
        (json!({"title": "a", "due_at": "2030-02-30T00:00:00Z"}), &["due_at"]),
        (json!({"title": "a", "due_at": "+294277-01-01T00:00:00Z"}), &["due_at"]),
        (json!({"title": "a", "due_at": "0000-01-01T00:00:00Z"}), &["due_at"]),
        (json!({"title": "a", "id": "x", "completed_at": null}), &["completed_at", "id"]),
        (json!({"title": "a", "\u{0}": 1}), &["\u{0}"]),
    ];
    let patch: [(Value, &[&str]); _] = [
        (json!({"title": null}), &["title"]),
        (
            json!({"title": "", "notes": 1, "due_at": true, "completed_at": "x"}),
            &["completed_at", "due_at", "notes", "title"],
        ),
        (json!({"version": 2, "created_at": null}), &["created_at", "version"]),
        (json!({"completed_at": "9999-12-31T23:59:59-01:00"}), &["completed_at"]),
    ];
    let create = create.map(|(body, fields)| (client.post(&url), body, fields));
    let patch = patch.map(|(body, fields)| (client.patch(&todo_url), body, fields));
    for (request, body, fields) in create.into_iter().chain(patch) {
        let response = request.json(&body).send().await.unwrap();
        assert_eq!(response.status(), 422, "{body}");
        assert_eq!(wrong_fields(response, &body.to_string()).await, fields, "{body}");
    }
    let unchanged: Value = client.get(&todo_url).send().await.unwrap().json().await.unwrap();
    assert_eq!(unchanged, todo);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let url = service.url("/api/todos");
    let long = format!("{{\"title\":\"a\",\"notes\":\"{}\"}}", "x".repeat(64 * 1024));
    let deep = "[".repeat(10_000);
    for (media_type, body, status) in [
        ("application/json", "", 400),
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "null", 400),
        ("application/json", "{\"title\":\"\\ud800\"}", 400),
        ("application/json", "{\"title\":1e999}", 400),
        ("application/json", &deep, 400),
        ("application/json", &long, 413),
        ("text/plain", "{\"title\":\"a\"}", 415),
        ("application/x-www-form-urlencoded", "title=a", 415),
        ("", "{\"title\":\"a\"}", 415),
        ("application/json; charset=utf-8", "{\"title\":\"a\"}", 201),
    ] {
        let request = client().post(&url).header("content-type", media_type).body(body.to_owned());
        let response = request.send().await.unwrap();
        let what = format!("{media_type}: {}", body.chars().take(40).collect::<String>());
        assert_eq!(response.status(), status, "{what}");
        if status != 201 {
            wrong_fields(response, &what).await;
        }
    }
}

#[tokio::test]
async fn what_is_given_twice_is_named_and_what_is_encoded_is_not_guessed() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let url = service.url("/api/todos");
    let todo: Value =
        client().post(&url).json(&json!({"title": "a"})).send().await.unwrap().json().await.unwrap();
    let todo_url = format!("{url}/{}", todo["id"].as_str().unwrap());
    let json = "application/json";
    for (method, url) in [(Method::POST, &url), (Method::PATCH, &todo_url)] {
        for (body, fields) in [
            (r#"{"title": "a", "title": "b"}"#, &["title"][..]),
            (
                r#"{"title": "a", "notes": null, "titl\u0065": "a", "notes": 1, "more": 2}"#,
                &["more", "notes", "notes", "title"],
            ),
        ] {
            let request = client().request(method.clone(), url).header("content-type", json).body(body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 422, "{body}");
            assert_eq!(wrong_fields(response, body).await, fields, "{body}");
        }
        for (coding, status) in [("gzip", 415), ("br, gzip", 415), ("", 415), ("Identity", 200)] {
            let request = client().request(method.clone(), url).header("content-encoding", coding);
            let response = request.json(&json!({"title": "b"})).send().await.unwrap();
            let expected = if status == 200 && method == Method::POST { 201 } else { status };
            assert_eq!(response.status(), expected, "{coding}");
            if status == 415 {
                wrong_fields(response, coding).await;
            }
        }
    }
    assert_eq!(
        service.get("/api/todos").await.json::<Value>().await.unwrap()["items"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_request_says_once_whom_it_is_for() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for (head, status) in [
        ("GET /api/todos HTTP/1.1\r\n", 400),
        ("GET /livez HTTP/1.1\r\n", 400),
        ("GET /api/todos HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n", 400),
        ("GET /api/todos HTTP/1.1\r\nhost: local host\r\n", 400),
        ("GET /api/todos HTTP/1.1\r\nhost: localhost\r\n", 200),
    ] {
        let mut connection = Http::open(service.address).await.unwrap();
        let answer = connection.request(&format!("{head}\r\n")).await.unwrap();
        assert_eq!(answer.status, status, "{head}");
        if status == 400 {
            let problem: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["type"], "/problems/malformed-request", "{head}");
        }
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    // Well-formed base64, but of times that PostgreSQL does not know.
    let forged = "f".repeat(32);
    let cases: &[(&str, u16, &[&str])] = &[
        ("/api/todos?limit=0", 400, &["limit"]),
        ("/api/todos?limit=101", 400, &["limit"]),
        ("/api/todos?limit=ten", 400, &["limit"]),
        ("/api/todos?limit=", 400, &["limit"]),
        ("/api/todos?state=done", 400, &["state"]),
        ("/api/todos?cursor=%00", 400, &["cursor"]),
        ("/api/todos?cursor=AAAA", 400, &["cursor"]),
        (&format!("/api/todos?cursor={forged}"), 400, &["cursor"]),
        ("/api/todos?limit=1&limit=1", 400, &["limit"]),
        ("/api/todos?limit=x&state=x&cursor=x&page=x", 400, &["cursor", "limit", "page", "state"]),
        ("/api/todos?%ff=%ff", 400, &["\u{fffd}"]),
        ("/api/todos/1", 400, &["id"]),
        ("/api/todos/%ff", 400, &["id"]),
        ("/api/todos/%00", 400, &["id"]),
        ("/api/todos/01890a5dac96774bbcceb302099a8057", 400, &["id"]),
        ("/api/todos/01890a5d-ac96-774b-bcce-b302099a8057", 404, &[]),
        ("/api/todos/", 404, &[]),
        ("/nothing", 404, &[]),
    ];
    for (path, status, fields) in cases {
        let response = service.get(path).await;
        assert_eq!(response.status(), *status, "{path}");
        assert_eq!(wrong_fields(response, path).await, *fields, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for (path, allowed) in [
        ("/api/todos", vec!["GET", "HEAD", "POST"]),
        ("/api/todos/01890a5d-ac96-774b-bcce-b302099a8057", vec!["DELETE", "GET", "HEAD", "PATCH"]),
        ("/livez", vec!["GET", "HEAD"]),
    ] {
        let response = client().request(Method::PUT, service.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        let mut allow: Vec<_> =
            response.headers()["allow"].to_str().unwrap().split(',').map(str::to_owned).collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{path}");
        wrong_fields(response, path).await;
    }
}
