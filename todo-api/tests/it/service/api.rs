//! What clients can do with todos.

use std::collections::HashSet;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    process::{Service, client},
};

async fn json(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    response.json().await.unwrap()
}

async fn create(client: &Client, service: &Service, todo: Value) -> Value {
    json(client.post(service.url("/api/todos")).json(&todo), StatusCode::CREATED).await
}

fn address(service: &Service, todo: &Value) -> String {
    service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_todo_lives_from_its_creation_to_its_removal() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = client();

    let new = json!({"title": "  buy milk ", "notes": "two\nlitres", "due_at": "2030-01-31T12:00:00+02:00"});
    let response = client.post(service.url("/api/todos")).json(&new).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(header(&response, "etag"), "\"1\"");
    let url = service.url(header(&response, "location"));
    let created: Value = response.json().await.unwrap();
    assert_eq!(created["title"], "buy milk");
    assert_eq!(created["notes"], "two\nlitres");
    assert_eq!(created["due_at"], "2030-01-31T10:00:00Z");
    assert_eq!((&created["completed_at"], &created["version"]), (&Value::Null, &json!(1)));
    assert_eq!(json(client.get(&url), StatusCode::OK).await, created);

    let patch = json!({"notes": null, "completed_at": "2029-12-31T00:00:00Z"});
    let changed = json(client.patch(&url).json(&patch), StatusCode::OK).await;
    assert_eq!((&changed["title"], &changed["notes"]), (&json!("buy milk"), &Value::Null));
    assert_eq!(changed["completed_at"], "2029-12-31T00:00:00Z");
    assert_eq!((&changed["due_at"], &changed["version"]), (&created["due_at"], &json!(2)));
    assert_ne!(changed["updated_at"], created["updated_at"]);

    assert_eq!(json(client.patch(&url).json(&json!({})), StatusCode::OK).await, changed);

    assert_eq!(client.delete(&url).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    for request in [client.get(&url), client.delete(&url), client.patch(&url).json(&json!({"title": "x"}))] {
        json(request, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn conditions_on_the_version_are_obeyed() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = client();
    let todo = create(&client, &service, json!({"title": "a"})).await;
    let url = address(&service, &todo);

    for (condition, status) in [
        ("\"2\"", 412),
        ("W/\"1\"", 412),
        ("\"something\"", 412),
        ("1", 400),
        ("", 400),
        ("\"7\", \"1\"", 200),
        ("*", 200),
        ("\"1\"", 412),
    ] {
        let patch = client.patch(&url).header("if-match", condition).json(&json!({"notes": condition}));
        assert_eq!(patch.send().await.unwrap().status(), status, "{condition}");
    }
    let empty = client.patch(&url).header("if-match", "\"1\"").json(&json!({}));
    assert_eq!(empty.send().await.unwrap().status(), 412);
    for (condition, status) in [("\"3\"", 304), ("W/\"3\"", 304), ("*", 304), ("\"2\"", 200), ("3", 400)] {
        let response = client.get(&url).header("if-none-match", condition).send().await.unwrap();
        assert_eq!(response.status(), status, "{condition}");
    }
    for (condition, status) in [("\"2\"", 412), ("\"3\"", 204), ("\"3\"", 404)] {
        let response = client.delete(&url).header("if-match", condition).send().await.unwrap();
        assert_eq!(response.status(), status, "{condition}");
    }
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_told_of_the_other() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = client();
    let mut todo = create(&client, &service, json!({"title": "a"})).await;
    let url = address(&service, &todo);
    for _ in 0..20 {
        let patch = |title: &str| {
            let etag = format!("\"{}\"", todo["version"]);
            client.patch(&url).header("if-match", etag).json(&json!({ "title": title })).send()
        };
        let (left, right) = tokio::join!(patch("left"), patch("right"));
        let (left, right) = (left.unwrap(), right.unwrap());
        let mut statuses = [left.status().as_u16(), right.status().as_u16()];
        let winner = if left.status().is_success() { "left" } else { "right" };
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        let now = json(client.get(&url), StatusCode::OK).await;
        assert_eq!(now["title"], winner);
        assert_eq!(now["version"].as_i64(), todo["version"].as_i64().map(|version| version + 1));
        todo = now;
    }
}

#[tokio::test]
async fn pages_show_every_todo_once_while_others_are_added() {
    let database = TestDatabase::migrated().await;
    // Many at the same moment, so that the order needs more than the time.
    database
        .execute(
            "INSERT INTO todos (id, title, created_at) \
             SELECT gen_random_uuid(), 'old', now() FROM generate_series(1, 95)",
        )
        .await;
    let service = Service::ready(&database, &[]).await;
    let client = client();
    let mut seen = Vec::new();
    let mut query = "limit=10".to_owned();
    loop {
        let page = json(client.get(service.url(&format!("/api/todos?{query}"))), StatusCode::OK).await;
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 10);
        seen.extend(items.iter().map(|todo| todo["id"].as_str().unwrap().to_owned()));
        create(&client, &service, json!({"title": "new"})).await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=10&cursor={cursor}");
    }
    assert_eq!(seen.len(), 95);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 95);
}

#[tokio::test]
async fn the_list_is_newest_first_and_can_be_filtered() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = client();
    for (title, done) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        let todo = create(&client, &service, json!({ "title": title })).await;
        if done {
            let patch = json!({"completed_at": "2029-12-31T00:00:00Z"});
            json(client.patch(address(&service, &todo)).json(&patch), StatusCode::OK).await;
        }
    }
    for (query, expected) in
        [("", "dcba"), ("?state=open", "db"), ("?state=completed", "ca"), ("?limit=1", "d")]
    {
        let page = json(client.get(service.url(&format!("/api/todos{query}"))), StatusCode::OK).await;
        let titles: String =
            page["items"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect();
        assert_eq!(titles, expected, "{query}");
        assert_eq!(page["next_cursor"].is_null(), query != "?limit=1", "{query}");
    }
    for _ in 0..17 {
        create(&client, &service, json!({"title": "e"})).await;
    }
    let page = json(client.get(service.url("/api/todos")), StatusCode::OK).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
}
