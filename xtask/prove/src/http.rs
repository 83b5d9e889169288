//! One HTTP request by hand: what is asked is asked of a connection that is known, and what is answered is seen as it is.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The most of a body that is read.
const MOST: u64 = 1 << 20;

/// One connection, used for one request at a time.
pub(crate) struct Connection(BufReader<TcpStream>);

/// An answer.
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
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads its answer. `fields` are further lines of its head.
    pub(crate) fn request(
        &mut self,
        line: &str,
        fields: &[(&str, &str)],
        body: Option<&str>,
    ) -> io::Result<Answer> {
        let mut request = format!("{line} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in fields {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let length = body.len();
            let _ = write!(request, "content-type: application/json\r\ncontent-length: {length}\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.0.get_mut().write_all(request.as_bytes())?;
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
        let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let mut body = Vec::new();
        match field("content-length: ").map(str::parse::<u64>) {
            Some(Ok(length)) => self.0.by_ref().take(length.min(MOST)).read_to_end(&mut body).map(drop)?,
            _ if field("transfer-encoding: ") == Some("chunked") => self.chunks(&mut body)?,
            _ => {}
        }
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            closes: field("connection: ") == Some("close"),
            release: field("x-release: ").map(str::to_owned),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            self.0.by_ref().take(length.min(MOST)).read_to_end(body)?;
            self.0.read_line(&mut line)?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}

/// Where a port of this machine is asked.
pub(crate) fn here(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The answer of a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    Connection::open(address)?.request(&format!("GET {path}"), &[("connection", "close")], None)
}
