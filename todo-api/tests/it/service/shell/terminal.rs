//! The shell at a terminal.

use rustix::process::Signal;
use tokio::time::timeout;

use super::count;
use crate::{
    service::terminal::Terminal,
    support::{database::TestDatabase, process::PATIENCE},
};

/// A shell at a terminal, ready for the first line.
fn at_terminal(database: &TestDatabase, arguments: &[&str]) -> Terminal {
    let url = database.url();
    let mut terminal =
        Terminal::start(&[&["shell"], arguments].concat(), &[("DATABASE_URL", &url), ("TERM", "xterm")]);
    terminal.shows("Ctrl-D ends");
    is_ready(&mut terminal);
    terminal
}

/// Waits until the next line can be typed: the terminal is told to mark what is pasted.
#[track_caller]
fn is_ready(terminal: &mut Terminal) {
    terminal.shows("\u{1b}[?2004h");
}

/// Types a line, and waits until it has shown this and the next can be typed.
#[track_caller]
fn answers(terminal: &mut Terminal, line: &str, answer: &str) {
    terminal.types(&format!("{line}\r"));
    // That what is typed has ended, so that it is not taken for the answer.
    terminal.shows("\u{1b}[?2004l");
    terminal.shows(answer);
    is_ready(terminal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_types_and_sees() {
    let database = TestDatabase::migrated().await;
    let mut terminal = at_terminal(&database, &["--write"]);
    answers(&mut terminal, "let todo = todos.create(\"Buy milk\");", "");
    answers(&mut terminal, "todos.list()", "Buy milk");
    // No error ends it.
    answers(&mut terminal, "nothing", "Variable not found: nothing");
    answers(&mut terminal, "sql(\"SELECT\n1/0\")", "Open string is not terminated");
    answers(&mut terminal, "sql(\"SELECT 1/0\")", "division by zero");
    answers(&mut terminal, "help()", "todos.create(");
    // What is begun goes on in the next line.
    answers(&mut terminal, "if true {\rprint(20 + 22)\r}", "42\r\n");
    // With a semicolon nothing is shown.
    answers(&mut terminal, "\"un\" + \"seen\"; print(1 + 10)", "11\r\n");
    terminal.types("\x04");
    assert!(terminal.end().success());
    assert_eq!(count(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_completed_and_lines_come_back() {
    let database = TestDatabase::migrated().await;
    let mut terminal = at_terminal(&database, &[]);
    let table = "answer\r\n------\r\n42\r\n";
    answers(&mut terminal, "sq\t\"SELECT 20 + 22 AS answer\")", table);
    answers(&mut terminal, "todos.li\t)", "(none)");
    // Twice up.
    answers(&mut terminal, "\x1b[A\x1b[A", table);
    answers(&mut terminal, "let remembered = 7;", "");
    answers(&mut terminal, "remem\t * 100 + 1", "701\r\n");
    terminal.types("exit()\r");
    assert!(terminal.end().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_the_line_or_what_runs_and_never_the_shell() {
    let database = TestDatabase::migrated().await;
    let mut terminal = at_terminal(&database, &["--write"]);
    // The line.
    terminal.types("print(\"never\x03");
    is_ready(&mut terminal);
    // A loop.
    terminal.types("print(1 + 20); while true {}\r");
    terminal.shows("21\r\n");
    terminal.types("\x03");
    terminal.shows("interrupted");
    is_ready(&mut terminal);
    // A statement. The server has heard of it, and what was set in the connection is still set.
    answers(&mut terminal, "sql(\"CREATE TEMPORARY TABLE mine AS SELECT 30 + 3 AS n\")", "1\r\n");
    terminal.types("sql(\"SELECT pg_sleep(1000)\")\r");
    running(&database, 1).await;
    terminal.types("\x03");
    terminal.shows("canceling statement due to user request");
    is_ready(&mut terminal);
    running(&database, 0).await;
    answers(&mut terminal, "sql(\"SELECT n FROM mine\")", "33\r\n");
    terminal.types("\x04");
    assert!(terminal.end().success());
}

/// Waits until so many statements sleep in the database.
async fn running(database: &TestDatabase, wanted: i64) {
    const SLEEPING: &str = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'";
    let connection = database.connect().await;
    let wait = async {
        while connection.query_one_scalar::<i64, _>(SLEEPING, &[]).await.unwrap() != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the statement should begin or end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_and_leaves_the_terminal_as_it_was() {
    let database = TestDatabase::migrated().await;
    let mut terminal = at_terminal(&database, &[]);
    // A line is being edited once what is typed is shown.
    terminal.types("print");
    terminal.shows("print");
    assert!(!terminal.echoes());
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end().code(), Some(1));
    assert!(terminal.echoes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_cannot_play_with_the_terminal() {
    let database = TestDatabase::migrated().await;
    database
        .execute(
            "INSERT INTO todos (id, title, notes) VALUES (gen_random_uuid(), 'a', E'x\\x1b]0;owned\\x07y')",
        )
        .await;
    let mut terminal = at_terminal(&database, &[]);
    answers(&mut terminal, "todos.list()[0]", "x\\u{1b}]0;owned\\u{7}y");
    terminal.types("\x04");
    assert!(terminal.end().success());
}
