//! A syslog server where a cluster's pods reach it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::PATIENCE;

/// A server that takes RFC 6587's counted frames, as long as this lives.
pub(crate) struct Syslog {
    pub(crate) port: u16,
    network: String,
    listener: TcpListener,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    messages: Receiver<String>,
}

impl Syslog {
    /// One in another network, given as a file; at this port of all its addresses, or at a free one.
    pub(crate) fn start_in(network: &str, port: u16) -> Self {
        let listener = bind(network, port);
        let port = listener.local_addr().unwrap().port();
        let (sender, messages) = mpsc::channel();
        let connections = Arc::<Mutex<Vec<TcpStream>>>::default();
        let (accepting, known) = (listener.try_clone().unwrap(), connections.clone());
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                known.lock().unwrap().push(stream.try_clone().unwrap());
                let sender = sender.clone();
                thread::spawn(move || frames(stream, &sender));
            }
        });
        Self { port, network: network.to_owned(), listener, connections, messages }
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn next(&self) -> String {
        self.messages.recv_timeout(PATIENCE).expect("a message")
    }

    /// Ends it, and all connections to it; what it takes to start it again.
    pub(crate) fn stop(self) -> (String, u16) {
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).unwrap();
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        (self.network, self.port)
    }
}

/// A socket stays in the network in which it was made, wherever it is used.
fn bind(network: &str, port: u16) -> TcpListener {
    let network = File::open(network).unwrap();
    let inside = thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        TcpListener::bind(("0.0.0.0", port)).unwrap()
    });
    inside.join().unwrap()
}

/// Hands on what a connection brings, a message at a time.
fn frames(stream: TcpStream, sender: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = Vec::new();
        if reader.read_until(b' ', &mut length).unwrap_or(0) == 0 {
            return;
        }
        let length = String::from_utf8(length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        if reader.read_exact(&mut message).is_err()
            || sender.send(String::from_utf8(message).unwrap()).is_err()
        {
            return;
        }
    }
}
