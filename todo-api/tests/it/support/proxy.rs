//! A network between the service and its database that can stop carrying anything.

use std::net::SocketAddr;

use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Carries bytes to a database, or swallows them.
pub(crate) struct Proxy {
    address: SocketAddr,
    swallows: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(database: &PgConnectOptions) -> Self {
        let target = format!("{}:{}", database.get_host(), database.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (swallows, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&target).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, state.clone()));
                tokio::spawn(carry(far_in, near_out, state.clone()));
            }
        });
        Self { address, swallows }
    }

    pub(crate) fn url(&self, database: &PgConnectOptions) -> String {
        database.clone().host("127.0.0.1").port(self.address.port()).to_url_lossy().into()
    }

    pub(crate) fn swallow(&self, everything: bool) {
        self.swallows.send_replace(everything);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallows: watch::Receiver<bool>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !*swallows.borrow() && to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}
