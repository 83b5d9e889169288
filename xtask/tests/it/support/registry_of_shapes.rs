//! A registry that answers as a test says, in a shape that the real one of Debian does not have.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use xtask_contract::Repository;

/// A question, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `PUT /v2/team/todo-api/blobs/uploads/x?_state=y`
    pub(crate) line: String,
    /// All of its head, with the names in small letters.
    head: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer: its status, lines of its head, and its body.
pub(crate) type Reply = (u16, Vec<String>, String);

type Answers = dyn Fn(&Asked) -> Option<Reply> + Send + Sync;

/// A registry that has nothing and takes all, as long as the test runs.
pub(crate) struct Shaped {
    pub(crate) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Shaped {
    /// One that answers some questions in its own way.
    pub(crate) fn start(answers: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, answers): (Arc<Mutex<Vec<Asked>>>, Arc<Answers>) = (Arc::default(), Arc::new(answers));
        let shaped = Self { host, asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                thread::spawn(move || drop(serve(client, &asked, &*answers)));
            }
        });
        shaped
    }

    pub(crate) fn repository(&self, name: &str) -> Repository {
        format!("{}/{name}", self.host).parse().unwrap()
    }

    /// What it was asked, in turn.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What it was asked of this kind.
    pub(crate) fn asked_to(&self, what: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.line.starts_with(what)).collect()
    }
}

fn serve(mut client: TcpStream, log: &Mutex<Vec<Asked>>, answers: &Answers) -> io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    while let Some(asked) = read(&mut from)? {
        log.lock().unwrap().push(asked.clone());
        let (status, head, body) = answers(&asked).unwrap_or_else(|| usual(&asked));
        let head: String = head.iter().flat_map(|line| [line, "\r\n"]).collect();
        let shown = if asked.line.starts_with("HEAD") { "" } else { &body };
        write!(client, "HTTP/1.1 {status} \r\ncontent-length: {}\r\n{head}\r\n{shown}", body.len())?;
    }
    Ok(())
}

fn read(from: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut asked =
        Asked { line: line.trim().trim_end_matches(" HTTP/1.1").into(), head: Vec::new(), body: Vec::new() };
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        asked.head.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    from.take(length).read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}

/// What the specification says.
fn usual(asked: &Asked) -> Reply {
    let status = match asked.line.split(' ').next() {
        Some("POST") => return (202, vec!["location: /v2/uploads/usual".to_owned()], String::new()),
        Some("PUT") => 201,
        _ => 404,
    };
    (status, Vec::new(), String::new())
}
