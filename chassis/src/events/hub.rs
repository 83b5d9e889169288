//! Hands each change to everyone who watches, in bounded memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::{change::Change, id::EventId};

/// How many events are kept, for clients that are slow or come back; who is further behind reads the list again.
const KEPT: usize = 256;

/// A change and its place.
pub(super) type Event<C> = (EventId, C);

/// Where changes are published and watched; every clone is the same.
pub(super) struct Hub<C> {
    history: Arc<Mutex<History<C>>>,
    sender: broadcast::Sender<Event<C>>,
    room: Arc<Semaphore>,
}

struct History<C> {
    last: EventId,
    /// The newest events of this epoch, without a gap.
    kept: VecDeque<Event<C>>,
}

/// One who watches. Its place is free again when this is dropped.
pub(super) struct Watcher<C> {
    missed: VecDeque<Event<C>>,
    receiver: broadcast::Receiver<Event<C>>,
    hub: Hub<C>,
    _place: OwnedSemaphorePermit,
}

impl<C> Clone for Hub<C> {
    fn clone(&self) -> Self {
        Self { history: self.history.clone(), sender: self.sender.clone(), room: self.room.clone() }
    }
}

impl<C: Change> Hub<C> {
    /// At most so many can watch.
    pub(super) fn new(places: usize) -> Self {
        let history = History { last: EventId::start(), kept: VecDeque::with_capacity(KEPT) };
        Self {
            history: Arc::new(Mutex::new(history)),
            sender: broadcast::Sender::new(KEPT),
            room: Arc::new(Semaphore::new(places)),
        }
    }

    /// Begins to watch after an event, or tells at once that anything may have happened. Nothing if there is no place.
    pub(super) fn watch(&self, after: Option<EventId>) -> Option<Watcher<C>> {
        let place = self.room.clone().try_acquire_owned().ok()?;
        // Nothing is published meanwhile, so nothing comes twice or never.
        let history = self.history();
        let receiver = self.sender.subscribe();
        let missed = after.and_then(|id| history.since(id)).unwrap_or_else(|| [history.resync()].into());
        drop(history);
        Some(Watcher { missed, receiver, hub: self.clone(), _place: place })
    }

    /// How many watch.
    pub(super) fn watchers(&self) -> usize {
        self.sender.receiver_count()
    }

    pub(super) fn publish(&self, change: C) {
        let mut history = self.history();
        history.last = history.last.next();
        let event = (history.last, change);
        if history.kept.len() == KEPT {
            history.kept.pop_front();
        }
        history.kept.push_back(event.clone());
        // An error says that nobody watches.
        let _ = self.sender.send(event);
    }

    /// Says that changes may have gone unheard.
    pub(super) fn gap(&self) {
        let mut history = self.history();
        history.kept.clear();
        history.last = EventId::start();
        let _ = self.sender.send(history.resync());
    }

    fn history(&self) -> MutexGuard<'_, History<C>> {
        // What is in there is whole at any time.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Change> History<C> {
    fn resync(&self) -> Event<C> {
        (self.last, C::ANYTHING)
    }

    /// What came after an event, if all of that is still known.
    fn since(&self, id: EventId) -> Option<VecDeque<Event<C>>> {
        let behind = self.last.number.checked_sub(id.number).filter(|_| id.epoch == self.last.epoch)?;
        let known = self.kept.len();
        let behind = usize::try_from(behind).ok().filter(|behind| *behind <= known)?;
        Some(self.kept.range(known - behind..).cloned().collect())
    }
}

impl<C: Change> Watcher<C> {
    /// The next event, when it comes; one stands for many if they came faster than they were taken.
    pub(super) async fn next(&mut self) -> Event<C> {
        if let Some(event) = self.missed.pop_front() {
            return event;
        }
        if let Ok(event) = self.receiver.recv().await {
            return event;
        }
        // Too far behind; closed it cannot be, because the hub is held.
        let history = self.hub.history();
        self.receiver = self.receiver.resubscribe();
        history.resync()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::events::change::Fed;

    const SAVED: Fed = Fed::Pet(1);

    fn drain(watcher: &mut Watcher<Fed>) -> Vec<Event<Fed>> {
        std::iter::from_fn(|| watcher.next().now_or_never()).collect()
    }

    #[test]
    fn who_comes_new_reads_the_list_and_then_hears_everything() {
        let hub = Hub::<Fed>::new(1);
        hub.publish(SAVED);
        let mut watcher = hub.watch(None).unwrap();
        hub.publish(SAVED);
        let events = drain(&mut watcher);
        assert_eq!(
            events.iter().map(|(_, change)| change.clone()).collect::<Vec<_>>(),
            [Fed::Anything, SAVED]
        );
        assert_eq!(events[0].0.next(), events[1].0);
    }

    #[test]
    fn who_comes_back_hears_what_was_missed() {
        let hub = Hub::<Fed>::new(1);
        let seen = drain(&mut hub.watch(None).unwrap())[0].0;
        for _ in 0..KEPT {
            hub.publish(SAVED);
        }
        let missed = drain(&mut hub.watch(Some(seen)).unwrap());
        assert_eq!(missed.len(), KEPT);
        assert!(missed.iter().all(|(_, change)| *change == SAVED));
        assert_eq!(drain(&mut hub.watch(Some(missed[KEPT - 1].0)).unwrap()), []);

        hub.publish(SAVED);
        let too_late = drain(&mut hub.watch(Some(seen)).unwrap());
        assert_eq!(too_late.len(), 1);
        assert_eq!(too_late[0].1, Fed::Anything);
    }

    #[test]
    fn ids_of_another_process_or_of_the_future_are_not_believed() {
        let hub = Hub::<Fed>::new(1);
        let ours = drain(&mut hub.watch(None).unwrap())[0].0;
        for id in [EventId::start(), ours.next()] {
            assert_eq!(drain(&mut hub.watch(Some(id)).unwrap())[0].1, Fed::Anything);
        }
    }

    #[test]
    fn after_a_gap_everyone_reads_the_list_again() {
        let hub = Hub::<Fed>::new(2);
        let mut watcher = hub.watch(None).unwrap();
        let before = drain(&mut watcher)[0].0;
        hub.gap();
        assert_eq!(drain(&mut watcher)[0].1, Fed::Anything);
        assert_eq!(drain(&mut hub.watch(Some(before)).unwrap())[0].1, Fed::Anything);
    }

    #[test]
    fn who_is_too_slow_reads_the_list_again() {
        let hub = Hub::<Fed>::new(1);
        let mut watcher = hub.watch(None).unwrap();
        drain(&mut watcher);
        for _ in 0..10 * KEPT {
            hub.publish(SAVED);
        }
        let events = drain(&mut watcher);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].1, Fed::Anything);
        hub.publish(SAVED);
        assert_eq!(drain(&mut watcher)[0].1, SAVED);
    }

    #[test]
    fn there_are_only_so_many_places() {
        let hub = Hub::<Fed>::new(1);
        let watcher = hub.watch(None).unwrap();
        assert!(hub.watch(None).is_none());
        drop(watcher);
        assert!(hub.watch(None).is_some());
    }
}
