//! The API describes itself.

use serde_json::Value;

use super::{database::TestDatabase, process::Service};

#[tokio::test]
async fn the_description_lists_the_routes_and_their_problems() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let api: Value = service.get("/api/openapi.json").await.json().await.unwrap();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            routes.push(format!("{method} {path}"));
            if path != "/livez" {
                let problem = &operation["responses"]["503"]["content"]["application/problem+json"]["schema"];
                assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{method} {path}");
            }
        }
    }
    routes.sort_unstable();
    let expected = [
        "delete /api/todos/{id}",
        "get /api/events",
        "get /api/todos",
        "get /api/todos/{id}",
        "get /livez",
        "get /readyz",
        "patch /api/todos/{id}",
        "post /api/todos",
        "post /api/todos/{id}/restore",
    ];
    assert_eq!(routes, expected);
    // Every reference leads somewhere.
    let text = api.to_string();
    for reference in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(api["components"]["schemas"].get(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let home = service.get("/api/docs").await;
    let policy = home.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "{policy}");
    let page = home.text().await.unwrap();
    let parts: Vec<&str> = page.split(['"']).filter(|text| text.starts_with("/api/docs/")).collect();
    assert_eq!(parts.len(), 3, "{page}");
    assert!(!page.contains("http"), "{page}");
    for part in parts {
        let answer = service.get(part).await;
        assert_eq!(answer.status(), 200, "{part}");
        assert!(answer.headers().contains_key("content-type"), "{part}");
    }
    let start = service.get("/api/docs/start.js").await.text().await.unwrap();
    assert!(start.contains("/api/openapi.json") && !start.contains("http"), "{start}");
}
