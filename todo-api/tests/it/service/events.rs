//! Changes reach every client that watches, from any writer.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpSocket, time::timeout};

use super::{
    database::TestDatabase,
    process::{PATIENCE, Service},
    proxy::Proxy,
    stream::{Stream, hearing},
};

async fn create(service: &Service, title: &str) -> Value {
    let request = Client::new().post(service.url("/api/todos")).json(&json!({ "title": title }));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn every_process_tells_what_any_of_them_changed() {
    let database = TestDatabase::migrated().await;
    let (here, there) = (Service::ready(&database, &[]).await, Service::ready(&database, &[]).await);
    hearing(&here).await;
    hearing(&there).await;
    let mut streams = [Stream::open(&here, None).await, Stream::open(&there, None).await];
    for stream in &mut streams {
        assert_eq!(stream.expect("resync").await.data, json!({}));
    }

    let client = Client::new();
    let todo = create(&here, "a").await;
    let id = &todo["id"];
    all(&mut streams, "saved", &json!({"id": id, "version": 1})).await;
    let url = there.url(&format!("/api/todos/{}", id.as_str().unwrap()));
    client.patch(&url).json(&json!({"title": "b"})).send().await.unwrap();
    all(&mut streams, "saved", &json!({"id": id, "version": 2})).await;
    client.delete(&url).send().await.unwrap();
    all(&mut streams, "removed", &json!({"id": id, "version": 2})).await;
    client.post(format!("{url}/restore")).json(&json!({})).send().await.unwrap();
    all(&mut streams, "saved", &json!({"id": id, "version": 3})).await;

    // And from any other writer: the previous release, or a person.
    database.execute("UPDATE todos SET title = 'by hand', version = 9").await;
    all(&mut streams, "saved", &json!({"id": id, "version": 9})).await;
    database.execute("DELETE FROM todos").await;
    all(&mut streams, "removed", &json!({"id": id, "version": 9})).await;
    database.execute("TRUNCATE todos").await;
    all(&mut streams, "resync", &json!({})).await;
}

async fn all(streams: &mut [Stream], name: &str, data: &Value) {
    for stream in streams {
        assert_eq!(stream.expect(name).await.data, *data);
    }
}

#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    let client = Client::new();
    let nothing = service.url("/api/todos/01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(client.delete(&nothing).send().await.unwrap().status(), 404);
    let wrong = client.post(service.url("/api/todos")).json(&json!({})).send().await.unwrap();
    assert_eq!(wrong.status(), 422);
    let todo = create(&service, "b").await;
    assert_eq!(stream.expect("saved").await.data["id"], todo["id"]);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_told_once() {
    let database = TestDatabase::migrated().await;
    let (here, there) = (Service::ready(&database, &[]).await, Service::ready(&database, &[]).await);
    hearing(&here).await;
    let mut stream = Stream::open(&here, None).await;
    stream.expect("resync").await;
    let (client, body) = (Client::new(), json!({"title": "a"}));
    let mut answers = Vec::new();
    for service in [&here, &here, &there] {
        let request = client.post(service.url("/api/todos")).header("idempotency-key", "\"a\"").json(&body);
        answers.push(request.send().await.unwrap().json::<Value>().await.unwrap());
    }
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]), "{answers:#?}");
    assert_eq!(stream.expect("saved").await.data, json!({"id": answers[0]["id"], "version": 1}));
    for (key, body, status) in [("\"a\"", json!({"title": "other"}), 422), ("a", body, 400)] {
        let request = client.post(here.url("/api/todos")).header("idempotency-key", key).json(&body);
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let last = create(&here, "b").await;
    assert_eq!(stream.expect("saved").await.data["id"], last["id"]);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_is_told_as_anything() {
    let database = TestDatabase::migrated().await;
    let (here, there) = (
        Service::ready(&database, &[("REQUEST_TIMEOUT", "100ms"), ("DATABASE_STATEMENT_TIMEOUT", "1m")])
            .await,
        Service::ready(&database, &[]).await,
    );
    hearing(&there).await;
    let mut stream = Stream::open(&there, None).await;
    stream.expect("resync").await;
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE todos").await.unwrap();
    let request = Client::new().post(here.url("/api/todos")).json(&json!({"title": "a"}));
    assert_eq!(request.send().await.unwrap().status(), 503);
    stream.expect("resync").await;
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn what_the_last_requests_changed_is_told_before_the_end() {
    let database = TestDatabase::migrated().await;
    let (here, there) = (Service::ready(&database, &[]).await, Service::ready(&database, &[]).await);
    hearing(&there).await;
    let mut stream = Stream::open(&there, None).await;
    stream.expect("resync").await;
    let mut wanted = HashSet::new();
    for title in ["a", "b", "c"] {
        wanted.insert(create(&here, title).await["id"].clone());
    }
    here.signal(Signal::TERM);
    assert_eq!(here.exit().await.code(), Some(0));
    while !wanted.is_empty() {
        wanted.remove(&stream.expect("saved").await.data["id"]);
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    database.execute("BEGIN; INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'a'); ROLLBACK").await;
    let todo = create(&service, "b").await;
    assert_eq!(stream.expect("saved").await.data["id"], todo["id"]);
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_or_that_it_cannot_be_told() {
    let database = TestDatabase::migrated().await;
    let (here, there) = (Service::ready(&database, &[]).await, Service::ready(&database, &[]).await);
    hearing(&here).await;
    hearing(&there).await;
    let mut stream = Stream::open(&here, None).await;
    let seen = stream.expect("resync").await.id;
    let missed = create(&here, "a").await;
    // Once it is heard here, it is past.
    stream.expect("saved").await;
    let mut again = Stream::open(&here, Some(&seen)).await;
    assert_eq!(again.expect("saved").await.data["id"], missed["id"]);
    for id in [seen.as_str(), "", "7", "\u{fc}"] {
        Stream::open(&there, Some(id)).await.expect("resync").await;
    }
}

#[tokio::test]
async fn when_the_database_was_away_everyone_reads_the_list_again() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    let seen = stream.expect("resync").await.id;
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'todo-api' AND datname = current_database()",
        )
        .await;
    let again = stream.expect("resync").await.id;
    assert_ne!(seen, again);
    let todo = create(&service, "a").await;
    assert_eq!(stream.expect("saved").await.data["id"], todo["id"]);
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_on_a_silent_connection() {
    let database = TestDatabase::migrated().await;
    let proxy = Proxy::to(&database.config()).await;
    let variables = [("DATABASE_STATEMENT_TIMEOUT", "200ms")];
    let service = Service::start(&proxy.url(&database.config()), &variables).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    proxy.swallow(true);
    database.execute("INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'unheard')").await;
    service.logged(|line| line["message"] == "the database's announcements are not heard").await;
    proxy.swallow(false);
    stream.expect("resync").await;
}

#[tokio::test]
async fn there_are_only_so_many_places() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("EVENTS_MAX_STREAMS", "2")]).await;
    let mut first = Stream::open(&service, None).await;
    let second = Stream::open(&service, None).await;
    first.expect("resync").await;
    let refused = service.get("/api/events").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/too-many-streams");
    drop(second);
    let place = async { while service.get("/api/events").await.status() != 200 {} };
    timeout(PATIENCE, place).await.expect("a place should be free again");
}

#[tokio::test]
async fn streams_end_at_once_when_the_service_drains() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DRAIN_DELAY", "1m"), ("SHUTDOWN_TIMEOUT", "2m")]).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    service.signal(Signal::TERM);
    // Well before it stops listening, so that the client finds another process.
    while stream.next().await.is_some() {}
    assert_eq!(service.get("/api/events").await.status(), 503);
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn streams_do_not_hold_up_the_end() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("SHUTDOWN_TIMEOUT", "1m")]).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::open(&service, None).await);
    }
    service.signal(Signal::TERM);
    // Sooner than the time-out, or this would not be patient enough.
    assert_eq!(service.exit().await.code(), Some(0));
}

/// Asks for events and never reads them.
async fn deaf(address: SocketAddr) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn who_does_not_listen_costs_no_memory_and_delays_nobody() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    let mut deaf_ones = Vec::new();
    for _ in 0..200 {
        deaf_ones.push(deaf(service.address).await);
    }
    let insert = "INSERT INTO todos (id, title) SELECT gen_random_uuid(), 'a' FROM generate_series(1, 1250)";
    database.execute(insert).await;
    let before = service.memory();
    for _ in 0..8 {
        database.execute(insert).await;
    }
    let mut last = create(&service, "last").await;
    loop {
        let event = stream.next().await.expect("the stream should not end");
        if event.data["id"] == last["id"] {
            break;
        }
        // Behind as well, which is told: what was the last may have gone by.
        if event.name == "resync" {
            last = create(&service, "last").await;
        }
    }
    // 10,000 events for 200 clients would be 200 MB.
    let grown = service.memory().saturating_sub(before);
    assert!(grown < 40_000_000, "{grown}");
}

#[tokio::test]
async fn listening_takes_no_more_connections_than_the_process_may_hold() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("DATABASE_MAX_CONNECTIONS", "3")]).await;
    hearing(&service).await;
    let lists = (0..30).map(|_| tokio::spawn(reqwest::get(service.url("/api/todos"))));
    for list in lists.collect::<Vec<_>>() {
        assert_eq!(list.await.unwrap().unwrap().status(), 200);
    }
    let held: i64 = database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-api' AND datname = current_database()",
    ).await;
    assert!((2..=3).contains(&held), "{held}");
}

#[tokio::test]
async fn a_change_reaches_a_stream_soon() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    let mut times = Vec::new();
    for _ in 0..50 {
        let asked = std::time::Instant::now();
        let (todo, event) = tokio::join!(create(&service, "a"), stream.expect("saved"));
        assert_eq!(event.data["id"], todo["id"]);
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    println!("from request to event: half within {:?}, the slowest {:?}", times[25], times[49]);
    // For a machine with better things to do; the figure is a tenth of this or less.
    assert!(times[25] < Duration::from_secs(1), "{times:?}");
}
