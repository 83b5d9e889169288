//! What happens when what the service needs is away.

use std::time::{Duration, Instant};

use reqwest::Response;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

use super::{
    database::TestDatabase,
    process::{Service, client},
    proxy::Proxy,
};

async fn is_temporary(response: Response, kind: &str) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], kind);
}

#[tokio::test]
async fn without_a_database_the_service_lives_but_is_not_ready() {
    // The one refuses connections, the other takes them and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for port in [1, silent.local_addr().unwrap().port()] {
        let url = format!("postgres://user@127.0.0.1:{port}/todos?sslmode=disable");
        let service = Service::start(&url, &[("DATABASE_ACQUIRE_TIMEOUT", "200ms")]).await;
        assert_eq!(service.get("/livez").await.status(), 200);
        is_temporary(service.get("/readyz").await, "/problems/not-ready").await;
        is_temporary(service.get("/api/todos").await, "/problems/database-unavailable").await;
    }
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_in_time_and_recovered_from() {
    let database = TestDatabase::migrated().await;
    let proxy = Proxy::to(&database.config()).await;
    let variables = [
        ("DATABASE_ACQUIRE_TIMEOUT", "300ms"),
        ("DATABASE_STATEMENT_TIMEOUT", "300ms"),
        ("DATABASE_MAX_CONNECTIONS", "3"),
    ];
    let service = Service::start(&proxy.url(&database.config()), &variables).await;
    service.until_ok("/readyz").await;

    proxy.swallow(true);
    for _ in 0..3 {
        let asked = Instant::now();
        is_temporary(service.get("/api/todos").await, "/problems/database-unavailable").await;
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    proxy.swallow(false);
    service.until_ok("/api/todos").await;
}

/// Whatever a connection was doing when the network went, using it, testing it or giving it back: it does not count as
/// one of the few that there may be for longer than it may take.
#[tokio::test]
async fn no_connection_stays_lost_however_often_the_network_goes() {
    let database = TestDatabase::migrated().await;
    let proxy = Proxy::to(&database.config()).await;
    let variables = [
        ("DATABASE_ACQUIRE_TIMEOUT", "250ms"),
        ("DATABASE_STATEMENT_TIMEOUT", "250ms"),
        ("DATABASE_MAX_CONNECTIONS", "2"),
        ("LOG_LEVEL", "info"),
    ];
    let service = Service::start(&proxy.url(&database.config()), &variables).await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let url = service.url("/api/todos");
            tokio::spawn(async move {
                let client = client();
                loop {
                    client.get(&url).send().await.unwrap().bytes().await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..10 {
        service.until_ok("/readyz").await;
        proxy.swallow(true);
        while service.get("/readyz").await.status() == 200 {}
        proxy.swallow(false);
    }
    clients.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DATABASE_STATEMENT_TIMEOUT", "100ms")]).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    is_temporary(service.get("/api/todos").await, "/problems/database-unavailable").await;
    lock.rollback().await.unwrap();
    service.until_ok("/api/todos").await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let database = TestDatabase::migrated().await;
    let variables = [
        ("DATABASE_STATEMENT_TIMEOUT", "1m"),
        ("REQUEST_TIMEOUT", "100ms"),
        ("DATABASE_MAX_CONNECTIONS", "2"),
    ];
    let service = Service::ready(&database, &variables).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    is_temporary(service.get("/api/todos").await, "/problems/timed-out").await;
    // Its connection, the only one for requests, went with it.
    service.until_ok("/readyz").await;
}

#[tokio::test]
async fn connections_that_the_server_ended_go_unnoticed() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'todo-api' AND datname = current_database()",
        )
        .await;
    // One that was used a moment ago is taken for well.
    sleep(Duration::from_millis(10)).await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let url = service.url("/api/todos");
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let client = client();
                let mut acknowledged = Vec::new();
                while let Ok(response) = client.post(&url).json(&json!({"title": "a"})).send().await {
                    let Ok(todo) = response.json::<Value>().await else { break };
                    acknowledged.push(todo["id"].as_str().unwrap().to_owned());
                }
                acknowledged
            })
        })
        .collect();
    let connection = database.connect().await;
    loop {
        let count: i64 = connection.query_one_scalar("SELECT count(*) FROM todos", &[]).await.unwrap();
        if count >= 200 {
            break;
        }
    }
    service.signal(Signal::KILL);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() >= 150, "{}", acknowledged.len());
    let kept: i64 = connection
        .query_one_scalar("SELECT count(*) FROM todos WHERE id::text = ANY ($1)", &[&acknowledged])
        .await
        .unwrap();
    assert_eq!(usize::try_from(kept).unwrap(), acknowledged.len());
}
