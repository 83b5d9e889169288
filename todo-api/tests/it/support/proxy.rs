//! A network between the service and its database that can stop carrying anything.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};
use tokio_postgres::{Config, config::Host};

use super::database;

/// Carries bytes to a database, or swallows them.
pub(crate) struct Proxy {
    address: SocketAddr,
    swallows: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(database: &Config) -> Self {
        let database = database.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (swallows, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = connect(&database).await.unwrap();
                tokio::spawn(carry(near_in, far_out, state.clone()));
                tokio::spawn(carry(far_in, near_out, state.clone()));
            }
        });
        Self { address, swallows }
    }

    pub(crate) fn url(&self, database: &Config) -> String {
        let mut here = Config::new();
        here.host("127.0.0.1").port(self.address.port());
        here.user(database.get_user().unwrap()).dbname(database.get_dbname().unwrap());
        if let Some(password) = database.get_password() {
            here.password(password);
        }
        database::url(&here)
    }

    pub(crate) fn swallow(&self, everything: bool) {
        self.swallows.send_replace(everything);
    }
}

type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

/// To a server on a network, or to one that is reached through a socket in a folder.
async fn connect(database: &Config) -> io::Result<Halves> {
    let port = database.get_ports().first().copied().unwrap_or(5432);
    match &database.get_hosts()[0] {
        Host::Unix(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            let (read, write) = UnixStream::connect(socket).await?.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
        Host::Tcp(host) => {
            let (read, write) = TcpStream::connect((host.as_str(), port)).await?.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    swallows: watch::Receiver<bool>,
) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !*swallows.borrow() && to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}
