//! A relay between the command line and a cluster's API, which sees every request and can get in its way.
//!
//! The API is reached by way of `kubectl proxy` on the cluster's node, so that what is relayed is plain HTTP/1.1.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request as it is about to be relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Call {
    /// Whether it changes something on the cluster.
    pub(crate) fn changes(&self) -> bool {
        self.method != "GET"
            && !self.path.contains("dryRun=All")
            && !self.path.contains("selfsubjectaccessreviews")
    }

    /// Whether it is a watch.
    pub(crate) fn watches(&self) -> bool {
        self.path.contains("watch=true")
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It is relayed, and so is its answer.
    Passes,
    /// It gets this answer from the relay.
    Answered(String),
    /// It is never answered.
    Hangs,
    /// It is relayed, and its answer ends after this time.
    Ends(Duration),
}

type Judge = Box<dyn FnMut(&Call) -> Fate + Send>;

/// The relay, for as long as the test runs.
pub(crate) struct Relay {
    pub(crate) port: u16,
    judge: Arc<Mutex<Judge>>,
}

impl Relay {
    /// A relay to this address, which lets everything pass.
    pub(crate) fn to(address: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let judge: Arc<Mutex<Judge>> = Arc::new(Mutex::new(Box::new(|_| Fate::Passes)));
        let judges = Arc::clone(&judge);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (address, judge) = (address.clone(), Arc::clone(&judges));
                thread::spawn(move || drop(relay(client, &address, &judge)));
            }
        });
        Self { port, judge }
    }

    /// From now on this decides what becomes of each request.
    pub(crate) fn decides(&self, judge: impl FnMut(&Call) -> Fate + Send + 'static) {
        *self.judge.lock().unwrap() = Box::new(judge);
    }

    /// From now on everything passes.
    pub(crate) fn lets_all_pass(&self) {
        self.decides(|_| Fate::Passes);
    }
}

/// Relays the requests of one connection, each over a connection of its own.
fn relay(client: TcpStream, address: &str, judge: &Mutex<Judge>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut requests = BufReader::new(client.try_clone()?);
    let mut answers = client;
    while let Some((call, request)) = read_request(&mut requests)? {
        let fate = (judge.lock().unwrap())(&call);
        match fate {
            Fate::Answered(answer) => answers.write_all(answer.as_bytes())?,
            Fate::Hangs => {
                // Until the client gives up.
                let _ = requests.read(&mut [0]);
                return Ok(());
            }
            Fate::Passes | Fate::Ends(_) => {
                let mut server = TcpStream::connect(address)?;
                server.write_all(&request)?;
                if let Fate::Ends(after) = fate {
                    let cut = server.try_clone()?;
                    #[expect(clippy::disallowed_methods, reason = "it is time itself that ends the answer")]
                    thread::spawn(move || {
                        thread::sleep(after);
                        let _ = cut.shutdown(Shutdown::Both);
                    });
                }
                // The client's end of a watch must end it at the server, too.
                let (ended, watched) = (server.try_clone()?, answers.try_clone()?);
                if call.watches() {
                    thread::spawn(move || {
                        let _ = watched.peek(&mut [0]);
                        let _ = ended.shutdown(Shutdown::Both);
                    });
                }
                io::copy(&mut server, &mut answers)?;
                return Ok(()); // the server closes, as it was asked to
            }
        }
    }
    Ok(())
}

/// The next request, and all its bytes, with the wish that the connection be closed after it.
fn read_request(from: &mut BufReader<TcpStream>) -> io::Result<Option<(Call, Vec<u8>)>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let call = Call { method: words.next().unwrap_or_default(), path: words.next().unwrap_or_default() };
    let (mut head, mut length) = (first.clone(), 0);
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "connection" => continue,
            _ => {}
        }
        head.push_str(&line);
    }
    head.push_str("connection: close\r\n\r\n");
    let mut request = head.into_bytes();
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    request.extend(body);
    Ok(Some((call, request)))
}
