//! Todos in the database.

use std::fmt;

use axum::http::StatusCode;
use chassis::{
    database::{Database, DatabaseError},
    etag::{IfMatch, etag},
    fields::Change,
    idempotency::{self, Answer, Once, Outcome},
    problem::{Kind, Problem},
};
use futures_util::TryStreamExt;
use sqlx::{
    FromRow, PgConnection, Postgres, QueryBuilder, Row,
    postgres::{PgArguments, PgRow},
};
use uuid::Uuid;

use super::{
    cursor::Cursor,
    model::{ListQuery, NewTodo, State, Todo, TodoPatch},
    notes::Notes,
    page::{Draft, Page},
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
        let insert = async |connection: &mut PgConnection| insert(connection, new).await;
        Ok(self.0.run(async |connection| idempotency::once(connection, once, insert).await).await?)
    }

    /// Creates it with this id, unless there is one.
    pub(crate) async fn create_as(&self, id: Uuid, new: &NewTodo) -> Result<Option<Todo>, StoreError> {
        let query = bind(sqlx::query_as(INSERT_AS), id, new);
        Ok(self.0.run(async |connection| query.fetch_optional(connection).await).await?)
    }

    pub(crate) async fn get(&self, id: Uuid) -> Result<Todo, StoreError> {
        let query = sqlx::query_as(SELECT).bind(id);
        self.0
            .run(async |connection| query.fetch_optional(connection).await)
            .await?
            .ok_or(StoreError::NotFound)
    }

    /// A page of no more bytes of JSON than this.
    pub(crate) async fn list(&self, wanted: &ListQuery, longest: usize) -> Result<Page, StoreError> {
        let limit = wanted.limit.get();
        // The one too many only tells that there is more.
        let mut query = list(wanted, limit + 1);
        let query = query.build_query_as::<Todo>();
        let mut draft = Draft::new(limit, longest);
        let fill = async |connection: &mut PgConnection| {
            // One after the other: all together may be far longer than the page.
            let mut rows = query.fetch(connection);
            while let Some(todo) = rows.try_next().await? {
                draft.add(todo).map_err(|error| sqlx::Error::Encode(error.into()))?;
            }
            Ok(())
        };
        self.0.run(fill).await?;
        Ok(draft.finish())
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
        let query = sqlx::query_as(UPDATE)
            .bind(id)
            .bind(allowed.0.as_deref())
            .bind(patch.title.as_ref().map(Title::as_str))
            .bind(patch.notes.is_keep())
            .bind(patch.notes.value().map(Notes::as_str))
            .bind(patch.due_at.is_keep())
            .bind(moment(&patch.due_at))
            .bind(patch.completed_at.is_keep())
            .bind(moment(&patch.completed_at));
        match self.0.run(async |connection| query.fetch_optional(connection).await).await? {
            Some(todo) => Ok(todo),
            None => Err(self.why_untouched(id).await),
        }
    }

    /// Deletes a todo, and says which version it was.
    pub(crate) async fn delete(&self, id: Uuid, allowed: &IfMatch) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(DELETE).bind(id).bind(allowed.0.as_deref());
        match self.0.run(async |connection| query.fetch_optional(connection).await).await? {
            Some(version) => Ok(version),
            None => Err(self.why_untouched(id).await),
        }
    }

    /// Why a statement with a condition on the version touched nothing.
    async fn why_untouched(&self, id: Uuid) -> StoreError {
        match self.get(id).await {
            Ok(_) => StoreError::OtherVersion,
            Err(error) => error,
        }
    }
}

type Query<'a> = sqlx::query::QueryAs<'a, Postgres, Todo, PgArguments>;

fn bind<'a>(query: Query<'a>, id: Uuid, new: &'a NewTodo) -> Query<'a> {
    query
        .bind(id)
        .bind(new.title.as_str())
        .bind(new.notes.as_ref().map(Notes::as_str))
        .bind(new.due_at.map(Timestamp::get))
}

async fn insert(connection: &mut PgConnection, new: &NewTodo) -> sqlx::Result<(Todo, Answer)> {
    // In order of time, so that new keys go to one end of the index.
    let todo = bind(sqlx::query_as(INSERT), Uuid::now_v7(), new).fetch_one(connection).await?;
    let answer = Answer {
        status: StatusCode::CREATED,
        location: format!("/api/todos/{}", todo.id),
        etag: etag(todo.version),
        body: serde_json::to_string(&todo).map_err(|error| sqlx::Error::Encode(error.into()))?,
    };
    Ok((todo, answer))
}

/// Built from parts, so that each combination gets the index made for it.
fn list(wanted: &ListQuery, limit: usize) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(LIST);
    match wanted.state {
        None => {}
        Some(State::Open) => drop(query.push(" AND completed_at IS NULL")),
        Some(State::Completed) => drop(query.push(" AND completed_at IS NOT NULL")),
    }
    if let Some(moment) = wanted.due_from {
        query.push(" AND due_at >= ").push_bind(moment.get());
    }
    if let Some(moment) = wanted.due_before {
        query.push(" AND due_at < ").push_bind(moment.get());
    }
    if let Some(Cursor { created_at, id }) = wanted.cursor {
        query.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(id).push(")");
    }
    query
        .push(" ORDER BY created_at DESC, id DESC LIMIT ")
        .push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    query
}

fn moment(change: &Change<Timestamp>) -> Option<chrono::DateTime<chrono::Utc>> {
    change.value().map(|moment| moment.get())
}

impl FromRow<'_, PgRow> for Todo {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            notes: row.try_get("notes")?,
            due_at: row.try_get("due_at")?,
            completed_at: row.try_get("completed_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
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
