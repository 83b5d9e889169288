//! Ends a cargo that nobody waits for any more.

use std::{
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Stops what was begun with it, and what is going to be. Every clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Stopper(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// The process group of the cargo that runs.
    group: Option<Pid>,
}

impl Stopper {
    /// Ends cargo, and the compilers that it has started. What they had finished stays.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        if let Some(group) = state.group {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// A child that leads a group of its own; it ends at once, if this was stopped already.
    pub(super) fn took(&self, child: &Child) {
        let mut state = self.state();
        state.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let (true, Some(group)) = (state.stopped, state.group) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// The child is about to be waited for, and its number may go to another one.
    pub(super) fn let_go(&self) {
        self.state().group = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
