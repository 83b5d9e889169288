//! What a request costs the database.

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{database::TestDatabase, process::Service};

/// The rows that were read by going through a whole table, of the tables that a write also clears of what is old.
const READ: &str = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables \
     WHERE relname IN ('deleted_todos', 'idempotency_keys', 'outbox')";

const WRITES: i64 = 200;

#[tokio::test]
async fn a_write_costs_the_same_however_much_was_written_before() {
    let database = TestDatabase::migrated().await;
    // The service's connections plan their statements while the tables are empty, and known to be.
    database.execute("VACUUM ANALYZE").await;
    let service = Service::ready(&database, &[]).await;
    let client = Client::new();
    for n in 0..WRITES {
        let request = client.post(service.url("/api/todos")).header("idempotency-key", format!("\"{n}\""));
        let todo: Value = request.json(&json!({ "title": "a" })).send().await.unwrap().json().await.unwrap();
        let todo = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
        assert_eq!(client.delete(todo).send().await.unwrap().status(), 204);
    }
    // The server counts for good when a connection ends.
    service.signal(Signal::TERM);
    assert_eq!(service.exit().await.code(), Some(0));
    let read: i64 = sqlx::query_scalar(READ).fetch_one(&mut database.connect().await).await.unwrap();
    assert!(read < WRITES, "{read}");
}
