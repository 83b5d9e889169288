//! Bytes that are no request, or almost one.

use std::net::SocketAddr;

use proptest::{
    prelude::*,
    sample::Index,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    database::TestDatabase,
    needs::long,
    process::{PATIENCE, Service},
    unharmed::unharmed,
};

/// How many requests there are, where there is time and elsewhere.
const COUNT: [usize; 2] = [2000, 200];

/// What is changed: from nothing to everything. The stream of events is not among them, as it has no end.
const REQUESTS: [&str; 5] = [
    "GET /api/todos?limit=2&state=open HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "POST /api/todos HTTP/1.1\r\nhost: localhost\r\nidempotency-key: \"a\"\r\ncontent-type: application/json\r\n\
     content-length: 13\r\n\r\n{\"title\":\"a\"}",
    "POST /api/todos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\
     expect: 100-continue\r\n\r\nd\r\n{\"title\":\"a\"}\r\n0\r\n\r\n",
    "PATCH /api/todos/01890a5d-ac96-774b-bcce-b302099a8057 HTTP/1.1\r\nhost: localhost\r\nif-match: \"1\"\r\n\
     content-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    "GET /livez HTTP/1.1\r\nhost: localhost\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
     connection: upgrade\r\nupgrade: websocket\r\n\r\n",
];

#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    CutOff(Index),
}

fn change() -> impl Strategy<Value = Change> {
    use Change::{CutOff, Insert, Remove, Repeat, Replace};
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Replace(at, byte)),
        (place(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(at, bytes)| Insert(at, bytes)),
        (place(), "[ -~]{0,40}").prop_map(|(at, text)| Insert(at, text.into())),
        (place(), 0..40_usize).prop_map(|(at, length)| Remove(at, length)),
        (place(), 0..2000_usize).prop_map(|(at, count)| Repeat(at, count)),
        place().prop_map(CutOff),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changed = (prop::sample::select(&REQUESTS[..]), prop::collection::vec(change(), 0..6));
    let changed = changed.prop_map(|(request, changes)| {
        changes.iter().fold(request.as_bytes().to_vec(), |mut bytes, change| {
            if !bytes.is_empty() {
                change.apply(&mut bytes);
            }
            bytes
        })
    });
    prop_oneof![4 => changed, 1 => prop::collection::vec(any::<u8>(), 0..2000)]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self {
            Self::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Self::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Self::Repeat(at, count) => {
                let at = at.index(length);
                let byte = bytes[at];
                bytes.splice(at..at, std::iter::repeat_n(byte, *count));
            }
            Self::CutOff(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// Sends the bytes and no more, and reads what comes until the connection ends.
async fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may have heard enough.
    if stream.write_all(bytes).await.is_ok() {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection should end");
    answer
}

#[tokio::test]
async fn whatever_bytes_come_the_service_goes_on() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info")]).await;
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..if long() { COUNT[0] } else { COUNT[1] } {
        let bytes = bytes().new_tree(&mut runner).unwrap().current();
        let answer = send(service.address, &bytes).await;
        let shown = String::from_utf8_lossy(&bytes);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{shown:?}");
        assert!(answer.get(9).is_none_or(|status| *status != b'5'), "{shown:?}");
    }
    unharmed(service).await;
}
