//! Asks a service over HTTP whether it is ready.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

const TIMEOUT: Duration = Duration::from_secs(3);
const PERIOD: Duration = Duration::from_millis(10);

/// The header in which the service says of which release it is.
pub const RELEASE: &str = "x-release";

/// Returns when the path answers 200. Nothing outside a process tells that it listens, so it is asked again
/// and again: give the future up to stop asking.
pub async fn ready(port: u16, path: &str) {
    while get(port, path).await.is_none_or(|(status, _)| status != StatusCode::OK) {
        time::sleep(PERIOD).await;
    }
}

/// The same, but for an answer of this release. A service that does not say of which it is counts as of any.
pub async fn ready_as(port: u16, path: &str, release: &str) {
    let is_it = |said: Option<String>| said.is_none_or(|said| said == release);
    while !get(port, path).await.is_some_and(|(status, said)| status == StatusCode::OK && is_it(said)) {
        time::sleep(PERIOD).await;
    }
}

/// The status with which the path answers, if it answers, and the release that it says it is of.
async fn get(port: u16, path: &str) -> Option<(StatusCode, Option<String>)> {
    let ask = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let request = Request::get(path)
            .header(header::HOST, format!("localhost:{port}"))
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .ok()?;
        let answer = async {
            let response = sender.send_request(request).await.ok()?;
            let status = response.status();
            let release = response.headers().get(RELEASE).and_then(|value| value.to_str().ok());
            let release = release.map(str::to_owned);
            let _ = response.into_body().collect().await;
            Some((status, release))
        };
        // The connection ends with its last byte, often before the answer has been looked at; if it breaks,
        // the answer fails by itself.
        let drive = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = answer => answer,
            () = drive => None,
        }
    };
    time::timeout(TIMEOUT, ask).await.ok().flatten()
}
