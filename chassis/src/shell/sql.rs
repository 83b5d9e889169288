//! Runs what a person wrote in SQL.

use futures_util::TryStreamExt;
use rhai::{Dynamic, Map};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Column, Connection, Either, Executor, PgConnection, Row, SqlSafeStr, TypeInfo, ValueRef,
    postgres::{PgDatabaseError, PgErrorPosition, PgRow},
};

/// More rows are not held.
pub(super) const MOST: usize = 10_000;

/// What a statement gave.
pub(super) enum Answer {
    Rows {
        columns: Vec<String>,
        rows: Vec<Map>,
    },
    /// No rows, but a change of so many.
    Done(u64),
    /// More rows than are held. The connection is of no use any more: the rest is on its way.
    TooMany,
}

/// Runs one statement. In a session that does not write it cannot change anything, whatever its text says.
pub(super) async fn run(connection: &mut PgConnection, text: &str, writes: bool) -> sqlx::Result<Answer> {
    if writes {
        return one(connection, text).await;
    }
    // Settings can be set by a statement, and are undone at the end. The mode of a transaction that has looked at
    // something cannot be changed any more, and within it no statement can end it and go on in another.
    let mut reading = connection.begin_with("BEGIN READ ONLY").await?;
    reading.execute("SELECT").await?;
    let answer = one(&mut reading, text).await;
    if !matches!(answer, Ok(Answer::TooMany)) {
        reading.rollback().await?;
    }
    answer
}

/// Runs what is a single statement, as the server itself sees it. It is prepared for that reason alone: run as it is
/// the server writes every value, of whatever type, as text.
async fn one(connection: &mut PgConnection, text: &str) -> sqlx::Result<Answer> {
    let statement = (&mut *connection).prepare(AssertSqlSafe(text).into_sql_str()).await?;
    let columns: Vec<_> =
        sqlx::Statement::columns(&statement).iter().map(|column| column.name().to_owned()).collect();
    let (mut rows, mut changed) = (Vec::new(), 0);
    let mut answers = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(connection);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(done) => changed += done.rows_affected(),
            Either::Right(_) if rows.len() == MOST => return Ok(Answer::TooMany),
            Either::Right(row) => rows.push(read(&row)?),
        }
    }
    Ok(if columns.is_empty() { Answer::Done(changed) } else { Answer::Rows { columns, rows } })
}

fn read(row: &PgRow) -> sqlx::Result<Map> {
    let columns = row.columns().iter();
    columns.map(|column| Ok((column.name().into(), value(row, column.ordinal())?))).collect()
}

/// A value as the closest that the shell has. What it has nothing for stays the server's own text.
fn value(row: &PgRow, column: usize) -> sqlx::Result<Dynamic> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Dynamic::UNIT);
    }
    let text = raw.as_str().map_err(sqlx::Error::Decode)?;
    let read = match raw.type_info().name() {
        "BOOL" => Some((text == "t").into()),
        "INT2" | "INT4" | "INT8" => text.parse::<i64>().ok().map(Into::into),
        "FLOAT4" | "FLOAT8" => text.parse::<f64>().ok().map(Into::into),
        "JSON" | "JSONB" => {
            serde_json::from_str::<Value>(text).ok().and_then(|value| rhai::serde::to_dynamic(value).ok())
        }
        _ => None,
    };
    Ok(read.unwrap_or_else(|| text.to_owned().into()))
}

/// Where in the statement the mistake is.
pub(super) fn place(error: &PgDatabaseError) -> Option<usize> {
    match error.position()? {
        PgErrorPosition::Original(place) => Some(place),
        PgErrorPosition::Internal { .. } => None,
    }
}
