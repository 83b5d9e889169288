//! A steady load on the service of this machine, in an open loop: requests are sent at their time, whether or not
//! those before are answered, each is sent once, and all count.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::Ipv4Addr,
    rc::Rc,
    sync::mpsc::{Receiver, Sender, TryRecvError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    runtime::Builder,
    task::{JoinSet, LocalSet},
    time::{MissedTickBehavior, interval, timeout},
};

use super::PATIENCE;

/// However long it is to go on, no more is sent than this, and no more is under way at a time.
const MOST: usize = 500_000;
const MOST_AT_A_TIME: usize = 800;
/// Every tenth request adds a todo, the others list some.
const ADD: &str = "POST /api/todos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                   content-length: 18\r\n";
const TODO: &str = r#"{"title":"Steady"}"#;
const LIST: &str = "GET /api/todos?limit=5 HTTP/1.1\r\nhost: localhost\r\n";

/// A load that goes on.
pub(crate) struct OpenLoop {
    /// Hears of every request that is sent.
    sent: Receiver<()>,
    stop: Sender<()>,
    work: JoinHandle<Tally>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    /// In words, with the time since the load began.
    pub(crate) failures: Vec<String>,
    pub(crate) slowest: Duration,
    /// How many connections were used for them.
    pub(crate) connections: usize,
}

impl OpenLoop {
    /// Sends as many requests a second as this, half of them over connections that are kept.
    pub(crate) fn start(port: u16, rate: u32) -> Self {
        let ((tell, sent), (stop, stopped)) = (channel(), channel());
        let work = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, send(port, rate, &stopped, &tell))
        });
        Self { sent, stop, work }
    }

    /// Lets it go on until this many requests were sent.
    pub(crate) fn reaches(&self, count: usize) {
        assert_eq!(self.sent.iter().take(count).count(), count, "no more was sent");
    }

    /// Sends no more, and waits for the last answers.
    pub(crate) fn stops(self) -> Tally {
        drop(self.stop);
        self.work.join().unwrap()
    }
}

/// All that the requests share.
struct Client {
    port: u16,
    begun: Instant,
    /// Connections that wait for their next request, the one that waits longest first.
    kept: RefCell<VecDeque<BufReader<TcpStream>>>,
    under_way: Cell<usize>,
    tally: RefCell<Tally>,
}

async fn send(port: u16, rate: u32, stopped: &Receiver<()>, tell: &Sender<()>) -> Tally {
    let client = Rc::new(Client {
        port,
        begun: Instant::now(),
        kept: RefCell::default(),
        under_way: Cell::new(0),
        tally: RefCell::default(),
    });
    let mut requests = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = 0;
    while sent < MOST && stopped.try_recv() == Err(TryRecvError::Empty) {
        let due = ticks.tick().await;
        requests.spawn_local(client.clone().one(sent, due.into_std()));
        sent += 1;
        let _ = tell.send(());
        while requests.try_join_next().is_some() {}
    }
    requests.join_all().await;
    Tally { sent, ..client.tally.take() }
}

impl Client {
    async fn one(self: Rc<Self>, number: usize, due: Instant) {
        self.under_way.set(self.under_way.get() + 1);
        let result = if self.under_way.get() > MOST_AT_A_TIME {
            Err(io::Error::other("too many are under way already"))
        } else {
            let (keep, adds) = (number.is_multiple_of(2), number % 10 < 1);
            timeout(PATIENCE, self.exchange(keep, adds)).await.unwrap_or_else(|late| Err(late.into()))
        };
        self.under_way.set(self.under_way.get() - 1);
        let mut tally = self.tally.borrow_mut();
        tally.slowest = tally.slowest.max(due.elapsed());
        if let Err(error) = result {
            tally.failures.push(format!("{:.3?}: {error}", self.begun.elapsed()));
        }
    }

    async fn exchange(&self, keep: bool, adds: bool) -> io::Result<()> {
        let mut connection = match keep.then(|| self.waiting()).flatten() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let (head, body, expected) = if adds { (ADD, TODO, 201) } else { (LIST, "", 200) };
        let end = if keep { "\r\n" } else { "connection: close\r\n\r\n" };
        connection.get_mut().write_all(format!("{head}{end}{body}").as_bytes()).await?;
        let (status, closes) = answer(&mut connection).await?;
        if status != expected {
            return Err(io::Error::other(format!("the answer is {status}")));
        }
        if keep && !closes {
            self.kept.borrow_mut().push_back(connection);
        }
        Ok(())
    }

    async fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        self.tally.borrow_mut().connections += 1;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// A connection that the server has not closed while it waited.
    fn waiting(&self) -> Option<BufReader<TcpStream>> {
        let mut kept = self.kept.borrow_mut();
        while let Some(connection) = kept.pop_front() {
            let nothing = connection.get_ref().try_read(&mut [0]);
            if nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return Some(connection);
            }
        }
        None
    }
}

/// The status, and whether the server takes no further request on the connection.
async fn answer(connection: &mut BufReader<TcpStream>) -> io::Result<(u16, bool)> {
    let (mut status, mut closes, mut length) = (None, false, 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if status.is_none() {
            status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        }
        closes |= line == "connection: close";
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, closes))
}
