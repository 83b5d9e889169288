//! The backing service of the violator: it keeps texts, as long as this process lives. `PUT ID TEXT` is answered with an empty
//! line, `GET ID` with the text.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

type Texts = Arc<Mutex<HashMap<String, String>>>;

/// Begins to serve, and tells where.
///
/// # Errors
///
/// When there is no port to listen at.
pub fn begin() -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        let texts = Texts::default();
        for stream in listener.incoming().flatten() {
            let texts = texts.clone();
            // One that leaves before it was answered wants no answer.
            thread::spawn(move || drop(answer(&stream, &texts)));
        }
    });
    Ok(address)
}

fn answer(mut stream: &TcpStream, texts: &Texts) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let mut words = line.trim_end().splitn(3, ' ');
    let mut texts = texts.lock().map_err(|_| io::ErrorKind::Other)?;
    let text = match (words.next(), words.next(), words.next()) {
        (Some("PUT"), Some(id), Some(text)) => {
            texts.insert(id.to_owned(), text.to_owned());
            String::new()
        }
        (_, Some(id), _) => texts.get(id).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    stream.write_all(format!("{text}\n").as_bytes())
}
