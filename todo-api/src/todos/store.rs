//! Todos in the database.

use std::{
    fmt::{self, Write},
    pin::pin,
    sync::LazyLock,
};

use axum::http::StatusCode;
use chassis::{
    database::{Connection, Database, DatabaseError, Parameters, StatementError},
    etag::{IfMatch, etag},
    idempotency::{self, Answer, Once, Outcome},
    problem::{Kind, Problem},
};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    cursor::Cursor,
    model::{Column, ListQuery, NewTodo, State, Todo, TodoPatch},
    page::Draft,
};

/// What each statement gives of a todo.
static COLUMNS: LazyLock<String> = LazyLock::new(|| Todo::COLUMNS.join(", "));
static SELECT: LazyLock<String> = LazyLock::new(|| format!("SELECT {} FROM todos WHERE id = $1", *COLUMNS));
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
        let insert = Statement::insert(id, new, " ON CONFLICT DO NOTHING");
        Ok(self.one(&insert.sql, &insert.parameters()).await?)
    }

    pub(crate) async fn get(&self, id: Uuid) -> Result<Todo, StoreError> {
        self.one(&SELECT, &[&id]).await?.ok_or(StoreError::NotFound)
    }

    /// A page of no more bytes of JSON than this.
    pub(crate) async fn page(&self, wanted: &ListQuery, longest: usize) -> Result<Vec<u8>, StoreError> {
        let limit = wanted.limit.get();
        let mut draft = Draft::new(limit, longest);
        // The one too many only tells that there is more.
        self.each(wanted, limit + 1, |row| Ok(draft.add(&Todo::<&str>::from_row(row)?)?)).await?;
        Ok(draft.finish())
    }

    /// The todos of a page.
    pub(crate) async fn list(&self, wanted: &ListQuery) -> Result<Vec<Todo>, StoreError> {
        let mut todos = Vec::new();
        let mut add = |row: &Row| {
            todos.push(Todo::from_row(row)?);
            Ok(())
        };
        self.each(wanted, wanted.limit.get(), &mut add).await?;
        Ok(todos)
    }

    /// Reads the rows of so many todos, one after the other: all together may be far longer than a page.
    async fn each(
        &self,
        wanted: &ListQuery,
        limit: usize,
        mut read: impl FnMut(&Row) -> Result<(), StatementError>,
    ) -> Result<(), DatabaseError> {
        let query = Statement::list(wanted, limit);
        let read_all = async |connection: &Connection| {
            let mut rows = pin!(connection.query_raw(&query.sql, &query.parameters()).await?);
            while let Some(row) = rows.try_next().await? {
                read(&row)?;
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
        let columns = patch.columns();
        if columns.is_empty() {
            let todo = self.get(id).await?;
            return if allowed.allows(todo.version) { Ok(todo) } else { Err(StoreError::OtherVersion) };
        }
        let update = Statement::update(id, columns, allowed);
        match self.one(&update.sql, &update.parameters()).await? {
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

async fn insert(connection: &Connection, new: &NewTodo) -> Result<(Todo, Answer), StatementError> {
    // In order of time, so that new keys go to one end of the index.
    let insert = Statement::insert(Uuid::now_v7(), new, "");
    let row = connection.query_one(&insert.sql, &insert.parameters()).await?;
    let todo = Todo::from_row(&row)?;
    let answer = Answer {
        status: StatusCode::CREATED,
        location: format!("/api/todos/{}", todo.id),
        etag: etag(todo.version),
        body: serde_json::to_string(&todo)?,
    };
    Ok((todo, answer))
}

/// A statement that is built from parts. There are few different ones, and each is prepared once for a connection.
struct Statement<'a> {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

impl<'a> Statement<'a> {
    fn insert(id: Uuid, new: &'a NewTodo, on_conflict: &str) -> Self {
        let columns = new.columns();
        let names: String = columns.iter().flat_map(|(name, _)| [", ", name]).collect();
        let mut statement = Self::new(format!("INSERT INTO todos (id{names})"));
        statement.push(" VALUES (", Box::new(id));
        for (_, value) in columns {
            statement.push(", ", value);
        }
        statement.sql += ")";
        statement.sql += on_conflict;
        statement.returning()
    }

    /// One statement, so that no other change can come between the check of the version and the change.
    fn update(id: Uuid, columns: Vec<Column<'a>>, allowed: &'a IfMatch) -> Self {
        let mut statement = Self::new("UPDATE todos SET ".into());
        for (name, value) in columns {
            statement.sql += name;
            statement.push(" = ", value);
            statement.sql += ", ";
        }
        statement.sql += "updated_at = clock_timestamp(), version = version + 1";
        statement.push(" WHERE id = ", Box::new(id));
        if let Some(versions) = &allowed.0 {
            statement.push(" AND version = ANY (", Box::new(versions));
            statement.sql += ")";
        }
        statement.returning()
    }

    /// Each combination gets the index made for it.
    fn list(wanted: &ListQuery, limit: usize) -> Self {
        let mut list = Self::new(format!("SELECT {} FROM todos WHERE true", *COLUMNS));
        match wanted.state {
            None => {}
            Some(State::Open) => list.sql += " AND completed_at IS NULL",
            Some(State::Completed) => list.sql += " AND completed_at IS NOT NULL",
        }
        if let Some(moment) = wanted.due_from {
            list.push(" AND due_at >= ", Box::new(moment.get()));
        }
        if let Some(moment) = wanted.due_before {
            list.push(" AND due_at < ", Box::new(moment.get()));
        }
        if let Some(Cursor { created_at, id }) = wanted.cursor {
            list.push(" AND (created_at, id) < (", Box::new(created_at));
            list.push(", ", Box::new(id));
            list.sql += ")";
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        list.push(" ORDER BY created_at DESC, id DESC LIMIT ", Box::new(limit));
        list
    }

    fn new(sql: String) -> Self {
        Self { sql, parameters: Vec::new() }
    }

    /// Adds some of the statement, with a parameter after it.
    fn push(&mut self, sql: &str, parameter: Box<dyn ToSql + Sync + Send + 'a>) {
        self.parameters.push(parameter);
        let _ = write!(self.sql, "{sql}${}", self.parameters.len());
    }

    fn returning(mut self) -> Self {
        self.sql += " RETURNING ";
        self.sql += &COLUMNS;
        self
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as _).collect()
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

#[cfg(test)]
mod tests {
    use chassis::fields::Fields;
    use serde_json::json;

    use super::*;

    const NAMED: &str = "id, title, notes, due_at, completed_at, created_at, updated_at, version";

    fn read<T: chassis::fields::FromFields>(fields: &serde_json::Value) -> T {
        Fields::read(fields.as_object().unwrap().clone()).unwrap_or_else(|_| panic!("{fields}"))
    }

    #[test]
    fn what_is_new_is_one_statement_whatever_it_has() {
        for new in [json!({ "title": "a" }), json!({ "title": "a", "notes": "b" })] {
            let insert = "INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) RETURNING ";
            assert_eq!(Statement::insert(Uuid::nil(), &read(&new), "").sql, format!("{insert}{NAMED}"));
        }
    }

    #[test]
    fn what_stays_is_not_in_the_statement_that_changes_the_rest() {
        let patch: TodoPatch = read(&json!({ "notes": null, "title": "b" }));
        let any = IfMatch(None);
        let update = Statement::update(Uuid::nil(), patch.columns(), &any);
        let set =
            "UPDATE todos SET title = $1, notes = $2, updated_at = clock_timestamp(), version = version + 1";
        assert_eq!(update.sql, format!("{set} WHERE id = $3 RETURNING {NAMED}"));
        let some = IfMatch(Some(vec![1, 2]));
        let update = Statement::update(Uuid::nil(), patch.columns(), &some);
        assert_eq!(update.sql, format!("{set} WHERE id = $3 AND version = ANY ($4) RETURNING {NAMED}"));
        assert!(read::<TodoPatch>(&json!({})).columns().is_empty());
    }

    #[test]
    fn a_list_asks_for_what_is_wanted_alone() {
        let list = |query| Statement::list(&read(&query), 21).sql;
        let begin = format!("SELECT {NAMED} FROM todos WHERE true");
        let end = " ORDER BY created_at DESC, id DESC LIMIT ";
        assert_eq!(list(json!({})), format!("{begin}{end}$1"));
        let open = list(json!({ "state": "open", "due_before": "2011-04-06T20:32:17Z" }));
        assert_eq!(open, format!("{begin} AND completed_at IS NULL AND due_at < $1{end}$2"));
    }
}
