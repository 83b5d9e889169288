//! A socket that was handed down is shared with other processes: what this one does not take is theirs.

use std::{io, net::TcpListener};

use rustix::process::Signal;
use tokio::{net::UnixDatagram, sync::watch, time::timeout};

use super::{
    database::TestDatabase,
    http::{self, Connection},
    process::{PATIENCE, Service},
};

const NOWHERE: &str = "postgres://todo:todo@127.0.0.1:1/todo";

fn socket() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).unwrap()
}

/// Waits until the service accepts connections.
async fn listens(service: &Service) {
    service.logged(|line| line["message"] == "listening").await;
}

/// Adds todos, each on a connection of its own or not, until told to stop.
async fn add(service: Service, keep_alive: bool, count: watch::Sender<u64>, stop: watch::Receiver<bool>) {
    let add = async || -> io::Result<()> {
        let mut kept: Option<Connection> = None;
        while !*stop.borrow() {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(service.address).await?,
            };
            let post = http::post("a", if keep_alive { "keep-alive" } else { "close" });
            let answer = connection.request(&post).await?;
            assert_eq!(answer.status, 201, "{answer:?}");
            count.send_modify(|count| *count += 1);
            kept = (keep_alive && !answer.closes()).then_some(connection);
        }
        Ok(())
    };
    add().await.unwrap();
    drop(service);
}

async fn nobody_notices_that_one_of_two_stops(keep_alive: bool) {
    let (database, socket) = (TestDatabase::migrated().await, socket());
    let stays = Service::start_on(&socket, &database.url(), &[("LOG_LEVEL", "info")]);
    listens(&stays).await;
    let ((count, mut counted), (stop, stopped)) = (watch::channel(0), watch::channel(false));
    let client = tokio::spawn(add(stays, keep_alive, count, stopped));
    for _ in 0..5 {
        let leaves = Service::start_on(&socket, &database.url(), &[("LOG_LEVEL", "info")]);
        listens(&leaves).await;
        let goal = *counted.borrow_and_update() + 20;
        timeout(PATIENCE, counted.wait_for(|count| *count >= goal)).await.unwrap().unwrap();
        leaves.signal(Signal::TERM);
        assert_eq!(leaves.exit().await.code(), Some(0));
    }
    stop.send_replace(true);
    timeout(PATIENCE, client).await.unwrap().unwrap();
}

#[tokio::test]
async fn no_request_on_a_kept_connection_is_lost_when_one_of_two_stops() {
    nobody_notices_that_one_of_two_stops(true).await;
}

#[tokio::test]
async fn no_request_on_a_new_connection_is_lost_when_one_of_two_stops() {
    nobody_notices_that_one_of_two_stops(false).await;
}

#[tokio::test]
async fn nothing_is_accepted_before_requests_are_welcome() {
    let (database, socket) = (TestDatabase::migrated().await, socket());
    let unready = Service::start_on(&socket, NOWHERE, &[]);
    unready.logged(|line| line["message"] == "not ready").await;
    let ready = Service::start_on(&socket, &database.url(), &[]);
    for _ in 0..50 {
        assert_eq!(ready.get("/api/todos").await.status(), 200);
    }
    unready.signal(Signal::TERM);
    assert!(!unready.log().iter().any(|line| line.contains("listening")));
    assert_eq!(unready.exit().await.code(), Some(0));
    assert_eq!(ready.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn it_tells_when_it_is_ready_and_goes_on_until_it_was_heard_that_it_stops() {
    let (database, socket) = (TestDatabase::migrated().await, socket());
    let folder = std::env::temp_dir().join(format!("todo-api-{}", uuid::Uuid::now_v7()));
    let listener = UnixDatagram::bind(&folder).unwrap();
    let hear = async || {
        let mut message = [0; 100];
        let length = timeout(PATIENCE, listener.recv(&mut message)).await.unwrap().unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let variables = [("NOTIFY_SOCKET", folder.to_str().unwrap())];
    let service = Service::start_on(&socket, &database.url(), &variables);
    assert_eq!(hear().await, "READY=1\n");
    assert_eq!(service.get("/readyz").await.status(), 200);

    service.signal(Signal::TERM);
    assert_eq!(hear().await, "STOPPING=1\n");
    // A client that connects now has no other process.
    assert_eq!(service.get("/livez").await.status(), 200);
    assert_eq!(hear().await, "BARRIER=1\n");
    assert_eq!(service.exit().await.code(), Some(0));
    std::fs::remove_file(folder).unwrap();
}

#[tokio::test]
async fn what_was_handed_down_must_be_a_socket_that_listens() {
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", "exec \"$0\" web 3</dev/null", env!("CARGO_BIN_EXE_todo-api")]);
    command.env_clear().envs([("DATABASE_URL", NOWHERE), ("PORT", "0"), ("LISTEN_FDS", "1")]);
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("cannot use the socket in LISTEN_FDS"),
        "{said}"
    );
}
