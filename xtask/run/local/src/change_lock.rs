//! The lock on changes of a deploy: one command at a time has it, and others can see which.

use std::cell::RefCell;

use tokio::sync::MutexGuard;

use crate::holder::Holder;

/// The right to change the deploy, until this is dropped.
pub(crate) struct ChangeLock<'s> {
    holder: &'s RefCell<Option<Holder>>,
    _guard: MutexGuard<'s, ()>,
}

impl<'s> ChangeLock<'s> {
    /// Notes for others who has it.
    pub(crate) fn taken(
        guard: MutexGuard<'s, ()>,
        place: &'s RefCell<Option<Holder>>,
        holder: Holder,
    ) -> Self {
        place.replace(Some(holder));
        Self { holder: place, _guard: guard }
    }
}

impl Drop for ChangeLock<'_> {
    fn drop(&mut self) {
        self.holder.replace(None);
    }
}
