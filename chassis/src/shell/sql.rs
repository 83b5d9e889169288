//! Runs what a person wrote in SQL.

use std::pin::pin;

use futures_util::TryStreamExt;
use rhai::{Dynamic, Map};
use serde_json::Value;
use tokio_postgres::{
    Column, SimpleQueryMessage, SimpleQueryRow,
    error::{DbError, ErrorPosition},
    types::Type,
};

use crate::database::{Connection, StatementError};

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
pub(super) async fn run(connection: &Connection, text: &str, writes: bool) -> Result<Answer, StatementError> {
    if writes {
        return one(connection, text).await;
    }
    // Settings can be set by a statement, and are undone at the end. The mode of a transaction that has looked at
    // something cannot be changed any more, and within it no statement can end it and go on in another.
    connection.client().batch_execute("BEGIN READ ONLY; SELECT").await?;
    let answer = one(connection, text).await;
    if !matches!(answer, Ok(Answer::TooMany)) {
        connection.rollback().await?;
    }
    answer
}

/// Runs what is a single statement, as the server itself sees it. It is prepared for that reason, and for the types of its
/// columns: run as it is the server writes every value, of whatever type, as text.
async fn one(connection: &Connection, text: &str) -> Result<Answer, StatementError> {
    let statement = connection.client().prepare(text).await?;
    let columns = statement.columns();
    let (mut rows, mut changed) = (Vec::new(), 0);
    let mut answers = pin!(connection.client().simple_query_raw(text).await?);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            SimpleQueryMessage::CommandComplete(count) => changed += count,
            SimpleQueryMessage::Row(_) if rows.len() == MOST => return Ok(Answer::TooMany),
            SimpleQueryMessage::Row(row) => rows.push(read(columns, &row)?),
            _ => {}
        }
    }
    if columns.is_empty() {
        return Ok(Answer::Done(changed));
    }
    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
    Ok(Answer::Rows { columns, rows })
}

fn read(columns: &[Column], row: &SimpleQueryRow) -> Result<Map, StatementError> {
    let columns = columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let text = row.try_get(index)?;
            Ok((column.name().into(), text.map_or(Dynamic::UNIT, |text| value(column.type_(), text))))
        })
        .collect()
}

/// A value as the closest that the shell has. What it has nothing for stays the server's own text.
fn value(of: &Type, text: &str) -> Dynamic {
    let read = match *of {
        Type::BOOL => Some((text == "t").into()),
        Type::INT2 | Type::INT4 | Type::INT8 => text.parse::<i64>().ok().map(Into::into),
        Type::FLOAT4 | Type::FLOAT8 => text.parse::<f64>().ok().map(Into::into),
        Type::JSON | Type::JSONB => {
            serde_json::from_str::<Value>(text).ok().and_then(|value| rhai::serde::to_dynamic(value).ok())
        }
        _ => None,
    };
    read.unwrap_or_else(|| text.to_owned().into())
}

/// Where in the statement the mistake is.
pub(super) fn place(error: &DbError) -> Option<u32> {
    match error.position()? {
        ErrorPosition::Original(place) => Some(*place),
        ErrorPosition::Internal { .. } => None,
    }
}
