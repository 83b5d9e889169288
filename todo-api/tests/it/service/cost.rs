//! What a request costs the database.

use std::time::Duration;

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    database::TestDatabase,
    process::{PATIENCE, Service},
};

/// Of the tables that a write also clears of what is old: the rows that were written to them, the rows that were read by
/// going through a table, and how often an index was looked into, with the entries that were read there.
const COUNTED: &str = "SELECT sum(n_tup_ins)::bigint, sum(seq_tup_read)::bigint, \
         sum(idx_scan + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes AS its WHERE its.relid = tables.relid))::bigint \
     FROM pg_stat_user_tables AS tables WHERE relname IN ('deleted_todos', 'idempotency_keys', 'outbox')";

const WRITES: i64 = 60;

#[tokio::test]
async fn a_write_costs_the_same_however_much_was_written_before() {
    let database = TestDatabase::migrated().await;
    // The service's connections plan their statements while the tables are empty, and known to be.
    database.execute("VACUUM ANALYZE").await;
    let service = Service::ready(&database, &[]).await;
    let client = Client::new();
    for n in 0..WRITES {
        // What the server does by itself, at any time: with what it learns of a small table it plans anew.
        match n {
            30 => database.execute("VACUUM").await,
            45 => database.execute("ANALYZE").await,
            55 => database.execute("VACUUM ANALYZE").await,
            _ => {}
        }
        let request = client.post(service.url("/api/todos")).header("idempotency-key", format!("\"{n}\""));
        let todo: Value = request.json(&json!({ "title": "a" })).send().await.unwrap().json().await.unwrap();
        let todo = service.url(&format!("/api/todos/{}", todo["id"].as_str().unwrap()));
        for _ in 0..2 {
            assert_eq!(client.delete(&todo).send().await.unwrap().status(), 204);
            assert_eq!(
                client.post(format!("{todo}/restore")).json(&json!({})).send().await.unwrap().status(),
                200
            );
        }
        assert_eq!(client.delete(todo).send().await.unwrap().status(), 204);
    }
    // A connection's work is counted when it ends, which the server may notice a little later.
    service.signal(Signal::TERM);
    assert_eq!(service.exit().await.code(), Some(0));
    let connection = database.connect().await;
    let counted = async {
        loop {
            let row = connection.query_one(COUNTED, &[]).await.unwrap();
            let (written, read, looked_up): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
            // A key, six events and three deleted todos for each.
            if written == 10 * WRITES {
                return (read, looked_up);
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let (read, looked_up) = timeout(PATIENCE, counted).await.expect("all writes should be counted");
    assert!(read < WRITES, "{read}");
    // Three for a key, two for a deleted todo, two for one that comes back, and one for each event; a few for planning.
    assert!(looked_up < 25 * WRITES, "{looked_up}");
}
