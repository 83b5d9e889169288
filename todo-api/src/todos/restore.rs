//! Undoes a deletion.

use std::sync::LazyLock;

use uuid::Uuid;

use super::{
    model::Todo,
    store::{StoreError, Todos},
};

// One statement, so that of many who ask at once one brings it back. Its time is compared so that no index has it: of a
// small table the planner may read all by their time, rather than look for one.
static RESTORE: LazyLock<String> = LazyLock::new(|| {
    let columns = Todo::COLUMNS.join(", ");
    let values = Todo::COLUMNS.map(|column| match column {
        "updated_at" => "clock_timestamp()",
        "version" => "version + 1",
        same => same,
    });
    format!(
        "WITH kept AS (DELETE FROM deleted_todos \
         WHERE id = $1 AND deleted_at + interval '1 day' >= now() RETURNING *) \
         INSERT INTO todos ({columns}) SELECT {} FROM kept ON CONFLICT DO NOTHING RETURNING {columns}",
        values.join(", ")
    )
});

impl Todos<'_> {
    /// Brings a deleted todo back as it was, with a new version; one that is not deleted is left as it is.
    pub(crate) async fn restore(&self, id: Uuid) -> Result<Todo, StoreError> {
        match self.one(&RESTORE, &[&id]).await? {
            Some(todo) => Ok(todo),
            None => self.get(id).await,
        }
    }
}
