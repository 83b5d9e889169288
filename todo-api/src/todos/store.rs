//! Todos in the database.

use std::{
    fmt::{self, Write},
    pin::pin,
};

use axum::http::StatusCode;
use chassis::{
    database::{Connection, Database, DatabaseError, Parameters, StatementError},
    etag::{IfMatch, etag},
    fields::Change,
    idempotency::{self, Answer, Once, Outcome},
    problem::{Kind, Problem},
};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    cursor::Cursor,
    model::{ListQuery, NewTodo, State, Todo, TodoPatch},
    notes::Notes,
    page::Draft,
    timestamp::Timestamp,
    title::Title,
};

// Named, because `*` would break running processes when a migration adds a column.
macro_rules! columns {
    () => {
        "id, title, notes, due_at, completed_at, created_at, updated_at, version"
    };
}
pub(super) use columns;

const INSERT: &str =
    concat!("INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) RETURNING ", columns!());
const INSERT_AS: &str = concat!(
    "INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING ",
    columns!()
);
const SELECT: &str = concat!("SELECT ", columns!(), " FROM todos WHERE id = $1");
const LIST: &str = concat!("SELECT ", columns!(), " FROM todos WHERE true");
// One statement, so that no other change can come between the check of the version and the change.
const UPDATE: &str = concat!(
    "UPDATE todos SET title = coalesce($3, title), \
     notes = CASE WHEN $4 THEN notes ELSE $5 END, \
     due_at = CASE WHEN $6 THEN due_at ELSE $7 END, \
     completed_at = CASE WHEN $8 THEN completed_at ELSE $9 END, \
     updated_at = clock_timestamp(), version = version + 1 \
     WHERE id = $1 AND ($2::bigint[] IS NULL OR version = ANY ($2)) RETURNING ",
    columns!()
);
const DELETE: &str =
    "DELETE FROM todos WHERE id = $1 AND ($2::bigint[] IS NULL OR version = ANY ($2)) RETURNING version";

/// Why a todo could not be read or changed.
pub(crate) enum StoreError {
    NotFound,
    OtherVersion,
    Database(DatabaseError),
}

/// The todos.
pub(crate) struct Todos<'a>(pub(crate) &'a Database);

impl Todos<'_> {
    pub(crate) async fn create(&self, new: &NewTodo) -> Result<(Todo, Answer), StoreError> {
        Ok(self.0.run(async |connection| insert(connection, new).await).await?)
    }

    /// Creates it if this was not done before under the same key.
    pub(crate) async fn create_once(&self, new: &NewTodo, once: &Once) -> Result<Outcome<Todo>, StoreError> {
        let insert = async |connection: &Connection| insert(connection, new).await;
        Ok(self.0.run(async |connection| idempotency::once(connection, once, insert).await).await?)
    }

    /// Creates it with this id, unless there is one.
    pub(crate) async fn create_as(&self, id: Uuid, new: &NewTodo) -> Result<Option<Todo>, StoreError> {
        let (notes, due_at) = optional(new);
        Ok(self.one(INSERT_AS, &[&id, &new.title.as_str(), &notes, &due_at]).await?)
    }

    pub(crate) async fn get(&self, id: Uuid) -> Result<Todo, StoreError> {
        self.one(SELECT, &[&id]).await?.ok_or(StoreError::NotFound)
    }

    /// A page of no more bytes of JSON than this.
    pub(crate) async fn page(&self, wanted: &ListQuery, longest: usize) -> Result<Vec<u8>, StoreError> {
        let limit = wanted.limit.get();
        let mut draft = Draft::new(limit, longest);
        // The one too many only tells that there is more.
        self.each(wanted, limit + 1, |todo| Ok(draft.add(&todo)?)).await?;
        Ok(draft.finish())
    }

    /// The todos of a page.
    pub(crate) async fn list(&self, wanted: &ListQuery) -> Result<Vec<Todo>, StoreError> {
        let mut todos = Vec::new();
        let mut add = |todo| {
            todos.push(todo);
            Ok(())
        };
        self.each(wanted, wanted.limit.get(), &mut add).await?;
        Ok(todos)
    }

    /// Reads so many todos, one after the other: all together may be far longer than a page.
    async fn each(
        &self,
        wanted: &ListQuery,
        limit: usize,
        mut read: impl FnMut(Todo) -> Result<(), StatementError>,
    ) -> Result<(), DatabaseError> {
        let query = list(wanted, limit);
        let read_all = async |connection: &Connection| {
            let mut rows = pin!(connection.query_raw(&query.sql, &query.parameters()).await?);
            while let Some(row) = rows.try_next().await? {
                read(Todo::from_row(&row)?)?;
            }
            Ok(())
        };
        self.0.run(read_all).await
    }

    pub(crate) async fn update(
        &self,
        id: Uuid,
        patch: &TodoPatch,
        allowed: &IfMatch,
    ) -> Result<Todo, StoreError> {
        if patch.is_empty() {
            let todo = self.get(id).await?;
            return if allowed.allows(todo.version) { Ok(todo) } else { Err(StoreError::OtherVersion) };
        }
        let parameters: Parameters<'_> = &[
            &id,
            &allowed.0,
            &patch.title.as_ref().map(Title::as_str),
            &patch.notes.is_keep(),
            &patch.notes.value().map(Notes::as_str),
            &patch.due_at.is_keep(),
            &moment(&patch.due_at),
            &patch.completed_at.is_keep(),
            &moment(&patch.completed_at),
        ];
        match self.one(UPDATE, parameters).await? {
            Some(todo) => Ok(todo),
            None => Err(self.why_untouched(id).await),
        }
    }

    /// Deletes a todo, and says which version it was.
    pub(crate) async fn delete(&self, id: Uuid, allowed: &IfMatch) -> Result<i64, StoreError> {
        let delete = async |connection: &Connection| {
            let row = connection.query_opt(DELETE, &[&id, &allowed.0]).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        };
        match self.0.run(delete).await? {
            Some(version) => Ok(version),
            None => Err(self.why_untouched(id).await),
        }
    }

    /// The todo that a statement gives, if it gives one.
    pub(super) async fn one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Todo>, DatabaseError> {
        let one = async |connection: &Connection| {
            connection.query_opt(sql, parameters).await?.as_ref().map(Todo::from_row).transpose()
        };
        self.0.run(one).await
    }

    /// Why a statement with a condition on the version touched nothing.
    async fn why_untouched(&self, id: Uuid) -> StoreError {
        match self.get(id).await {
            Ok(_) => StoreError::OtherVersion,
            Err(error) => error,
        }
    }
}

fn optional(new: &NewTodo) -> (Option<&str>, Option<DateTime<Utc>>) {
    (new.notes.as_ref().map(Notes::as_str), new.due_at.map(Timestamp::get))
}

async fn insert(connection: &Connection, new: &NewTodo) -> Result<(Todo, Answer), StatementError> {
    let (notes, due_at) = optional(new);
    // In order of time, so that new keys go to one end of the index.
    let row = connection.query_one(INSERT, &[&Uuid::now_v7(), &new.title.as_str(), &notes, &due_at]).await?;
    let todo = Todo::from_row(&row)?;
    let answer = Answer {
        status: StatusCode::CREATED,
        location: format!("/api/todos/{}", todo.id),
        etag: etag(todo.version),
        body: serde_json::to_string(&todo)?,
    };
    Ok((todo, answer))
}

/// A statement that is built from parts.
struct Query {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    /// Adds some of the statement, with a parameter after it.
    fn push(&mut self, sql: &str, parameter: impl ToSql + Sync + Send + 'static) {
        self.parameters.push(Box::new(parameter));
        let _ = write!(self.sql, "{sql}${}", self.parameters.len());
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as _).collect()
    }
}

/// Built from parts, so that each combination gets the index made for it.
fn list(wanted: &ListQuery, limit: usize) -> Query {
    let mut query = Query { sql: LIST.into(), parameters: Vec::new() };
    match wanted.state {
        None => {}
        Some(State::Open) => query.sql += " AND completed_at IS NULL",
        Some(State::Completed) => query.sql += " AND completed_at IS NOT NULL",
    }
    if let Some(moment) = wanted.due_from {
        query.push(" AND due_at >= ", moment.get());
    }
    if let Some(moment) = wanted.due_before {
        query.push(" AND due_at < ", moment.get());
    }
    if let Some(Cursor { created_at, id }) = wanted.cursor {
        query.push(" AND (created_at, id) < (", created_at);
        query.push(", ", id);
        query.sql += ")";
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ", i64::try_from(limit).unwrap_or(i64::MAX));
    query
}

fn moment(change: &Change<Timestamp>) -> Option<DateTime<Utc>> {
    change.value().map(|moment| moment.get())
}

impl Todo {
    /// In the order of the columns above, which costs less than their names.
    fn from_row(row: &Row) -> Result<Self, StatementError> {
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

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("there is no todo with this id"),
            Self::OtherVersion => formatter.write_str("the todo was changed since; read it again"),
            Self::Database(error) => error.fmt(formatter),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::new(Kind::NOT_FOUND, error.to_string()),
            StoreError::OtherVersion => Self::new(Kind::PRECONDITION_FAILED, error.to_string()),
            StoreError::Database(error) => error.into(),
        }
    }
}
