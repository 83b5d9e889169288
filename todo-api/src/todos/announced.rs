//! Writes that everyone who watches hears of.

use chassis::problem::Problem;

use super::{change::Change, model::Todo, store::StoreError};
use crate::app::App;

/// Does a write and announces it, also when its outcome stays unknown because nobody waits for it any more.
pub(super) async fn announced<T, C: Into<Option<Change>>>(
    app: &App,
    write: impl Future<Output = Result<T, StoreError>>,
    change: impl FnOnce(&T) -> C,
) -> Result<T, Problem> {
    let unknown = app.events.unknown();
    let result = write.await;
    match &result {
        Ok(done) => match change(done).into() {
            Some(change) => unknown.did(change),
            None => unknown.did_nothing(),
        },
        Err(StoreError::NotFound | StoreError::OtherVersion) => unknown.did_nothing(),
        Err(StoreError::Database(_)) => drop(unknown),
    }
    Ok(result?)
}

/// What is announced of a todo as it is now.
pub(super) fn saved(todo: &Todo) -> Change {
    Change::Saved { saved: todo.id, version: todo.version }
}
