//! `purge` removes what was completed long ago, and nothing else.

use super::{
    database::TestDatabase,
    process::{Service, client, lines, run},
    stream::{Stream, hearing},
};

/// How many it says it removed.
async fn purge(database: &TestDatabase, before: &str) -> u64 {
    let output =
        run(&format!("purge --completed-before {before}"), &[("DATABASE_URL", &database.url())]).await;
    assert!(output.status.success(), "{output:?}");
    let last = lines(&output).pop().unwrap();
    assert_eq!(last["message"], "purged");
    last["removed"].as_u64().unwrap()
}

async fn left(database: &TestDatabase) -> Vec<String> {
    database.values("SELECT title FROM todos ORDER BY title").await
}

#[tokio::test]
async fn only_what_was_completed_before_goes() {
    let database = TestDatabase::migrated().await;
    database
        .execute(
            "INSERT INTO todos (id, title, completed_at) VALUES \
             (gen_random_uuid(), 'open', NULL), \
             (gen_random_uuid(), 'a month ago', now() - interval '31 days'), \
             (gen_random_uuid(), 'a week ago', now() - interval '8 days'), \
             (gen_random_uuid(), 'at midnight', '2020-01-02T00:00:00Z'), \
             (gen_random_uuid(), 'before midnight', '2020-01-01T23:59:59.999999Z')",
        )
        .await;
    assert_eq!(purge(&database, "2020-01-02").await, 1);
    assert_eq!(left(&database).await, ["a month ago", "a week ago", "at midnight", "open"]);
    assert_eq!(purge(&database, "2020-01-02T01:00:01+01:00").await, 1);
    assert_eq!(purge(&database, "30d").await, 1);
    assert_eq!(purge(&database, "30d").await, 0);
    assert_eq!(left(&database).await, ["a week ago", "open"]);
    assert_eq!(purge(&database, "1w").await, 1);
    assert_eq!(left(&database).await, ["open"]);
}

#[tokio::test]
async fn many_go_in_batches_and_what_somebody_holds_stays() {
    let database = TestDatabase::migrated().await;
    database
        .execute(
            "INSERT INTO todos (id, title, completed_at) SELECT gen_random_uuid(), n::text, '2020-01-01' \
             FROM generate_series(1, 1001) AS n; \
             INSERT INTO todos (id, title, completed_at) VALUES (gen_random_uuid(), 'held', '2020-01-01')",
        )
        .await;
    let mut connection = database.connect().await;
    let held = connection.transaction().await.unwrap();
    held.batch_execute("UPDATE todos SET notes = 'x' WHERE title = 'held'").await.unwrap();

    assert_eq!(purge(&database, "30d").await, 1001, "nobody is waited for");
    held.commit().await.unwrap();
    assert_eq!(left(&database).await, ["held"]);
    // Each batch is a transaction, which its rows bear.
    let batches: i64 = database.value("SELECT count(DISTINCT xmin::text) FROM deleted_todos").await;
    assert_eq!(batches, 11);
    assert_eq!(purge(&database, "30d").await, 1);
}

#[tokio::test]
async fn clients_that_watch_and_the_webhook_hear_of_it_and_it_can_be_undone() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    database
        .execute(
            "INSERT INTO todos (id, title, completed_at) \
             VALUES ('00000000-0000-8000-8000-000000000001', 'old', '2020-01-01')",
        )
        .await;
    let mut stream = Stream::open(&service, None).await;
    assert_eq!(purge(&database, "1d").await, 1);
    loop {
        // That it was saved may come late.
        let event = stream.next().await.unwrap();
        if event.name == "removed" {
            assert_eq!(event.data["id"], "00000000-0000-8000-8000-000000000001");
            break;
        }
    }
    let removed: i64 = database.value("SELECT count(*) FROM outbox WHERE kind = 'todo.removed'").await;
    assert_eq!(removed, 1);
    let url = service.url("/api/todos/00000000-0000-8000-8000-000000000001/restore");
    assert_eq!(client().post(url).json(&serde_json::json!({})).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_no_moment_is_refused_before_anything_is_done() {
    for when in ["", "3m", "yesterday", "2020-13-01", "-1d"] {
        let output = run(&format!("purge --completed-before={when}"), &[]).await;
        assert_eq!(output.status.code(), Some(2), "{when}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("30d") || told.contains("a value is required"), "{told}");
    }
}
