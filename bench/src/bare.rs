//! The service's statements without the service.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use tokio::time::Instant;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::{
    How, Outcome, database,
    figures::Figures,
    work::{DUE, NOTES, TITLE, Work},
};

const COLUMNS: &str = "id, title, notes, due_at, completed_at, created_at, updated_at, version";
const INSERT: &str = "INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) RETURNING ";
const ORDER: &str = " ORDER BY created_at DESC, id DESC LIMIT ";
/// One more than a page, as the service asks for.
const LIMIT: i64 = 21;

/// Runs them for as long as it is told to, prepared once a connection, one after the other.
pub(crate) async fn run(url: &str, how: How) -> Outcome<Figures> {
    let mut connections = Vec::new();
    for _ in 0..how.connections {
        let client = database::connect(url).await?;
        let statement = client.prepare(&statement(how.work)).await?;
        connections.push((client, statement));
    }
    let start = Instant::now();
    let end = start + how.seconds;
    let times =
        try_join_all(connections.iter().map(|(client, statement)| ask(client, statement, how.work, end)))
            .await?;
    Figures::of(times.concat(), start.elapsed())
}

fn statement(work: Work) -> String {
    match work {
        Work::List => format!("SELECT {COLUMNS} FROM todos WHERE true{ORDER}$1"),
        Work::Create => format!("{INSERT}{COLUMNS}"),
    }
}

async fn ask(client: &Client, statement: &Statement, work: Work, end: Instant) -> Outcome<Vec<Duration>> {
    let due: DateTime<Utc> = DUE.parse()?;
    let mut times = Vec::new();
    loop {
        let started = Instant::now();
        if started >= end {
            return Ok(times);
        }
        let rows = match work {
            Work::List => client.query(statement, &[&LIMIT]).await?,
            Work::Create => client.query(statement, &[&Uuid::now_v7(), &TITLE, &NOTES, &due]).await?,
        };
        if rows.is_empty() {
            return Err("a statement gave nothing back".into());
        }
        times.push(started.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_are_the_services_own() {
        let store = include_str!("../../todo-api/src/todos/store.rs");
        for part in [COLUMNS, INSERT, ORDER, "FROM todos WHERE true"] {
            assert!(store.contains(part), "{part}");
        }
    }

    #[test]
    fn the_plain_services_run_the_same_statements() {
        for source in [include_str!("../peers/axum/main.rs"), include_str!("../peers/go/main.go")] {
            for part in [COLUMNS, INSERT, ORDER, "FROM todos WHERE true"] {
                assert!(source.contains(part), "{part}");
            }
        }
    }
}
