//! Stopping loses nothing and takes no longer than it may.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{sync::watch, time::timeout};

use super::{
    database::TestDatabase,
    http::{self, Connection as Http},
    process::{PATIENCE, Service},
};

const GET: &str = "GET /api/todos HTTP/1.1\r\nhost: localhost\r\n\r\n";
const PROBE: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Adds todos until the service refuses connections; anything else that goes wrong is an error.
async fn add_until_refused(
    address: SocketAddr,
    keep_alive: bool,
    count: watch::Sender<u64>,
) -> io::Result<()> {
    let mut kept: Option<Http> = None;
    loop {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => match Http::open(address).await {
                Ok(connection) => connection,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let answer =
            connection.request(&http::post("a", if keep_alive { "keep-alive" } else { "close" })).await?;
        if answer.status != 201 {
            return Err(io::Error::other(format!("{answer:?}")));
        }
        count.send_modify(|count| *count += 1);
        kept = (keep_alive && !answer.closes()).then_some(connection);
    }
}

async fn no_request_is_lost(keep_alive: bool, drain_delay: &str) {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DRAIN_DELAY", drain_delay), ("LOG_LEVEL", "info")]).await;
    let (count, mut counted) = watch::channel(0);
    let clients: Vec<_> =
        (0..8).map(|_| tokio::spawn(add_until_refused(service.address, keep_alive, count.clone()))).collect();
    timeout(PATIENCE, counted.wait_for(|count| *count >= 200)).await.unwrap().unwrap();
    service.signal(Signal::TERM);
    for client in clients {
        timeout(PATIENCE, client).await.unwrap().unwrap().unwrap();
    }
    assert_eq!(service.exit().await.code(), Some(0));
    let kept: i64 = database.value("SELECT count(*) FROM todos").await;
    assert_eq!(u64::try_from(kept).unwrap(), *counted.borrow());
}

#[tokio::test]
async fn no_request_is_lost_on_kept_connections() {
    no_request_is_lost(true, "300ms").await;
}

#[tokio::test]
async fn no_request_is_lost_on_new_connections() {
    no_request_is_lost(false, "300ms").await;
}

#[tokio::test]
async fn no_request_is_lost_without_a_delay() {
    no_request_is_lost(true, "0s").await;
    no_request_is_lost(false, "0s").await;
}

#[tokio::test]
async fn while_draining_requests_are_served_but_not_welcome() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DRAIN_DELAY", "1m"), ("SHUTDOWN_TIMEOUT", "2m")]).await;
    let mut kept = Http::open(service.address).await.unwrap();
    assert!(!kept.request(GET).await.unwrap().closes());
    service.signal(Signal::TERM);
    service.logged(|line| line["signal"] == "SIGTERM").await;
    let answer = kept.request(GET).await.unwrap();
    assert_eq!((answer.status, answer.closes()), (200, true));
    assert_eq!(service.get("/readyz").await.status(), 503);
    assert_eq!(service.get("/livez").await.status(), 200);
    assert_eq!(service.get("/api/todos").await.status(), 200);

    service.signal(Signal::INT);
    assert_eq!(service.exit().await.code(), Some(1), "a second signal ends it at once");
}

#[tokio::test]
async fn what_is_under_way_is_finished() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DATABASE_STATEMENT_TIMEOUT", "10s")]).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let mut waiting = Http::open(service.address).await.unwrap();
    waiting.send(&http::post("waiting", "keep-alive")).await.unwrap();
    let mut half_a_head = Http::open(service.address).await.unwrap();
    assert_eq!(half_a_head.request(PROBE).await.unwrap().status, 200);
    half_a_head.send(&GET[..20]).await.unwrap();
    let mut half_a_body = Http::open(service.address).await.unwrap();
    let post = http::post("half", "keep-alive");
    half_a_body.send(&post[..post.len() - 5]).await.unwrap();
    let mut idle = Http::open(service.address).await.unwrap();
    assert_eq!(idle.request(PROBE).await.unwrap().status, 200);
    let mut silent = Http::open(service.address).await.unwrap();

    service.signal(Signal::INT);
    service.logged(|line| line["message"] == "stopped listening").await;
    // What has nothing under way is closed, even though the others still wait.
    timeout(PATIENCE, idle.closed()).await.unwrap().unwrap();
    timeout(PATIENCE, silent.closed()).await.unwrap().unwrap();

    lock.rollback().await.unwrap();
    half_a_head.send(&GET[20..]).await.unwrap();
    half_a_body.send(&post[post.len() - 5..]).await.unwrap();
    assert_eq!(waiting.answer().await.unwrap().status, 201);
    assert_eq!(half_a_head.answer().await.unwrap().status, 200);
    let answer = half_a_body.answer().await.unwrap();
    assert!(answer.status == 201 && answer.body.contains("half"), "{answer:?}");
    assert_eq!(service.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_stuck_request_cannot_hold_it_up() {
    let database = TestDatabase::migrated().await;
    let variables =
        [("DATABASE_STATEMENT_TIMEOUT", "1m"), ("REQUEST_TIMEOUT", "1m"), ("SHUTDOWN_TIMEOUT", "500ms")];
    let service = Service::ready(&database, &variables).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let mut stuck = Http::open(service.address).await.unwrap();
    stuck.send(GET).await.unwrap();
    // Answered after the other was taken up, so that one is under way.
    assert_eq!(service.get("/livez").await.status(), 200);

    let asked = Instant::now();
    service.signal(Signal::TERM);
    service.logged(|line| line["connections"] == 1).await;
    assert_eq!(service.exit().await.code(), Some(0));
    let took = asked.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(3)).contains(&took), "{took:?}");
}
