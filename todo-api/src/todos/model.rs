//! What a todo is, and what can be asked of it.

use chassis::{
    database::StatementError,
    fields::{Change, Field, Fields, FromFields, Noted, text},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{FromSql, ToSql},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    cursor::Cursor,
    notes::Notes,
    timestamp::{self, Timestamp},
    title::Title,
};

/// A column's name, and a value for it.
pub(crate) type Column<'a> = (&'static str, Box<dyn ToSql + Sync + Send + 'a>);

/// A thing to do. Its texts are its own, or those of the row that it is read from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Todo<Text = String> {
    pub(crate) id: Uuid,
    #[schema(value_type = String)]
    pub(crate) title: Text,
    #[schema(required, value_type = Option<String>)]
    pub(crate) notes: Option<Text>,
    #[schema(required)]
    #[serde(serialize_with = "timestamp::write_optional")]
    pub(crate) due_at: Option<DateTime<Utc>>,
    #[schema(required)]
    #[serde(serialize_with = "timestamp::write_optional")]
    pub(crate) completed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "timestamp::write")]
    pub(crate) created_at: DateTime<Utc>,
    #[serde(serialize_with = "timestamp::write")]
    pub(crate) updated_at: DateTime<Utc>,
    /// Grows by one with each change; also the entity tag.
    #[schema(minimum = 1)]
    pub(crate) version: i64,
}

/// A new thing to do.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTodo {
    /// One line; space around it is removed.
    // No control characters, and not only space.
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\x00-\x1f\x7f-\x9f]*$",
        example = "Buy milk"
    )]
    pub(crate) title: Title,
    #[schema(value_type = Option<String>, max_length = 10_000, pattern = r"^[^\x00]*$")]
    pub(crate) notes: Option<Notes>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) due_at: Option<Timestamp>,
}

/// Changes to a todo: what is absent stays, what is null goes.
#[derive(Debug, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TodoPatch {
    #[schema(
        value_type = String,
        required = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(crate) title: Option<Title>,
    #[schema(value_type = Option<String>, max_length = 10_000, pattern = r"^[^\x00]*$")]
    pub(crate) notes: Change<Notes>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) due_at: Change<Timestamp>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) completed_at: Change<Timestamp>,
}

/// Which part of the list to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many todos at most.
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{32}$")]
    pub(crate) cursor: Option<Cursor>,
    /// Only open or only completed todos.
    #[param(value_type = State, required = false, inline)]
    pub(crate) state: Option<State>,
    /// Only todos that are due at this moment or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    pub(crate) due_from: Option<Timestamp>,
    /// Only todos that are due before this moment; open ones are overdue if it is now.
    #[param(value_type = Option<DateTime<Utc>>)]
    pub(crate) due_before: Option<Timestamp>,
}

/// How many todos make a page: 1 to 100.
#[derive(Clone, Copy)]
pub(crate) struct Limit(u8);

/// Whether a todo is done.
#[derive(Clone, Copy, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum State {
    Open,
    Completed,
}

// What the database has of a todo. Statements are made of these alone, so that a field is added here and by a migration.

impl Todo {
    /// The columns, each by its name, because `*` would break running processes when a migration adds one.
    pub(crate) const COLUMNS: [&str; 8] =
        ["id", "title", "notes", "due_at", "completed_at", "created_at", "updated_at", "version"];
}

impl<'row, Text: FromSql<'row>> Todo<Text> {
    /// In the order of the columns, which costs less than their names.
    pub(crate) fn from_row(row: &'row Row) -> Result<Self, StatementError> {
        Ok(Self {
            id: row.try_get(0)?,
            title: row.try_get(1)?,
            notes: row.try_get(2)?,
            due_at: row.try_get(3)?,
            completed_at: row.try_get(4)?,
            created_at: row.try_get(5)?,
            updated_at: row.try_get(6)?,
            version: row.try_get(7)?,
        })
    }
}

impl NewTodo {
    /// One that has a title and nothing else.
    pub(crate) fn titled(title: Title) -> Self {
        Self { title, notes: None, due_at: None }
    }

    /// The columns that are set, with their values.
    pub(crate) fn columns(&self) -> Vec<Column<'_>> {
        vec![
            ("title", Box::new(self.title.as_str())),
            ("notes", Box::new(self.notes.as_ref().map(Notes::as_str))),
            ("due_at", Box::new(self.due_at.map(Timestamp::get))),
        ]
    }
}

impl TodoPatch {
    /// The columns that change, with their new values.
    pub(crate) fn columns(&self) -> Vec<Column<'_>> {
        let title = self.title.as_ref().map(|title| -> Column<'_> { ("title", Box::new(title.as_str())) });
        let notes = changed("notes", &self.notes, Notes::as_str);
        let due_at = changed("due_at", &self.due_at, |moment| moment.get());
        let completed_at = changed("completed_at", &self.completed_at, |moment| moment.get());
        [title, notes, due_at, completed_at].into_iter().flatten().collect()
    }
}

/// A column that gets another value or none, unless it stays.
fn changed<'a, T, V: ToSql + Sync + Send + 'a>(
    name: &'static str,
    change: &'a Change<T>,
    value: impl FnOnce(&'a T) -> V,
) -> Option<Column<'a>> {
    (!change.is_keep()).then(|| (name, Box::new(change.value().map(value)) as _))
}

impl Limit {
    pub(crate) fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl Field for Limit {
    fn parse(value: Value) -> Result<Self, String> {
        let limit = text(value)?.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.map(Self).ok_or_else(|| "must be an integer from 1 to 100".into())
    }
}

impl Field for State {
    fn parse(value: Value) -> Result<Self, String> {
        match text(value)?.as_str() {
            "open" => Ok(Self::Open),
            "completed" => Ok(Self::Completed),
            _ => Err("must be open or completed".into()),
        }
    }
}

// Everything is read before the first `?`, so that everything wrong is reported.

impl FromFields for NewTodo {
    fn read(fields: &mut Fields) -> Result<Self, Noted> {
        let title = fields.required("title");
        let notes = fields.optional("notes");
        let due_at = fields.optional("due_at");
        Ok(Self { title: title?, notes: notes?, due_at: due_at? })
    }
}

impl FromFields for TodoPatch {
    fn read(fields: &mut Fields) -> Result<Self, Noted> {
        let title = fields.replacement("title");
        let notes = fields.change("notes");
        let due_at = fields.change("due_at");
        let completed_at = fields.change("completed_at");
        Ok(Self { title: title?, notes: notes?, due_at: due_at?, completed_at: completed_at? })
    }
}

impl FromFields for ListQuery {
    fn read(fields: &mut Fields) -> Result<Self, Noted> {
        let limit = fields.optional("limit");
        let cursor = fields.optional("cursor");
        let state = fields.optional("state");
        let due_from = fields.optional("due_from");
        let due_before = fields.optional("due_before");
        Ok(Self {
            limit: limit?.unwrap_or_default(),
            cursor: cursor?,
            state: state?,
            due_from: due_from?,
            due_before: due_before?,
        })
    }
}

#[cfg(test)]
impl Todo {
    /// One with these notes, and as much beside them as there can be.
    pub(crate) fn with_notes(number: u128, notes: &str) -> Self {
        Self {
            id: Uuid::from_u128(number),
            title: "a".into(),
            notes: Some(notes.into()),
            due_at: None,
            completed_at: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: i64::MAX,
        }
    }
}
