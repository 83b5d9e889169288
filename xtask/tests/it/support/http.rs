//! HTTP by hand, where it matters what goes over which connection when.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use serde_json::{Value, json};

use super::PATIENCE;

/// One connection, used for one request at a time.
pub(crate) struct Connection(BufReader<TcpStream>);

/// The parts of an answer that the tests look at.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether the server takes no further request on the connection.
    pub(crate) closes: bool,
    /// The release that answers, where that is told.
    pub(crate) release: Option<String>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads its answer.
    pub(crate) fn request(&mut self, line: &str, body: &str, keep_alive: bool) -> io::Result<Answer> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    /// Adds a todo.
    pub(crate) fn add(&mut self, title: &str, keep_alive: bool) -> io::Result<Answer> {
        self.request("POST /api/todos", &json!({ "title": title }).to_string(), keep_alive)
    }

    /// Sends all of a request to add a todo but its last byte.
    pub(crate) fn begins_to_add(&mut self, title: &str) -> io::Result<()> {
        let body = json!({ "title": title }).to_string();
        let head = "POST /api/todos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(&request.as_bytes()[..request.len() - 1])
    }

    /// Sends that, and reads the answer.
    pub(crate) fn ends_adding(&mut self) -> io::Result<Answer> {
        self.0.get_mut().write_all(b"}")?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_ascii_lowercase()),
            }
        }
        let field = |name: &str| head.iter().find_map(|line| line.strip_prefix(name));
        let status = head[0].split(' ').nth(1).and_then(|code| code.parse().ok());
        let length = field("content-length: ").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            closes: field("connection: ") == Some("close"),
            release: field("x-release: ").map(str::to_owned),
            body: String::from_utf8(body).map_err(io::Error::other)?,
        })
    }
}

/// Reads a JSON document that must be there.
#[track_caller]
pub(crate) fn get(port: u16, path: &str) -> Value {
    let answer = Connection::open(port).unwrap().request(&format!("GET {path}"), "", false).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// Adds a todo and tells its address.
#[track_caller]
pub(crate) fn add(port: u16, title: &str) -> String {
    let answer = Connection::open(port).unwrap().add(title, false).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let todo: Value = serde_json::from_str(&answer.body).unwrap();
    format!("/api/todos/{}", todo["id"].as_str().unwrap())
}
