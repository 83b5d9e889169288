//! A connection pool that gives a waiting caller whichever comes first: a new connection, or one that is given back.
//!
//! Connections are opened in tasks of their own, so a caller does not wait for a slow one while others become idle. No
//! library's pool does all that is needed: deadpool opens a connection inside the call that asked for it; bb8 lets a later
//! caller overtake an earlier one, does not say why there is no connection, and cannot be closed.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

/// How long an unused connection is kept, and how often to look for such.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
const CLEAR_EVERY: Duration = Duration::from_mins(1);

/// How long any connection is kept, so that the load moves to where it should after a failover.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

const CLOSED: &str = "the pool is closed";

/// Opens, tests and closes what a pool holds.
pub(super) trait Opener: Send + Sync + 'static {
    /// A connection. Dropping it closes it.
    type Item: Send + 'static;

    /// Opens a connection, within a time limit of its own: until then it takes up one of the pool's places.
    fn open(&self) -> impl Future<Output = Result<Self::Item, String>> + Send;

    /// Whether a connection still works that was unused for so long.
    fn is_well(&self, item: &Self::Item, unused: Duration) -> impl Future<Output = bool> + Send;

    /// Closes an idle connection.
    fn close(&self, item: Self::Item) -> impl Future<Output = ()> + Send;
}

/// The pool; every clone is the same.
pub(super) struct Pool<O: Opener>(Arc<Shared<O>>);

impl<O: Opener> Clone for Pool<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<O: Opener> {
    opener: O,
    most: usize,
    state: Mutex<State<O::Item>>,
}

struct State<T> {
    /// The idle connections, the one used last at the end. Empty while a caller waits.
    idle: Vec<Pooled<T>>,
    /// The callers that wait, the first one in front. Some may have given up since.
    waiting: VecDeque<Waiter<T>>,
    /// How many connections there are, idle or lent.
    open: usize,
    /// How many are being opened.
    opening: usize,
    /// Why the last attempt to open one failed; none if one succeeded since.
    failure: Option<String>,
    is_closed: bool,
}

struct Pooled<T> {
    /// Boxed, because it is large, and goes from hand to hand several times for each request.
    item: Box<T>,
    opened: Instant,
    last_used: Instant,
}

/// A caller that waits.
struct Waiter<T> {
    since: Instant,
    tell: oneshot::Sender<Result<Pooled<T>, String>>,
}

/// A connection that is lent. Dropping it closes the connection, as happens when a request is given up in the middle of a
/// statement: on a broken network its answer may never come.
pub(super) struct Lease<O: Opener> {
    pooled: Option<Pooled<O::Item>>,
    pool: Arc<Shared<O>>,
}

/// A place in the queue. A connection that arrives after the caller gave up goes to the next one.
struct Ticket<O: Opener> {
    told: oneshot::Receiver<Result<Pooled<O::Item>, String>>,
    pool: Arc<Shared<O>>,
}

enum Found<O: Opener> {
    Idle(Lease<O>),
    Queued(Ticket<O>),
}

impl<O: Opener> Pool<O> {
    /// An empty pool, of at most so many connections.
    pub(super) fn new(opener: O, most: usize) -> Self {
        let state = State {
            idle: Vec::new(),
            waiting: VecDeque::new(),
            open: 0,
            opening: 0,
            failure: None,
            is_closed: false,
        };
        let shared = Arc::new(Shared { opener, most, state: Mutex::new(state) });
        tokio::spawn(clear_away(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// Takes the idle connection that was used last, or waits for one. Fails if there is none and none can be opened.
    pub(super) async fn acquire(&self) -> Result<Lease<O>, String> {
        loop {
            let lease = match self.0.find()? {
                Found::Idle(lease) => lease,
                // It was used a moment ago, or is new.
                Found::Queued(ticket) => return ticket.wait().await,
            };
            if let Some(pooled) = &lease.pooled
                && self.0.opener.is_well(&pooled.item, pooled.last_used.elapsed()).await
            {
                return Ok(lease);
            }
        }
    }

    /// Opens the first connection before a caller asks for it. If that fails, the first caller has another one opened.
    pub(super) fn open_ahead(&self) {
        let mut state = self.0.state();
        if state.open + state.opening == 0 && self.0.most > 0 && !state.is_closed {
            state.opening += 1;
            tokio::spawn(self.0.clone().open());
        }
    }

    /// Why the last attempt to open a connection failed, unless one succeeded since.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.state().failure.clone()
    }

    pub(super) fn opener(&self) -> &O {
        &self.0.opener
    }

    /// How many there may be.
    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    /// How many there are, and how many of them are idle.
    pub(super) fn count(&self) -> (usize, usize) {
        let state = self.0.state();
        (state.open, state.idle.len())
    }

    /// Lends nothing any more and closes the idle connections; the others are closed when they are given back.
    pub(super) async fn close(&self) {
        let waiting = {
            let mut state = self.0.state();
            state.is_closed = true;
            std::mem::take(&mut state.waiting)
        };
        for waiter in waiting {
            let _ = waiter.tell.send(Err(CLOSED.into()));
        }
        self.0.close_idle(|_| true).await;
    }
}

impl<O: Opener> Shared<O> {
    fn state(&self) -> MutexGuard<'_, State<O::Item>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(self: &Arc<Self>) -> Result<Found<O>, String> {
        let mut state = self.state();
        if state.is_closed {
            return Err(CLOSED.into());
        }
        if let Some(pooled) = state.idle.pop() {
            return Ok(Found::Idle(Lease { pooled: Some(pooled), pool: self.clone() }));
        }
        while state.waiting.front().is_some_and(|first| first.tell.is_closed()) {
            state.waiting.pop_front();
        }
        let (tell, told) = oneshot::channel();
        state.waiting.push_back(Waiter { since: Instant::now(), tell });
        self.open_for(&mut state, |_| true);
        Ok(Found::Queued(Ticket { told, pool: self.clone() }))
    }

    /// Opens a connection for each of these waiters, as far as there is room.
    fn open_for(self: &Arc<Self>, state: &mut State<O::Item>, which: impl Fn(&Waiter<O::Item>) -> bool) {
        let wanted = state.waiting.iter().filter(|waiter| which(waiter)).count();
        while state.opening < wanted && state.open + state.opening < self.most {
            state.opening += 1;
            tokio::spawn(self.clone().open());
        }
    }

    async fn open(self: Arc<Self>) {
        let began = Instant::now();
        let opened = self.opener.open().await;
        let mut state = self.state();
        state.opening -= 1;
        match opened {
            Ok(item) => {
                state.failure = None;
                state.open += 1;
                let now = Instant::now();
                let item = Box::new(item);
                self.hand_over(&mut state, Pooled { item, opened: now, last_used: now });
            }
            Err(why) => self.cannot_open(&mut state, why, began),
        }
    }

    /// If no connection is left that could be given back, the waiters are told. Those that came after the attempt had begun
    /// get another one.
    fn cannot_open(self: &Arc<Self>, state: &mut State<O::Item>, why: String, began: Instant) {
        if state.open + state.opening == 0 {
            while let Some(waiter) = state.waiting.pop_front_if(|first| first.since <= began) {
                let _ = waiter.tell.send(Err(why.clone()));
            }
        }
        state.failure = Some(why);
        self.open_for(state, |waiter| waiter.since > began);
    }

    /// To the caller that has waited longest, or to the idle ones.
    fn hand_over(self: &Arc<Self>, state: &mut State<O::Item>, mut pooled: Pooled<O::Item>) {
        if state.is_closed || pooled.opened.elapsed() > MAX_LIFETIME {
            self.one_less(state);
            return;
        }
        while let Some(next) = state.waiting.pop_front() {
            match next.tell.send(Ok(pooled)) {
                Err(Ok(unheard)) => pooled = unheard,
                Ok(()) | Err(Err(_)) => return,
            }
        }
        state.idle.push(pooled);
    }

    /// A connection is gone: there is room for another.
    fn one_less(self: &Arc<Self>, state: &mut State<O::Item>) {
        state.open -= 1;
        self.open_for(state, |_| true);
    }

    async fn close_idle(&self, which: impl Fn(&Pooled<O::Item>) -> bool) {
        let closed: Vec<_> = {
            let mut state = self.state();
            let closed: Vec<_> = state.idle.extract_if(.., |pooled| which(pooled)).collect();
            state.open -= closed.len();
            closed
        };
        for pooled in closed {
            self.opener.close(*pooled.item).await;
        }
    }
}

/// Closes connections that are idle or open for too long, for as long as there is a pool.
async fn clear_away<O: Opener>(pool: Weak<Shared<O>>) {
    loop {
        sleep(CLEAR_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.close_idle(|pooled| {
            pooled.last_used.elapsed() >= IDLE_TIMEOUT || pooled.opened.elapsed() >= MAX_LIFETIME
        })
        .await;
    }
}

impl<O: Opener> Lease<O> {
    /// The connection.
    pub(super) fn item(&self) -> &O::Item {
        &self.pooled.as_ref().expect("it is lent until it is given back").item
    }

    /// Back to the pool: every statement on it is answered.
    pub(super) fn give_back(mut self) {
        if let Some(mut pooled) = self.pooled.take() {
            pooled.last_used = Instant::now();
            self.pool.hand_over(&mut self.pool.state(), pooled);
        }
    }
}

impl<O: Opener> Drop for Lease<O> {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            drop(pooled);
            self.pool.one_less(&mut self.pool.state());
        }
    }
}

impl<O: Opener> Ticket<O> {
    async fn wait(mut self) -> Result<Lease<O>, String> {
        let pooled = (&mut self.told).await.unwrap_or_else(|_| Err(CLOSED.into()))?;
        Ok(Lease { pooled: Some(pooled), pool: self.pool.clone() })
    }
}

impl<O: Opener> Drop for Ticket<O> {
    fn drop(&mut self) {
        self.told.close();
        if let Ok(Ok(pooled)) = self.told.try_recv() {
            self.pool.hand_over(&mut self.pool.state(), pooled);
        }
    }
}
