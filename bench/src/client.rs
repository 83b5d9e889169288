//! Requests over a connection that is kept.

use std::{net::SocketAddr, str::FromStr};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    Outcome,
    work::{self, Work},
};

/// A service on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback());
        address.map(Self).ok_or_else(|| "must be an address of this machine, as 127.0.0.1:8080".into())
    }
}

/// A connection to a service.
pub(crate) struct Client(SendRequest<Full<Bytes>>);

/// An answer that has arrived.
pub(crate) type Answer = Response<Bytes>;

impl Client {
    pub(crate) async fn connect(address: Address) -> Outcome<Self> {
        let doing = |error: &dyn std::error::Error| format!("connecting to {}: {error}", address.0);
        let stream = TcpStream::connect(address.0).await.map_err(|error| doing(&error))?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| doing(&error))?;
        // Its end is heard of at the next request.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Answer> {
        self.send(Request::get(path).body(Full::default())?).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> Outcome<Answer> {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Full::new(body.into()))?).await
    }

    /// Does a piece of work; anything but success is an error, for it would cost something else.
    pub(crate) async fn work(&mut self, work: Work) -> Outcome {
        let answer = match work {
            Work::List => self.get("/api/todos").await?,
            Work::Create => self.post("/api/todos", work::body()).await?,
        };
        if answer.status().is_success() { Ok(()) } else { Err(unexpected(&answer).into()) }
    }

    /// Asks for something without waiting for all of it.
    pub(crate) async fn open(&mut self, path: &str) -> Outcome<Response<Incoming>> {
        self.begin(Request::get(path).body(Full::default())?).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome<Answer> {
        let (head, body) = self.begin(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    async fn begin(&mut self, mut request: Request<Full<Bytes>>) -> Outcome<Response<Incoming>> {
        request.headers_mut().insert(HOST, hyper::header::HeaderValue::from_static("localhost"));
        self.0.ready().await?;
        Ok(self.0.send_request(request).await?)
    }
}

pub(crate) fn unexpected(answer: &Answer) -> String {
    format!("it answered {}: {}", answer.status(), String::from_utf8_lossy(answer.body()))
}
