//! Undoes a deletion.

use uuid::Uuid;

use super::{
    model::Todo,
    store::{StoreError, Todos, columns},
};

// One statement, so that of many who ask at once one brings it back.
const RESTORE: &str = concat!(
    "WITH kept AS (DELETE FROM deleted_todos \
     WHERE id = $1 AND deleted_at >= now() - interval '1 day' RETURNING *) \
     INSERT INTO todos (id, title, notes, due_at, completed_at, created_at, version) \
     SELECT id, title, notes, due_at, completed_at, created_at, version + 1 FROM kept ON CONFLICT DO NOTHING RETURNING ",
    columns!()
);

impl Todos<'_> {
    /// Brings a deleted todo back as it was, with a new version; one that is not deleted is left as it is.
    pub(crate) async fn restore(&self, id: Uuid) -> Result<Todo, StoreError> {
        match self.one(RESTORE, &[&id]).await? {
            Some(todo) => Ok(todo),
            None => self.get(id).await,
        }
    }
}
