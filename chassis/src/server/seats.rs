//! The limit on connections: who is connected, and which connection is closed for a new one.
//!
//! A client that connects always gets in: where there is no room, the connection is closed that has waited longest for
//! its client's request. Only a request takes a seat. The number of seats is limited, in all and for each address. A
//! probe takes no seat and is always answered, or a busy process would be restarted.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::admission::Peer;

/// How many may be connected beyond those who have a seat: so many must come in one moment to drive out a probe that is
/// being answered.
pub(crate) const STANDING: usize = 64;

/// The seats; every clone has the same.
#[derive(Clone)]
pub(super) struct Seats(Arc<Shared>);

struct Shared {
    seats: usize,
    /// How many of them one address may take.
    each: Option<NonZeroUsize>,
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seated: usize,
    seated_from: HashMap<Peer, usize>,
    /// The connections without a seat, in the order in which they are closed.
    standing: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// One connection.
pub(super) struct Guest {
    seats: Seats,
    peer: Option<Peer>,
    gone: Arc<Notify>,
    /// Only looked at while the state is locked.
    place: Mutex<Place>,
    _room: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Standing(u64),
    Seat,
}

/// Why there is no seat.
#[derive(Debug, PartialEq)]
pub(super) enum Full {
    /// They are all taken.
    All,
    /// This address has as many as it may.
    Share,
}

impl Seats {
    pub(super) fn new(seats: usize, each: Option<NonZeroUsize>) -> Self {
        let room = Arc::new(Semaphore::new(seats + STANDING));
        Self(Arc::new(Shared { seats, each, room, state: Mutex::default() }))
    }

    /// Lets a new connection in. Where there is no room, has another one closed, and waits for its room.
    pub(super) async fn welcome(&self, peer: Option<Peer>) -> Guest {
        let mut room = self.0.room.clone().try_acquire_owned().ok();
        if room.is_none() {
            self.send_one_away();
            room = self.0.room.clone().acquire_owned().await.ok();
        }
        self.guest(peer, room)
    }

    /// Lets a new connection in, room or not.
    pub(super) fn squeeze_in(&self, peer: Option<Peer>) -> Guest {
        self.guest(peer, None)
    }

    /// Makes room where the system has none.
    pub(super) fn send_one_away(&self) {
        if let Some((_, gone)) = self.state().standing.pop_first() {
            gone.notify_one();
        }
    }

    fn guest(&self, peer: Option<Peer>, room: Option<OwnedSemaphorePermit>) -> Guest {
        let gone = Arc::new(Notify::new());
        let place = self.state().stand(gone.clone());
        Guest { seats: self.clone(), peer, gone, place: Mutex::new(place), _room: room }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stand(&mut self, gone: Arc<Notify>) -> Place {
        let turn = self.next;
        self.next += 1;
        self.standing.insert(turn, gone);
        Place::Standing(turn)
    }

    fn leave_seat(&mut self, peer: Option<Peer>) {
        self.seated -= 1;
        if let Some(peer) = peer
            && let Some(count) = self.seated_from.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                self.seated_from.remove(&peer);
            }
        }
    }
}

impl Guest {
    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// Takes a seat for a request, unless there is one already.
    pub(super) fn sit(&self) -> Result<(), Full> {
        let shared = &self.seats.0;
        let (mut state, mut place) = (self.seats.state(), self.place());
        let Place::Standing(turn) = *place else { return Ok(()) };
        if state.seated >= shared.seats {
            return Err(Full::All);
        }
        if let (Some(each), Some(peer)) = (shared.each, self.peer) {
            let count = state.seated_from.entry(peer).or_default();
            if *count >= each.get() {
                return Err(Full::Share);
            }
            *count += 1;
        }
        state.seated += 1;
        state.standing.remove(&turn);
        *place = Place::Seat;
        Ok(())
    }

    /// Leaves the seat until the next request.
    pub(super) fn stand(&self) {
        let (mut state, mut place) = (self.seats.state(), self.place());
        if *place == Place::Seat {
            state.leave_seat(self.peer);
            *place = state.stand(self.gone.clone());
        }
    }

    /// Waits until another is to have the room.
    pub(super) async fn sent_away(&self) {
        self.gone.notified().await;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let (mut state, place) = (self.seats.state(), *self.place());
        match place {
            Place::Standing(turn) => drop(state.standing.remove(&turn)),
            Place::Seat => state.leave_seat(self.peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::new([192, 0, 2, last].into())
    }

    fn is_sent_away(guest: &Guest) -> bool {
        guest.sent_away().now_or_never().is_some()
    }

    #[test]
    fn there_are_so_many_seats_and_one_that_is_left_is_free() {
        let seats = Seats::new(2, None);
        let guests = [(); 3].map(|()| seats.squeeze_in(Some(peer(1))));
        assert_eq!(guests.each_ref().map(Guest::sit), [Ok(()), Ok(()), Err(Full::All)]);
        assert_eq!(guests[0].sit(), Ok(()), "it has one");
        guests[0].stand();
        assert_eq!(guests[2].sit(), Ok(()));
        drop(guests);
        let others = [(); 2].map(|()| seats.squeeze_in(None));
        assert_eq!(others.each_ref().map(Guest::sit), [Ok(()), Ok(())]);
    }

    #[test]
    fn an_address_takes_its_share_and_no_more() {
        let seats = Seats::new(9, NonZeroUsize::new(2));
        let guests = [1, 1, 1, 2].map(|last| seats.squeeze_in(Some(peer(last))));
        assert_eq!(guests.each_ref().map(Guest::sit), [Ok(()), Ok(()), Err(Full::Share), Ok(())]);
        guests[1].stand();
        assert_eq!(guests[2].sit(), Ok(()));
        drop(guests);
        assert!(seats.state().seated_from.is_empty(), "addresses are forgotten");
    }

    #[tokio::test]
    async fn a_newcomer_gets_in_once_the_one_that_has_waited_longest_is_gone() {
        let seats = Seats::new(2, None);
        let mut guests = Vec::new();
        for _ in 0..2 + STANDING {
            guests.push(seats.welcome(None).await);
        }
        guests[0].sit().unwrap();
        guests[1].sit().unwrap();
        guests[1].stand();
        assert!(!guests.iter().any(is_sent_away));
        let mut newcomer = std::pin::pin!(seats.welcome(None));
        assert!(newcomer.as_mut().now_or_never().is_none());
        let gone: Vec<_> = guests.iter().map(is_sent_away).collect();
        assert_eq!(
            gone.iter().position(|gone| *gone),
            Some(2),
            "neither one with a seat nor one that just left it"
        );
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
        drop(guests.remove(2));
        assert!(newcomer.now_or_never().is_some());
    }

    #[tokio::test]
    async fn however_many_have_seats_there_is_always_somebody_to_go() {
        let seats = Seats::new(3, None);
        let mut guests: Vec<Guest> = Vec::new();
        for _ in 0..1000 {
            // What a task may do without a pause is limited.
            tokio::task::yield_now().await;
            let mut newcomer = std::pin::pin!(seats.welcome(None));
            let came = newcomer.as_mut().now_or_never().or_else(|| {
                guests.retain(|guest| !is_sent_away(guest));
                newcomer.now_or_never()
            });
            let guest = came.expect("somebody should have gone");
            let _ = guest.sit();
            guests.push(guest);
            assert!(guests.len() <= 3 + STANDING);
        }
        assert!(guests[..3].iter().all(|guest| *guest.place() == Place::Seat));
    }
}
