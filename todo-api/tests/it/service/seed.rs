//! `seed` gives a list to look at, and does no harm to one that is there.

use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    process::{Service, client, lines, run},
    stream::{Stream, hearing},
};

/// How many it says it created, restored and kept.
async fn seed(database: &TestDatabase) -> [u64; 3] {
    let output = run("seed", &[("DATABASE_URL", &database.url())]).await;
    assert!(output.status.success(), "{output:?}");
    let last = lines(&output).pop().unwrap();
    assert_eq!(last["message"], "seeded");
    ["created", "restored", "kept"].map(|what| last[what].as_u64().unwrap())
}

async fn list(service: &Service, query: &str) -> Vec<Value> {
    let page: Value = service.get(&format!("/api/todos?limit=100&{query}")).await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn there_is_one_of_each_kind() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    assert_eq!(seed(&database).await, [7, 0, 0]);
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(list(&service, "state=completed").await.len(), 2);
    assert_eq!(list(&service, &format!("state=open&due_before={now}")).await.len(), 1, "overdue");
    assert_eq!(list(&service, &format!("state=open&due_from={now}")).await.len(), 3, "due");
    assert_eq!(list(&service, "").await.len(), 7);
}

#[tokio::test]
async fn again_doubles_nothing_and_undoes_nobodys_change() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    seed(&database).await;
    let before = list(&service, "").await;
    assert_eq!(seed(&database).await, [0, 0, 7]);
    assert_eq!(list(&service, "").await, before);

    let url = |todo: &Value| service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
    let done = before.iter().find(|todo| todo["completed_at"].is_string()).unwrap();
    client().patch(url(done)).json(&json!({"completed_at": null})).send().await.unwrap();
    let open = before.iter().find(|todo| todo["completed_at"].is_null()).unwrap();
    client().delete(url(open)).send().await.unwrap();
    assert_eq!(seed(&database).await, [0, 1, 6], "what was removed is brought back");
    let reopened: Value = client().get(url(done)).send().await.unwrap().json().await.unwrap();
    assert_eq!(reopened["completed_at"], Value::Null);
    assert_eq!(list(&service, "").await.len(), 7);

    let (a, b) = tokio::join!(seed(&database), seed(&database));
    assert_eq!((a, b), ([0, 0, 7], [0, 0, 7]));
}

#[tokio::test]
async fn at_once_they_share_the_work() {
    let database = TestDatabase::migrated().await;
    let (a, b) = tokio::join!(seed(&database), seed(&database));
    assert_eq!(a[0] + b[0], 7, "{a:?} {b:?}");
}

#[tokio::test]
async fn what_was_cut_off_is_finished() {
    let database = TestDatabase::migrated().await;
    seed(&database).await;
    database.execute("UPDATE todos SET completed_at = NULL, version = 1").await;
    seed(&database).await;
    let service = Service::ready(&database, &[]).await;
    assert_eq!(list(&service, "state=completed").await.len(), 2);
}

#[tokio::test]
async fn clients_that_watch_and_the_webhook_hear_of_it() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    seed(&database).await;
    // Two are completed afterwards.
    for _ in 0..9 {
        stream.expect("saved").await;
    }
    let kinds = "SELECT kind, count(*) FROM outbox GROUP BY kind ORDER BY kind";
    let kinds = database.connect().await.query(kinds, &[]).await.unwrap();
    let kinds: Vec<(String, i64)> = kinds.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(kinds, [("todo.changed".into(), 2), ("todo.created".into(), 7)]);
}

#[tokio::test]
async fn without_a_schema_it_says_what_to_do() {
    let database = TestDatabase::empty().await;
    let output = run("seed", &[("DATABASE_URL", &database.url())]).await;
    assert_eq!(output.status.code(), Some(1));
    let last = lines(&output).pop().unwrap()["message"].as_str().unwrap().to_owned();
    assert!(last.starts_with("cannot add") && last.contains("`check` tells"), "{last}");
}
