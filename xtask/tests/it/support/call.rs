//! A request to a cluster's API, as it came over a connection.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use serde_json::Value;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// With its query: `/api/v1/namespaces?limit=500`.
    pub(crate) path: String,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    /// Whether its connection is to be closed after it.
    pub(crate) is_last: bool,
}

impl Call {
    /// The next one of a connection, if there is another.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (accept, content_type) = (String::new(), String::new());
        let mut call = Self { method, path, accept, content_type, body: Vec::new(), is_last: false };
        let mut length = 0;
        loop {
            line.clear();
            from.read_line(&mut line)?;
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
                ("", _) => break,
                ("accept", value) => value.clone_into(&mut call.accept),
                ("content-type", value) => value.clone_into(&mut call.content_type),
                ("connection", value) => call.is_last = value == "close",
                ("content-length", value) => length = value.parse().map_err(io::Error::other)?,
                _ => {}
            }
        }
        from.take(length).read_to_end(&mut call.body)?;
        Ok(Some(call))
    }

    /// The request, with `connection: close`.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { method, path, accept, content_type, body, .. } = self;
        let accept = if accept.is_empty() { "*/*" } else { accept };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\ncontent-type: {content_type}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(body);
        request
    }

    /// Whether it changes something on the cluster.
    pub(crate) fn changes(&self) -> bool {
        self.method != "GET"
            && self.query("dryRun").is_none()
            && !self.path.contains("selfsubjectaccessreviews")
    }

    /// Whether it is a change that the course of a command asks for; when its lock is renewed is up to the clock.
    pub(crate) fn is_a_step(&self) -> bool {
        self.changes() && !(self.method == "PUT" && self.path.contains("/leases/"))
    }

    /// Whether it is a watch.
    pub(crate) fn watches(&self) -> bool {
        self.query("watch").is_some()
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| decoded(value))
    }

    /// The document that it carries.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// `PATCH /apis/apps/v1/namespaces/todo/deployments/web`
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

/// A value of a query without its escapes.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
