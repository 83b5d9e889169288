//! The backing service of the violator: it keeps texts, as long as this process lives. `PUT ID TEXT` is answered with an empty
//! line, `GET ID` with the text, `VERSION` with its version.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// The usual version of it.
pub const VERSION: &str = "1.2";

type Texts = Arc<Mutex<HashMap<String, String>>>;

/// Begins to serve as a server of this version, and tells where.
///
/// # Errors
///
/// When there is no port to listen at.
pub fn begin(version: &'static str) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        let texts = Texts::default();
        for stream in listener.incoming().flatten() {
            let texts = texts.clone();
            // One that leaves before it was answered wants no answer.
            thread::spawn(move || drop(answer(&stream, version, &texts)));
        }
    });
    Ok(address)
}

fn answer(mut stream: &TcpStream, version: &str, texts: &Texts) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let mut words = line.trim_end().splitn(3, ' ');
    let mut texts = texts.lock().map_err(|_| io::ErrorKind::Other)?;
    let text = match (words.next(), words.next(), words.next()) {
        (Some("PUT"), Some(id), Some(text)) => {
            texts.insert(id.to_owned(), text.to_owned());
            String::new()
        }
        (Some("VERSION"), None, _) => version.to_owned(),
        (_, Some(id), _) => texts.get(id).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    stream.write_all(format!("{text}\n").as_bytes())
}
