//! HTTP by hand, where it matters what goes over which connection when.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection, used for one request at a time.
pub(crate) struct Connection(TcpStream);

/// The parts of an answer that the tests look at.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Whether the server will take no further request on the connection.
    pub(crate) fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("connection: close")
    }
}

/// A request to add a todo.
pub(crate) fn post(title: &str, connection: &str) -> String {
    let body = format!("{{\"title\":\"{title}\"}}");
    format!(
        "POST /api/todos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: {connection}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).await.map(Self)
    }

    pub(crate) async fn request(&mut self, request: &str) -> io::Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    pub(crate) async fn send(&mut self, bytes: &str) -> io::Result<()> {
        self.0.write_all(bytes.as_bytes()).await
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await?;
        Ok(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// Waits until the server closes the connection without another word.
    pub(crate) async fn closed(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0]).await? {
            0 => Ok(()),
            _ => Err(io::Error::other("the server said something")),
        }
    }
}
