use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};
use tokio::{
    runtime,
    sync::mpsc,
    task::{JoinHandle, yield_now},
    time::timeout,
};

use super::*;

/// Connections are numbers, and opened when the test says so.
struct Doors {
    asked: mpsc::UnboundedSender<oneshot::Sender<Result<u32, String>>>,
}

impl Opener for Doors {
    type Item = u32;

    async fn open(&self) -> Result<u32, String> {
        let (opens, opened) = oneshot::channel();
        self.asked.send(opens).unwrap();
        opened.await.unwrap()
    }

    async fn is_well(&self, item: &u32, _: Duration) -> bool {
        *item < BROKEN
    }

    async fn close(&self, _: u32) {}
}

/// From this number on a connection does not work.
const BROKEN: u32 = 100;

/// How long anything may take that should happen at once.
const SOON: Duration = Duration::from_millis(1);

struct Test {
    pool: Pool<Doors>,
    doors: mpsc::UnboundedReceiver<oneshot::Sender<Result<u32, String>>>,
}

type Asked = JoinHandle<Result<Lease<Doors>, String>>;

impl Test {
    fn with(most: usize) -> Self {
        let (asked, doors) = mpsc::unbounded_channel();
        Self { pool: Pool::new(Doors { asked }, most), doors }
    }

    /// A caller, which waits if there is no connection.
    async fn ask(&self) -> Asked {
        let pool = self.pool.clone();
        let asked = tokio::spawn(async move { pool.acquire().await });
        settle().await;
        asked
    }

    /// The next connection that is being opened.
    async fn door(&mut self) -> oneshot::Sender<Result<u32, String>> {
        timeout(SOON, self.doors.recv()).await.expect("a connection should be being opened").unwrap()
    }

    fn none_is_being_opened(&mut self) {
        assert!(self.doors.try_recv().is_err());
    }

    /// A lent connection.
    async fn lent(&mut self, number: u32) -> Lease<Doors> {
        let asked = self.ask().await;
        self.door().await.send(Ok(number)).unwrap();
        got(asked).await
    }
}

/// Lets all tasks run as far as they can.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

async fn got(asked: Asked) -> Lease<Doors> {
    told(asked).await.expect("there should be a connection")
}

async fn told(asked: Asked) -> Result<Lease<Doors>, String> {
    timeout(SOON, asked).await.expect("the caller should not wait").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_a_returned_connection_while_a_new_one_is_being_opened() {
    let mut test = Test::with(2);
    let lent = test.lent(1).await;
    let asked = test.ask().await;
    let new = test.door().await;
    lent.give_back();
    let lease = got(asked).await;
    assert_eq!(*lease.item(), 1);
    // The new one is there for the next caller.
    new.send(Ok(2)).unwrap();
    settle().await;
    assert_eq!(test.pool.count(), (2, 1));
    assert_eq!(*got(test.ask().await).await.item(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_a_new_connection_if_that_comes_first_and_the_first_waiter_is_served_first() {
    let mut test = Test::with(3);
    let (first, second) = (test.ask().await, test.ask().await);
    let (_slow, quick) = (test.door().await, test.door().await);
    quick.send(Ok(2)).unwrap();
    assert_eq!(*got(first).await.item(), 2, "whichever it was opened for");
    assert!(!second.is_finished());
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_are_open_or_being_opened_than_allowed() {
    let mut test = Test::with(2);
    let lent = test.lent(1).await;
    let asked = [test.ask().await, test.ask().await, test.ask().await];
    let _new = test.door().await;
    test.none_is_being_opened();
    lent.give_back();
    settle().await;
    assert_eq!(asked.iter().filter(|asked| asked.is_finished()).count(), 1);
    test.none_is_being_opened();
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_makes_room_for_a_waiter() {
    let mut test = Test::with(1);
    let lent = test.lent(1).await;
    let asked = test.ask().await;
    test.none_is_being_opened();
    drop(lent);
    test.door().await.send(Ok(2)).unwrap();
    assert_eq!(*got(asked).await.item(), 2);
    assert_eq!(test.pool.count(), (0, 0), "the second was dropped, too");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_opened_ahead_is_the_first_callers() {
    let mut test = Test::with(2);
    test.pool.open_ahead();
    let first = test.ask().await;
    let door = test.door().await;
    test.none_is_being_opened();
    door.send(Ok(1)).unwrap();
    let lent = first.await.unwrap().unwrap();
    assert_eq!(*lent.item(), 1);
    test.pool.open_ahead();
    settle().await;
    test.none_is_being_opened();
}

#[tokio::test(start_paused = true)]
async fn where_none_can_be_opened_ahead_the_first_caller_has_one_opened() {
    let mut test = Test::with(1);
    test.pool.open_ahead();
    test.door().await.send(Err("refused".to_owned())).unwrap();
    settle().await;
    let first = test.ask().await;
    test.door().await.send(Ok(1)).unwrap();
    assert_eq!(*first.await.unwrap().unwrap().item(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_connection_used_last_is_used_next() {
    let mut test = Test::with(3);
    let (one, two, three) = (test.lent(1).await, test.lent(2).await, test.lent(3).await);
    for lease in [two, three, one] {
        lease.give_back();
    }
    assert_eq!(test.pool.count(), (3, 3));
    let lease = got(test.ask().await).await;
    assert_eq!((*lease.item(), test.pool.count()), (1, (3, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_work_is_closed_and_the_next_one_is_taken() {
    let mut test = Test::with(2);
    let (well, broken) = (test.lent(1).await, test.lent(BROKEN).await);
    well.give_back();
    broken.give_back();
    assert_eq!(*got(test.ask().await).await.item(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_connection_all_waiters_are_told_at_once_why_none_can_be_opened() {
    let mut test = Test::with(1);
    let asked = [test.ask().await, test.ask().await];
    test.door().await.send(Err("refused".into())).unwrap();
    for asked in asked {
        assert_eq!(told(asked).await.err().unwrap(), "refused");
    }
    assert_eq!(test.pool.failure().unwrap(), "refused");
    drop(test.lent(1).await);
    assert_eq!(test.pool.failure(), None);
}

#[tokio::test(start_paused = true)]
async fn while_another_connection_is_lent_a_waiter_outlasts_a_failure_to_open_one() {
    let mut test = Test::with(2);
    let lent = test.lent(1).await;
    let asked = test.ask().await;
    test.door().await.send(Err("refused".into())).unwrap();
    settle().await;
    assert!(!asked.is_finished());
    test.none_is_being_opened();
    assert_eq!(test.pool.failure().unwrap(), "refused");
    lent.give_back();
    assert_eq!(*got(asked).await.item(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_came_after_an_attempt_had_begun_gets_another_one() {
    let mut test = Test::with(1);
    let first = test.ask().await;
    let hangs = test.door().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = test.ask().await;
    hangs.send(Err("no answer".into())).unwrap();
    assert_eq!(told(first).await.err().unwrap(), "no answer");
    test.door().await.send(Ok(2)).unwrap();
    assert_eq!(*got(second).await.item(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gave_up_takes_no_connection_with_it() {
    let mut test = Test::with(1);
    let lent = test.lent(1).await;
    let (gone, next) = (test.ask().await, test.ask().await);
    gone.abort();
    settle().await;
    lent.give_back();
    let lease = got(next).await;
    // Given up between being given one and taking it.
    let gone = test.ask().await;
    lease.give_back();
    gone.abort();
    settle().await;
    drop(gone);
    assert_eq!(*got(test.ask().await).await.item(), 1);
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_idle_for_long_or_old_are_closed() {
    let mut test = Test::with(2);
    let (one, two) = (test.lent(1).await, test.lent(2).await);
    one.give_back();
    tokio::time::sleep(IDLE_TIMEOUT + CLEAR_EVERY).await;
    assert_eq!(test.pool.count(), (1, 0));
    tokio::time::sleep(MAX_LIFETIME).await;
    two.give_back();
    assert_eq!(test.pool.count(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_closed_pool_lends_nothing_and_keeps_nothing() {
    let mut test = Test::with(2);
    let (idle, lent) = (test.lent(1).await, test.lent(2).await);
    idle.give_back();
    test.pool.close().await;
    assert_eq!(test.pool.count(), (1, 0));
    assert_eq!(told(test.ask().await).await.err().unwrap(), CLOSED);
    lent.give_back();
    assert_eq!(test.pool.count(), (0, 0));

    let mut test = Test::with(1);
    let _lent = test.lent(1).await;
    let waiting = test.ask().await;
    test.pool.close().await;
    assert_eq!(told(waiting).await.err().unwrap(), CLOSED);
}

/// What may happen, to one of those that it may happen to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask,
    GiveUp(usize),
    Open(usize),
    Fail(usize),
    GiveBack(usize),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Ask),
        1 => (0..4_usize).prop_map(Step::GiveUp),
        2 => (0..4_usize).prop_map(Step::Open),
        1 => (0..4_usize).prop_map(Step::Fail),
        2 => (0..4_usize).prop_map(Step::GiveBack),
        1 => (0..4_usize).prop_map(Step::Close),
    ]
}

/// A pool, and all that waits, is being opened or is lent.
struct Crowd {
    test: Test,
    waiting: Vec<Asked>,
    doors: Vec<oneshot::Sender<Result<u32, String>>>,
    lent: Vec<Lease<Doors>>,
}

impl Crowd {
    async fn goes_through(steps: Vec<Step>) -> TestCaseResult {
        let (waiting, doors, lent) = (Vec::new(), Vec::new(), Vec::new());
        let mut crowd = Self { test: Test::with(3), waiting, doors, lent };
        for step in steps {
            crowd.goes_on(step).await;
            crowd.is_as_it_should_be()?;
        }
        Ok(())
    }

    async fn goes_on(&mut self, step: Step) {
        match step {
            Step::Ask => self.waiting.push(self.test.ask().await),
            Step::GiveUp(which) if which < self.waiting.len() => self.waiting.remove(which).abort(),
            Step::Open(which) if which < self.doors.len() => {
                self.doors.remove(which).send(Ok(1)).unwrap();
            }
            Step::Fail(which) if which < self.doors.len() => {
                self.doors.remove(which).send(Err("refused".into())).unwrap();
            }
            Step::GiveBack(which) if which < self.lent.len() => self.lent.remove(which).give_back(),
            Step::Close(which) if which < self.lent.len() => drop(self.lent.remove(which)),
            _ => {}
        }
        settle().await;
        while let Ok(door) = self.test.doors.try_recv() {
            self.doors.push(door);
        }
        for asked in self.waiting.extract_if(.., |asked| asked.is_finished()).collect::<Vec<_>>() {
            self.lent.extend(asked.await.unwrap());
        }
    }

    fn is_as_it_should_be(&self) -> TestCaseResult {
        let (open, idle) = self.test.pool.count();
        prop_assert_eq!(open, idle + self.lent.len());
        prop_assert!(open + self.doors.len() <= self.test.pool.most());
        prop_assert!(idle == 0 || self.waiting.is_empty(), "a caller waits beside an idle connection");
        prop_assert!(
            open + self.doors.len() > 0 || self.waiting.is_empty(),
            "a caller waits for a connection that does not come"
        );
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_count_is_right_and_no_caller_is_forgotten(steps in vec(step(), 0..60)) {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(Crowd::goes_through(steps))?;
    }
}
