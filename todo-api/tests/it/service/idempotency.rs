//! A request with an `Idempotency-Key` is applied once, however often it is sent.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    database::TestDatabase,
    process::{Service, client},
};

async fn post(service: &Service, key: &str, body: &Value) -> Response {
    let request = client().post(service.url("/api/todos")).header("idempotency-key", key);
    request.json(body).send().await.unwrap()
}

/// All that a client can rely on in an answer.
async fn answer(response: Response) -> (StatusCode, Vec<String>, String) {
    let headers = ["location", "etag", "content-type"]
        .map(|name| response.headers()[name].to_str().unwrap().to_owned())
        .into();
    (response.status(), headers, response.text().await.unwrap())
}

async fn is_problem(response: Response, status: u16, kind: &str) {
    assert_eq!(response.status(), status);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], kind, "{problem}");
}

async fn count(database: &TestDatabase, sql: &'static str) -> i64 {
    database.value(sql).await
}

const TODOS: &str = "SELECT count(*) FROM todos";

#[tokio::test]
async fn any_process_gives_the_first_answer_again() {
    let database = TestDatabase::migrated().await;
    let (one, other) = tokio::join!(Service::ready(&database, &[]), Service::ready(&database, &[]));
    let body = json!({"title": "buy milk", "due_at": "2030-01-31T12:00:00+02:00"});
    let first = answer(post(&one, "\"a\"", &body).await).await;
    assert_eq!(first.0, 201);
    // A later change does not show: it is the answer of then.
    let patch = client().patch(one.url(&first.1[0])).json(&json!({"title": "buy oat milk"}));
    assert_eq!(patch.send().await.unwrap().status(), 200);
    for service in [&one, &other] {
        assert_eq!(answer(post(service, "\"a\"", &body).await).await, first);
    }
    assert_eq!(count(&database, TODOS).await, 1);
    assert_eq!(post(&other, "\"b\"", &body).await.status(), 201);
    assert_eq!(count(&database, TODOS).await, 2);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    // What was refused was not done, so that its key is free.
    assert_eq!(post(&service, "\"a\"", &json!({"title": ""})).await.status(), 422);
    assert_eq!(post(&service, "\"a\"", &json!({"title": "one"})).await.status(), 201);
    let other = post(&service, "\"a\"", &json!({"title": "two"})).await;
    is_problem(other, 422, "/problems/key-of-another-request").await;
    for key in ["a", "", "\"\"", "\"a\", \"b\"", "1"] {
        is_problem(post(&service, key, &json!({"title": "one"})).await, 400, "/problems/invalid-parameters")
            .await;
    }
    assert_eq!(count(&database, TODOS).await, 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_applied() {
    let database = TestDatabase::migrated().await;
    let (one, other) = tokio::join!(Service::ready(&database, &[]), Service::ready(&database, &[]));
    let body = json!({"title": "a"});
    let sent = (0..40).map(|index| post(if index % 2 == 0 { &one } else { &other }, "\"a\"", &body));
    let mut made = Vec::new();
    for response in futures_util::future::join_all(sent).await {
        match response.status().as_u16() {
            201 => made.push(answer(response).await),
            409 => {
                assert_eq!(response.headers()["retry-after"], "1");
                is_problem(response, 409, "/problems/under-way").await;
            }
            status => panic!("{status}"),
        }
    }
    assert!(!made.is_empty() && made.iter().all(|answer| *answer == made[0]), "{made:#?}");
    assert_eq!(count(&database, TODOS).await, 1);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_others_are_told_so() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DATABASE_STATEMENT_TIMEOUT", "10s")]).await;
    let mut connection = database.connect().await;
    let lock = connection.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let body = json!({"title": "a"});
    let first = post(&service, "\"a\"", &body);
    let others = async {
        const HELD: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        while count(&database, HELD).await == 0 {}
        is_problem(post(&service, "\"a\"", &body).await, 409, "/problems/under-way").await;
        lock.rollback().await.unwrap();
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!(first.status(), 201);
    assert_eq!(post(&service, "\"a\"", &body).await.text().await.unwrap(), first.text().await.unwrap());
}

#[tokio::test]
async fn after_a_day_a_key_is_free_again_and_forgotten_in_passing() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    assert_eq!(post(&service, "\"a\"", &json!({"title": "one"})).await.status(), 201);
    database
        .execute(
            "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'; \
             INSERT INTO idempotency_keys SELECT 'old ' || n, fingerprint, status, location, etag, body, created_at \
             FROM idempotency_keys, generate_series(1, 15) AS n",
        )
        .await;
    assert_eq!(post(&service, "\"a\"", &json!({"title": "two"})).await.status(), 201);
    // A few for each request that is added.
    assert_eq!(count(&database, "SELECT count(*) FROM idempotency_keys").await, 6);
    assert_eq!(post(&service, "\"b\"", &json!({"title": "two"})).await.status(), 201);
    assert_eq!(count(&database, "SELECT count(*) FROM idempotency_keys").await, 2);
    assert_eq!(count(&database, TODOS).await, 3);
}
