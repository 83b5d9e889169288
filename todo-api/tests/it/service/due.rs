//! Due dates, and the way back from a deletion.

use reqwest::Client;
use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    process::{Service, run},
};

async fn titles(service: &Service, query: &str) -> String {
    let page: Value = service.get(&format!("/api/todos?{query}")).await.json().await.unwrap();
    page["items"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect()
}

async fn create(service: &Service, todo: Value) -> Value {
    let request = Client::new().post(service.url("/api/todos")).json(&todo);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_list_can_be_asked_for_what_is_due_when() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for (title, due) in [("a", Some("01-01")), ("b", Some("06-01")), ("c", None), ("d", Some("12-01"))] {
        let due = due.map(|day| format!("2030-{day}T00:00:00Z"));
        create(&service, json!({"title": title, "due_at": due})).await;
    }
    database.execute("UPDATE todos SET completed_at = now() WHERE title = 'a'").await;
    for (query, expected) in [
        ("due_before=2030-12-01T00:00:00Z", "ba"),
        ("due_from=2030-06-01T00:00:00Z", "db"),
        ("due_from=2030-01-02T00:00:00Z&due_before=2030-07-01T02:00:00%2B02:00", "b"),
        ("state=open&due_before=2031-01-01T00:00:00Z", "db"),
        ("state=completed&due_before=2031-01-01T00:00:00Z&limit=1", "a"),
    ] {
        assert_eq!(titles(&service, query).await, expected, "{query}");
    }
    for parameter in ["due_from", "due_before"] {
        for value in ["", "tomorrow", "2030-01-31", "9999-12-31T23:59:59-01:00"] {
            let answer = service.get(&format!("/api/todos?{parameter}={value}")).await;
            assert_eq!(answer.status(), 400, "{parameter}={value}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["errors"][0]["field"], parameter);
        }
    }
}

#[tokio::test]
async fn a_deleted_todo_can_be_brought_back_as_it_was() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = Client::new();
    let new = json!({"title": "a", "notes": "b", "due_at": "2030-01-31T12:00:00Z"});
    let todo = create(&service, new).await;
    let url = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    let restore = || client.post(format!("{url}/restore")).json(&json!({})).send();

    let untouched = restore().await.unwrap();
    assert_eq!(untouched.json::<Value>().await.unwrap(), todo, "what is not deleted is left as it is");

    for version in [2, 3] {
        assert_eq!(client.delete(&url).send().await.unwrap().status(), 204);
        assert_eq!(client.get(&url).send().await.unwrap().status(), 404);
        assert_eq!(titles(&service, "").await, "");
        let response = restore().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["etag"].clone()), {
            (200, format!("\"{version}\"").parse().unwrap())
        });
        let back: Value = response.json().await.unwrap();
        for field in ["id", "title", "notes", "due_at", "completed_at", "created_at"] {
            assert_eq!(back[field], todo[field], "{field}");
        }
        assert_eq!(restore().await.unwrap().json::<Value>().await.unwrap(), back, "once is enough");
    }
}

#[tokio::test]
async fn of_many_who_undo_at_once_each_gets_the_todo() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = Client::new();
    let todo = create(&service, json!({"title": "a"})).await;
    let url = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    client.delete(&url).send().await.unwrap();
    let all: Vec<_> =
        (0..8).map(|_| tokio::spawn(client.post(format!("{url}/restore")).json(&json!({})).send())).collect();
    for one in all {
        let back: Value = one.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(back["version"], 2);
    }
}

#[tokio::test]
async fn what_was_never_there_or_deleted_long_ago_does_not_come_back() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let client = Client::new();
    let todo = create(&service, json!({"title": "a"})).await;
    let path = format!("/api/todos/{}", todo["id"].as_str().unwrap());
    client.delete(service.url(&path)).send().await.unwrap();
    database.execute("UPDATE deleted_todos SET deleted_at = deleted_at - interval '25 hours'").await;
    for path in [path.as_str(), "/api/todos/01890a5d-ac96-774b-bcce-b302099a8057"] {
        let answer =
            client.post(service.url(&format!("{path}/restore"))).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 404);
    }

    // The next deletion clears it away.
    let other = create(&service, json!({"title": "b"})).await;
    client
        .delete(service.url(&format!("/api/todos/{}", other["id"].as_str().unwrap())))
        .send()
        .await
        .unwrap();
    let kept: Vec<String> = database.values("SELECT title FROM deleted_todos").await;
    assert_eq!(kept, ["b"]);
}

/// What the release before sends, as a rollout has both on the new schema.
#[tokio::test]
async fn the_statements_of_the_release_before_work_on_the_new_schema() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    database
        .execute(
            "INSERT INTO todos (id, title, notes, due_at) \
             VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'old', NULL, NULL); \
             UPDATE todos SET title = 'older', updated_at = clock_timestamp(), version = version + 1; \
             DELETE FROM todos",
        )
        .await;
    let url = service.url("/api/todos/01890a5d-ac96-774b-bcce-b302099a8057/restore");
    let back: Value = Client::new().post(url).json(&json!({})).send().await.unwrap().json().await.unwrap();
    assert_eq!((&back["title"], &back["version"]), (&json!("older"), &json!(3)));
    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
}

#[tokio::test]
async fn what_is_deleted_is_not_there_whatever_the_client_has_already() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let todo = create(&service, json!({ "title": "Water the plants" })).await;
    let address = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    let client = Client::new();
    assert_eq!(client.delete(&address).send().await.unwrap().status(), 204);
    for known in ["*", "\"1\""] {
        let answer = client.get(&address).header("if-none-match", known).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{known}");
    }
}
