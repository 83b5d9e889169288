//! Many clients at once, of whom none goes on: others are served all the same, and in bounded memory.

use std::{net::SocketAddr, time::Duration};

use reqwest::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{
    database::TestDatabase,
    http::{self, Connection as Http},
    process::{PATIENCE, Service, choose_tls, client, command_after},
};

/// How many may be connected who are not served; the service's own number.
const STANDING: usize = 64;

const PROBES: [&str; 2] = ["/livez", "/readyz"];

async fn probes_are_answered(service: &Service) {
    for probe in PROBES {
        assert_eq!(service.get(probe).await.status(), 200, "{probe}");
    }
}

async fn is_overloaded(response: reqwest::Response) {
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["type"], "/problems/overloaded");
}

#[tokio::test]
async fn an_idle_client_gives_way_to_newcomers() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("MAX_CONNECTIONS", "2")]).await;
    let mut first = Http::open(service.address).await.unwrap();
    let (mut silent, mut halves) = (Vec::new(), Vec::new());
    for _ in 0..STANDING {
        silent.push(Http::open(service.address).await.unwrap());
        let mut half = Http::open(service.address).await.unwrap();
        half.send("GET /livez HTTP").await.unwrap();
        halves.push(half);
        probes_are_answered(&service).await;
        assert_eq!(service.get("/api/todos").await.status(), 200);
    }
    timeout(PATIENCE, first.closed()).await.expect("the first should have gone").unwrap();
}

#[tokio::test]
async fn a_client_that_is_served_keeps_its_place_and_probes_need_none() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("MAX_CONNECTIONS", "2")]).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let mut served = Vec::new();
    for title in ["a", "b"] {
        let mut connection = Http::open(service.address).await.unwrap();
        connection.send(&http::post(title, "keep-alive")).await.unwrap();
        served.push(connection);
    }
    database.waiting(2).await;
    for _ in 0..2 * STANDING {
        is_overloaded(service.get("/").await).await;
    }
    probes_are_answered(&service).await;
    lock.rollback().await.unwrap();
    for connection in &mut served {
        assert_eq!(connection.answer().await.unwrap().status, 201);
    }
    assert_eq!(service.get("/").await.status(), 200);
}

#[tokio::test]
async fn streams_leave_places_for_others() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("MAX_CONNECTIONS", "4")]).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(service.get("/api/events").await);
    }
    assert!(streams.iter().all(|stream| stream.status() == 200));
    let refused = service.get("/api/events").await;
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/too-many-streams");
    assert_eq!(service.get("/api/todos").await.status(), 200);
    probes_are_answered(&service).await;
}

#[tokio::test]
async fn one_address_takes_its_share_if_there_is_one() {
    choose_tls();
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("MAX_PER_ADDRESS", "1")]).await;
    let stream = service.get("/api/events").await;
    assert_eq!(stream.status(), 200);
    is_overloaded(service.get("/api/todos").await).await;
    probes_are_answered(&service).await;
    let elsewhere = reqwest::Client::builder().local_address(Some([127, 0, 0, 2].into())).build().unwrap();
    assert_eq!(elsewhere.get(service.url("/api/todos")).send().await.unwrap().status(), 200);
    drop(stream);
    service.until_ok("/api/todos").await;
}

#[tokio::test]
async fn however_many_ask_whether_it_is_ready_one_connection_to_the_database_is_asked() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE _sqlx_migrations").await.unwrap();
    let asked: Vec<_> = (0..50).map(|_| tokio::spawn(client().get(service.url("/readyz")).send())).collect();
    database.waiting(1).await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
    let waiting: i64 = database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    ).await;
    assert_eq!(waiting, 1);
    lock.rollback().await.unwrap();
    for answer in asked {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn where_few_files_may_be_open_fewer_clients_are_served_and_newcomers_get_in() {
    let database = TestDatabase::migrated().await;
    let shell = ["/bin/sh", "-c", "ulimit -n 200; exec \"$0\" \"$@\""].map(str::to_owned);
    let service = Service::run(command_after(&shell, &["web"]), &database.url(), &[]).await;
    service.logged(|line| line["message"].as_str().unwrap().starts_with("fewer clients can be served")).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(Http::open(service.address).await.unwrap());
    }
    probes_are_answered(&service).await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
    assert!(!service.log().iter().any(|line| line.contains("cannot accept")), "{:#?}", service.log());
}

/// How many clients read nothing: more than are served at once.
const DEAF: usize = 1100;

/// The most memory that the process may ever have had: as little as leaves room for the system's buffers where it may
/// have 256 MiB.
const MEMORY: u64 = 160 << 20;

/// Asks for a long page and never reads it.
async fn deaf(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // It may have been told already that there is no place.
    let _ = stream.write_all(b"GET /api/todos?limit=100 HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    stream
}

#[tokio::test]
async fn a_thousand_who_never_read_take_bounded_memory_and_no_place_for_good() {
    // More than many systems allow at first.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let database = TestDatabase::migrated().await;
    // Each of these has 60,000 bytes as JSON.
    database
        .execute(
            "INSERT INTO todos (id, title, notes) \
             SELECT gen_random_uuid(), 'a', repeat(chr(1), 10000) FROM generate_series(1, 30)",
        )
        .await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info"), ("ANSWER_TIMEOUT", "8s")]).await;
    let mut clients = Vec::new();
    for _ in 0..DEAF {
        clients.push(deaf(service.address).await);
    }
    let answered = async {
        while service.log().len() < 1000 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(3 * PATIENCE, answered).await.expect("all who are served should be answered");
    probes_are_answered(&service).await;
    let peak = service.peak_memory();
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    // Nobody has gone, yet those who do not take their answers lose their places.
    service.until_ok("/api/todos").await;
    drop(clients);
}
