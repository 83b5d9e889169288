use std::num::NonZeroUsize;

use axum::{
    body::Body,
    routing::{get, post},
};
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Duration, sleep},
};

use super::*;
use crate::server::seats::Seats;

const IDLE: Duration = Duration::from_secs(75);
const HEAD: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
const TIMES: Times = Times { idle: IDLE, head: HEAD, answer: ANSWER };

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
const CHUNKED: &str =
    "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
const EXPECTS: &str = "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
const HALF: &str = "GET / HTTP/1.1\r\nho";

/// A client of a service with seats.
struct Client(DuplexStream);

impl Client {
    fn of(seats: &Seats) -> Self {
        let (near, far) = duplex(1024);
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/livez", get(async || ()))
            .route("/echo", post(async |body: String| body))
            .route("/large", get(async || "a".repeat(100_000)))
            .route(
                "/stream",
                get(async || Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>())),
            );
        tokio::spawn(serve(far, seats.squeeze_in(None), router, Lifecycle::new(), TIMES));
        Self(near)
    }

    fn alone() -> Self {
        Self::of(&Seats::new(9, None))
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// What comes until this text has come.
    async fn hear(&mut self, end: &str) -> String {
        let mut heard = String::new();
        while !heard.ends_with(end) {
            heard.push(self.0.read_u8().await.unwrap().into());
        }
        heard
    }

    async fn ask(&mut self, text: &str, end: &str) {
        self.send(text).await;
        let heard = self.hear(end).await;
        assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    }

    /// Whether nobody is at the other end, which is known without reading.
    async fn is_closed(&mut self) -> bool {
        self.0.write_u8(b'\r').await.is_err()
    }

    /// How long it takes until the connection is closed.
    async fn ends_after(&mut self) -> Duration {
        let began = Instant::now();
        let _ = self.0.read_to_end(&mut Vec::new()).await;
        began.elapsed()
    }
}

/// To the millisecond, which is how finely a timer counts.
fn assert_about(took: Duration, expected: Duration, what: &str) {
    assert!(took.abs_diff(expected) < Duration::from_millis(5), "{what}: {took:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn between_requests_there_is_time() {
    assert_about(Client::alone().ends_after().await, IDLE, "before the first");
    for (request, end) in [(GET, "here"), (POST, "body"), (CHUNKED, "body")] {
        let mut client = Client::alone();
        for _ in 0..3 {
            client.ask(request, end).await;
            sleep(IDLE * 9 / 10).await;
        }
        client.ask(request, end).await;
        assert_about(client.ends_after().await, IDLE, request);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_were_sent_in_one_go_leave_the_same_time() {
    for (request, end) in [(GET, "here"), (POST, "body"), (CHUNKED, "body")] {
        let mut client = Client::alone();
        client.send(&[request; 3].concat()).await;
        for _ in 0..3 {
            client.hear(end).await;
        }
        assert_about(client.ends_after().await, IDLE, request);

        let mut client = Client::alone();
        client.send(&format!("{request}{request}{HALF}")).await;
        for _ in 0..2 {
            client.hear(end).await;
        }
        assert_about(client.ends_after().await, HEAD, &format!("and a half head after two of {request}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_has_begun_must_come_to_its_end() {
    let mut first = Client::alone();
    first.send(HALF).await;
    assert_about(first.ends_after().await, HEAD, "the first");
    for (request, end) in [(GET, "here"), (POST, "body"), (CHUNKED, "body")] {
        let mut later = Client::alone();
        later.ask(request, end).await;
        sleep(HEAD).await;
        later.send(HALF).await;
        assert_about(later.ends_after().await, HEAD, &format!("after {request}"));

        let mut at_once = Client::alone();
        at_once.ask(&format!("{request}{HALF}"), end).await;
        assert_about(at_once.ends_after().await, HEAD, &format!("with {request}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_interim_answer_is_none() {
    let mut client = Client::alone();
    for _ in 0..2 {
        client.send(EXPECTS).await;
        assert_eq!(client.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("bo").await;
        sleep(3 * HEAD).await;
        client.ask("dy", "body").await;
        sleep(3 * HEAD).await;
    }
    client.ask(GET, "here").await;
    assert_about(client.ends_after().await, IDLE, "idle after it");
}

#[tokio::test(start_paused = true)]
async fn a_body_has_no_limit_of_the_heads() {
    let mut client = Client::alone();
    client.send(&POST[..POST.len() - 2]).await;
    sleep(3 * HEAD).await;
    client.ask("dy", "body").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_must_be_read_in_time_and_a_stream_need_not() {
    let mut deaf = Client::alone();
    deaf.send(&GET.replace("/ ", "/large ")).await;
    sleep(ANSWER * 9 / 10).await;
    assert!(!deaf.is_closed().await);
    sleep(ANSWER / 5).await;
    assert!(deaf.is_closed().await);

    let mut watches = Client::alone();
    watches.ask(&GET.replace("/ ", "/stream "), "\r\n\r\n").await;
    assert!(timeout(10 * IDLE, watches.0.read_u8()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn without_a_seat_only_a_probe_is_answered() {
    let seats = Seats::new(2, NonZeroUsize::new(9));
    let mut seated = [Client::of(&seats), Client::of(&seats)];
    for client in &mut seated {
        client.ask(&GET.replace("/ ", "/stream "), "\r\n\r\n").await;
    }
    let mut more = Client::of(&seats);
    more.ask(&GET.replace("/ ", "/livez "), "\r\n\r\n").await;
    more.send(GET).await;
    let refused = more.hear("}").await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("connection: close"), "{refused}");
    assert_about(more.ends_after().await, Duration::ZERO, "it is closed");

    drop(seated);
    sleep(Duration::from_millis(1)).await;
    let mut idle = Client::of(&seats);
    idle.ask(GET, "here").await;
    // It left its seat with its answer.
    let mut others = [Client::of(&seats), Client::of(&seats)];
    for client in &mut others {
        client.ask(&GET.replace("/ ", "/stream "), "\r\n\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_sent_away_is_closed_at_once() {
    let seats = Seats::new(1, None);
    let mut idle = Client::of(&seats);
    idle.ask(GET, "here").await;
    seats.send_one_away();
    assert_about(idle.ends_after().await, Duration::ZERO, "it is closed");
}
