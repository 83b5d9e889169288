//! A relay between the command line and a cluster's API, which sees every request and can keep it back.
//!
//! The API is reached by way of `kubectl proxy` on the cluster's node, so that what is relayed is plain HTTP/1.1.

use std::{
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::call::Call;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is relayed, and so is its answer.
    Passes,
    /// It is never answered.
    Hangs,
}

type Decide = Box<dyn FnMut(&Call) -> Fate + Send>;

/// The relay, for as long as the test runs.
pub(crate) struct Relay {
    pub(crate) port: u16,
    decide: Arc<Mutex<Decide>>,
}

impl Relay {
    /// A relay to this address, which lets everything pass.
    pub(crate) fn to(address: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(Box::new(|_| Fate::Passes)));
        let shared = Arc::clone(&decide);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (address, decide) = (address.clone(), Arc::clone(&shared));
                thread::spawn(move || drop(relay(client, &address, &decide)));
            }
        });
        Self { port, decide }
    }

    /// From now on this decides what becomes of each request.
    pub(crate) fn decides(&self, decide: impl FnMut(&Call) -> Fate + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    /// From now on everything passes.
    pub(crate) fn lets_all_pass(&self) {
        self.decides(|_| Fate::Passes);
    }
}

/// Relays the request of one connection.
fn relay(client: TcpStream, address: &str, decide: &Mutex<Decide>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut requests = BufReader::new(client.try_clone()?);
    let mut answers = client;
    let Some(call) = Call::read(&mut requests)? else { return Ok(()) };
    if (decide.lock().unwrap())(&call) == Fate::Hangs {
        // Until the client gives up.
        return requests.read(&mut [0]).map(drop);
    }
    let mut server = TcpStream::connect(address)?;
    server.write_all(&call.to_bytes())?;
    // The client's end of a watch must end it at the server, too.
    if call.watches() {
        let (ended, watched) = (server.try_clone()?, answers.try_clone()?);
        thread::spawn(move || {
            let _ = watched.peek(&mut [0]);
            let _ = ended.shutdown(Shutdown::Both);
        });
    }
    io::copy(&mut server, &mut answers).map(drop) // the server closes, as it was asked to
}
