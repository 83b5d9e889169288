//! One address for processes that come and go, as a cluster gives a service.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Hands each new connection to the process of the moment.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    target: watch::Sender<SocketAddr>,
}

impl Front {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, current) = watch::channel(target);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let target = *current.borrow();
                tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { address, target }
    }

    pub(crate) fn switch(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}
