//! What a connection is doing, and since when: how long that may take depends on it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::boundary::{Boundary, Framing};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Nothing was asked yet, or all that was asked is answered.
    Idle,
    /// The head of a request is arriving.
    Head,
    /// A request is being dealt with; its body arrives. Both have limits of their own.
    Request,
    /// An answer is being sent.
    Answer,
    /// An answer is being sent that has no end.
    Stream,
}

/// How long a client may take.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// Over asking again.
    pub(crate) idle: Duration,
    /// Over the head of a request.
    pub(crate) head: Duration,
    /// Over reading an answer.
    pub(crate) answer: Duration,
}

/// The phases of one connection as those see them who bring them about; every clone is the same.
#[derive(Clone)]
pub(super) struct Conversation(Arc<Mutex<State>>);

struct State {
    phase: Phase,
    since: Instant,
    boundary: Boundary,
    /// The handler has given all of its answer, though perhaps it is not sent yet.
    handed_over: bool,
}

impl Phase {
    fn limit(self, times: &Times) -> Option<Duration> {
        match self {
            Self::Idle => Some(times.idle),
            Self::Head => Some(times.head),
            Self::Answer => Some(times.answer),
            Self::Request | Self::Stream => None,
        }
    }

    /// Whether the connection waits for a request.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Idle | Self::Head)
    }
}

impl Conversation {
    pub(super) fn begin() -> Self {
        Self(Arc::new(Mutex::new(State {
            phase: Phase::Idle,
            since: Instant::now(),
            boundary: Boundary::default(),
            handed_over: false,
        })))
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// When the present phase has taken too long.
    pub(super) fn deadline(&self, times: &Times) -> Option<Instant> {
        let state = self.state();
        state.phase.limit(times).map(|limit| state.since + limit)
    }

    /// These bytes were read.
    pub(super) fn heard(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.boundary.read(bytes);
        if state.phase == Phase::Idle && state.boundary.is_within() {
            state.enter(Phase::Head);
        }
    }

    /// The head of a request is complete.
    pub(super) fn asked(&self, framing: Framing) {
        let mut state = self.state();
        state.boundary.follows(framing);
        state.enter(Phase::Request);
    }

    /// There is an answer; what was sent before was none.
    pub(super) fn answers(&self, has_end: bool) {
        let mut state = self.state();
        state.handed_over = false;
        state.enter(if has_end { Phase::Answer } else { Phase::Stream });
    }

    /// The handler has given all of its answer.
    pub(super) fn handed_over(&self) {
        self.state().handed_over = true;
    }

    /// The system has taken all that there was to send.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        if state.handed_over && matches!(state.phase, Phase::Answer | Phase::Stream) {
            let begun = state.boundary.is_within();
            state.enter(if begun { Phase::Head } else { Phase::Idle });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}
