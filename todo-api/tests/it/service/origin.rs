//! Pages of other sites can neither read nor change anything, though the browser that shows them could.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    process::{Service, client},
};

async fn problem(request: RequestBuilder, status: u16) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    response.json::<Value>().await.unwrap()["type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_name_that_others_lead_to_this_machine_is_refused() {
    let database = TestDatabase::migrated().await;
    for (variables, names, status) in [
        (&[][..], &["evil.example", "evil.example:30000", "192.0.2.1"][..], 421),
        (&[], &["localhost", "localhost:30000", "127.0.0.1", "[::1]:80"], 201),
        (
            &[("ALLOWED_HOSTS", "todo.example, other.example")],
            &["todo.example", "other.example:80", "localhost"],
            201,
        ),
        (&[("ALLOWED_HOSTS", "todo.example")], &["evil.example"], 421),
        (&[("BIND_ADDRESS", "0.0.0.0")], &["todo.example"], 201),
        (&[("BIND_ADDRESS", "0.0.0.0"), ("ALLOWED_HOSTS", "todo.example")], &["localhost"], 421),
    ] {
        let service = Service::ready(&database, variables).await;
        let url = format!("http://127.0.0.1:{}", service.address.port());
        for name in names {
            let post = client().post(format!("{url}/api/todos")).header("host", *name);
            let post = post.header("origin", format!("http://{name}")).json(&json!({"title": "a"}));
            if status == 421 {
                assert_eq!(problem(post, 421).await, "/problems/other-host", "{name}");
                for path in ["/", "/api/todos", "/api/events"] {
                    let get = client().get(format!("{url}{path}")).header("host", *name);
                    assert_eq!(problem(get, 421).await, "/problems/other-host", "{path}");
                }
            } else {
                assert_eq!(post.send().await.unwrap().status(), status, "{name}");
            }
            let probe = client().get(format!("{url}/readyz")).header("host", *name);
            assert_eq!(probe.send().await.unwrap().status(), 200, "a probe asks for an address");
        }
    }
}

/// Whether a form, or a script that need not ask first, could send this (Fetch, "CORS-safelisted").
const OF_A_FORM: [&str; 4] =
    ["", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain"];

#[tokio::test]
async fn no_write_can_be_sent_by_a_form() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let todo = client().post(service.url("/api/todos")).json(&json!({"title": "a"}));
    let todo: Value = todo.send().await.unwrap().json().await.unwrap();
    let id = todo["id"].as_str().unwrap();
    client().delete(service.url(&format!("/api/todos/{id}"))).send().await.unwrap();
    let api: Value = service.get("/api/openapi.json").await.json().await.unwrap();
    let mut posts = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            // All others have to be asked for first.
            let is_simple = ["get", "head", "post"].contains(&method.as_str());
            assert!(is_simple || ["delete", "patch", "put"].contains(&method.as_str()), "{method}");
            if method != "post" {
                continue;
            }
            posts += 1;
            let url = service.url(&path.replace("{id}", id));
            for media_type in OF_A_FORM {
                for body in ["", "{}", "{\"title\":\"a\"}"] {
                    let request =
                        client().request(Method::POST, &url).header("origin", "http://evil.example");
                    let request = if media_type.is_empty() {
                        request
                    } else {
                        request.header("content-type", media_type)
                    };
                    let kind = problem(request.body(body), 415).await;
                    assert_eq!(kind, "/problems/unsupported-media-type", "{path} {media_type} {body}");
                }
            }
        }
    }
    assert_eq!(posts, 2);
    let left: Value = service.get("/api/todos").await.json().await.unwrap();
    assert_eq!(left["items"], json!([]));
    // What a form cannot send: JSON, or a key, with which the page of the release before asks.
    let restore = client().post(service.url(&format!("/api/todos/{id}/restore")));
    let request = restore.try_clone().unwrap().header("idempotency-key", "\"a\"");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(restore.try_clone().unwrap().json(&json!({})).send().await.unwrap().status(), 200);
    assert_eq!(restore.json(&json!({"a": 1})).send().await.unwrap().status(), 422);
}
