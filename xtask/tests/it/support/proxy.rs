//! A proxy that opens tunnels, asked by HTTP (`CONNECT`) or as SOCKS 5 (RFC 1928). For it every name is this machine's.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A proxy, for as long as the test runs.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, heads: Arc::default() };
        let heads = Arc::clone(&proxy.heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let heads = Arc::clone(&heads);
                thread::spawn(move || drop(tunnel(client, &heads)));
            }
        });
        proxy
    }

    /// The heads of all that it was asked for since this was asked last.
    pub(crate) fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap())
    }
}

fn tunnel(mut client: TcpStream, heads: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    if from.fill_buf()?.first() == Some(&5) {
        let to = asked_of_socks(&mut from, &mut client)?;
        heads.lock().unwrap().push(format!("SOCKS {to}"));
        let server = server(&to)?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        return pass(from, client, server);
    }
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && from.read_line(&mut head)? > 0 {}
    heads.lock().unwrap().push(head.clone());
    let Some(to) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        return client.write_all(b"HTTP/1.1 405 \r\n\r\n");
    };
    let server = server(to)?;
    client.write_all(b"HTTP/1.1 200 \r\n\r\n")?;
    pass(from, client, server)
}

/// What a client of SOCKS asks for, which is given as a name: nobody has resolved it before.
fn asked_of_socks(from: &mut impl Read, client: &mut TcpStream) -> io::Result<String> {
    let mut bytes = |count: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = usize::from(bytes(2)?[1]);
    bytes(methods)?;
    client.write_all(&[5, 0])?;
    let head = bytes(5)?;
    assert_eq!(head[3], 3, "a name");
    let name = String::from_utf8(bytes(usize::from(head[4]))?).map_err(io::Error::other)?;
    let port = bytes(2)?;
    Ok(format!("{name}:{}", u16::from_be_bytes([port[0], port[1]])))
}

fn server(to: &str) -> io::Result<TcpStream> {
    let port = to.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    TcpStream::connect((Ipv4Addr::LOCALHOST, port.ok_or_else(|| io::Error::other(to.to_owned()))?))
}

/// Passes on what each of the two has to say to the other.
fn pass(mut from: BufReader<TcpStream>, mut client: TcpStream, mut server: TcpStream) -> io::Result<()> {
    let mut back = server.try_clone()?;
    thread::spawn(move || {
        let _ = io::copy(&mut back, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    io::copy(&mut from, &mut server)?;
    server.shutdown(Shutdown::Both)
}
