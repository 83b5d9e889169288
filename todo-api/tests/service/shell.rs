//! The shell: from a script, and at a terminal.

use std::process::{Output, Stdio};

use rustix::process::Signal;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    database::TestDatabase,
    events::{Stream, hearing},
    process::{PATIENCE, Service, command, lines, run},
    terminal::Terminal,
};

/// Runs a script to its end.
async fn script(database: &TestDatabase, arguments: &[&str], text: &str) -> Output {
    let url = database.url();
    let mut child = command(&[&["shell"], arguments].concat(), &[("DATABASE_URL", &url)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Fails if the shell has ended by then.
    let _ = input.write_all(text.as_bytes()).await;
    drop(input);
    timeout(PATIENCE, child.wait_with_output()).await.expect("the script should end").unwrap()
}

/// What a script that goes well shows.
async fn shown(database: &TestDatabase, arguments: &[&str], text: &str) -> String {
    let output = script(database, arguments, text).await;
    assert!(output.status.success(), "{text}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a script that does not go well says.
async fn refused(database: &TestDatabase, arguments: &[&str], text: &str) -> String {
    let output = script(database, arguments, text).await;
    assert_eq!(output.status.code(), Some(1), "{text}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn count(database: &TestDatabase) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM todos").fetch_one(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn todos_have_their_whole_life_in_it() {
    let database = TestDatabase::migrated().await;
    let text = r#"
        let todo = todos.create("  Buy milk ");
        print(todo.title + "|" + todo.version);
        todo = todos.update(todo.id, #{notes: "two", due_at: "2030-01-31T12:00:00+01:00"});
        print(todo.notes + "|" + todo.due_at + "|" + todo.version);
        todo = todos.complete(todo);
        print(todos.complete(todo).version);
        print(todos.reopen(todo).completed_at == ());
        print(todos.update(todo, #{notes: ()}).notes == ());
        todos.delete(todo);
        print(todos.list().len);
        print(todos.undo(todo).title);
        print(todos.get(todo.id).version);
        todos.create(#{title: "b", notes: "c"});
        print(todos.list().map(|todo| todo.title));
        print(todos.list(#{state: "completed", limit: 5}).len);
    "#;
    // One expression to a line, whose value is shown, too: that of a statement with a semicolon is none.
    assert_eq!(
        shown(&database, &["--write"], text).await.lines().collect::<Vec<_>>(),
        [
            "Buy milk|1",
            "two|2030-01-31T11:00:00Z|2",
            "3",
            "true",
            "true",
            "0",
            "Buy milk",
            "6",
            "[\"b\", \"Buy milk\"]",
            "0"
        ]
    );
}

#[tokio::test]
async fn the_models_rules_hold() {
    let database = TestDatabase::migrated().await;
    for (text, words) in [
        ("todos.create(\"\")", "title must have 1 to 200 characters"),
        ("todos.create(#{titel: \"a\"})", "title is missing; titel is not known here"),
        ("todos.create(7)", "is no map such as"),
        ("todos.get(\"7\")", "\"7\" is neither a todo nor the id of one"),
        ("todos.get(\"00000000-0000-8000-8000-000000000001\")", "there is no todo with this id"),
        ("todos.list(#{limit: 101})", "limit must be an integer from 1 to 100"),
        (
            "todos.update(\"00000000-0000-8000-8000-000000000001\", #{due_at: \"x\"})",
            "due_at must be an RFC 3339",
        ),
    ] {
        let told = refused(&database, &["--write"], text).await;
        assert!(told.contains(words), "{text}: {told}");
    }
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn what_is_done_is_heard_by_everyone() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    hearing(&service).await;
    let mut stream = Stream::open(&service, None).await;
    stream.expect("resync").await;
    shown(&database, &["--write"], "todos.delete(todos.create(\"a\"))").await;
    assert_eq!(stream.expect("saved").await.data["version"], 1);
    stream.expect("removed").await;
}

#[tokio::test]
async fn sql_gives_tables_and_values_of_every_type() {
    let database = TestDatabase::migrated().await;
    let table = shown(
        &database,
        &[],
        "sql(\"SELECT n AS number, n % 2 = 0 AS even, NULL AS nothing FROM generate_series(1, 2) AS n\")",
    )
    .await;
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        ["number  even   nothing", "------  -----  -------", "1       false  null", "2       true   null"]
    );
    let text = r#"
        let row = sql(`SELECT 7::int8 AS i, 1.5::float8 AS f, 12.30::numeric AS n, '{"a": [1]}'::jsonb AS j,
            'x'::text AS t, ARRAY[1, 2] AS a, interval '1 day' AS d, '\x00ff'::bytea AS b,
            '10.0.0.1'::inet AS ip, date '2030-01-31' AS day`)[0];
        print(row.i + 1); print(row.f * 2); print(row.n); print(row.j.a[0] + 1); print(row.t);
        print(row.a); print(row.d); print(row.b); print(row.ip); print(row.day);
        sql("SELECT 1 AS x WHERE false")
    "#;
    assert_eq!(
        shown(&database, &[], text).await.lines().collect::<Vec<_>>(),
        ["8", "3.0", "12.30", "2", "x", "{1,2}", "1 day", "\\x00ff", "10.0.0.1", "2030-01-31", "(none)"]
    );
    let changes = "sql(\"INSERT INTO todos (id, title) SELECT gen_random_uuid(), n::text FROM generate_series(1, 3) n\")\n\
                   sql(\"DELETE FROM todos WHERE title > '1' RETURNING title\").len\n\
                   sql(\"CREATE TABLE other ()\")";
    assert_eq!(shown(&database, &["--write"], changes).await.lines().collect::<Vec<_>>(), ["3", "2", "0"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_not_waited_for() {
    let database = TestDatabase::migrated().await;
    let text = "try { sql(\"SELECT generate_series(1, 2000000000)\") } catch(why) { print(why) }\n\
                sql(\"SELECT generate_series(1, 10000) AS n\").len";
    let all = shown(&database, &[], text).await;
    assert!(all.starts_with("there are more than 10000 rows: add a LIMIT"), "{all}");
    assert!(all.ends_with("\n10000\n"), "{all}");
}

#[tokio::test]
async fn without_write_the_database_refuses_every_change() {
    let database = TestDatabase::migrated().await;
    let insert = "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'x')";
    for text in [
        "todos.create(\"a\")".to_owned(),
        format!("sql(\"{insert}\")"),
        format!("sql(\"WITH made AS ({insert} RETURNING 1) SELECT * FROM made\")"),
        format!("sql(\"COMMIT; {insert}\")"),
        format!("sql(\"SELECT 1; {insert}\")"),
        format!("sql(\"SET default_transaction_read_only = off\")\nsql(\"{insert}\")"),
        format!(
            "sql(\"SELECT set_config('default_transaction_read_only', 'off', false)\")\nsql(\"{insert}\")"
        ),
        format!("sql(\"SELECT set_config('transaction_read_only', 'off', false)\")\nsql(\"{insert}\")"),
        "sql(\"SET TRANSACTION READ WRITE\")".to_owned(),
        format!("sql(\"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE\")\nsql(\"{insert}\")"),
        format!("sql(\"BEGIN READ WRITE\")\nsql(\"{insert}\")"),
        format!("sql(\"COMMIT\")\nsql(\"{insert}\")"),
        format!("sql(\"COMMIT AND CHAIN\")\nsql(\"{insert}\")"),
        format!(
            "sql(\"ROLLBACK\")\nsql(\"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE\")\nsql(\"{insert}\")"
        ),
        format!("sql(`DO $$ BEGIN COMMIT; SET default_transaction_read_only = off; {insert}; END $$`)"),
        format!(
            "sql(`DO $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); {insert}; END $$`)"
        ),
        "sql(\"CREATE TABLE other ()\")".to_owned(),
        "sql(\"TRUNCATE todos\")".to_owned(),
        "sql(\"EXPLAIN ANALYZE DELETE FROM todos\")".to_owned(),
    ] {
        let told = refused(&database, &[], &text).await;
        assert!(told.starts_with("line "), "{text}: {told}");
        assert_eq!(count(&database).await, 0, "{text}");
    }
    let told = refused(&database, &[], "todos.create(\"a\")").await;
    assert!(told.contains("read-only transaction") && told.contains("--write"), "{told}");
    // Nor does it make what it refuses outlive the statement.
    assert_eq!(
        shown(&database, &[], "sql(\"SHOW transaction_read_only\")[0].transaction_read_only").await,
        "on\n"
    );
}

#[tokio::test]
async fn the_first_error_ends_a_script_and_names_its_line() {
    let database = TestDatabase::migrated().await;
    for (text, line, words) in [
        ("let a = 1;\n\na.b.c\nprint(\"on\")", 3, "b"),
        ("print(1);\nlet x = #{\n  a: 1,\n  b: nothing,\n};\nprint(\"on\")", 4, "nothing"),
        ("1\n2 2\nprint(\"on\")", 2, "Expecting ';'"),
        (
            "\nsql(\"SELECT * FROM nowhere\")\nprint(\"on\")",
            2,
            "relation \"nowhere\" does not exist (at character 15)",
        ),
        ("print(1)\nif true {\n  2", 2, "has no end"),
        ("/* a\n b */ throw \"c\"\nprint(\"on\")", 2, "c"),
        ("loop {}\nprint(\"on\")", 1, "steps"),
        ("fn f(n) { f(n + 1) }\nf(1)\nprint(\"on\")", 1, ""),
        ("let a = [];\nloop { a.push(1) }\nprint(\"on\")", 2, ""),
    ] {
        let output = script(&database, &[], text).await;
        assert_eq!(output.status.code(), Some(1), "{text}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let named = told.starts_with(&format!("line {line}: ")) || line == 1 && told.starts_with("line ");
        assert!(named && told.contains(words), "{text}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!String::from_utf8(output.stdout).unwrap().contains("on\n"), "{text}");
    }
    assert_eq!(shown(&database, &[], "print(1)\nexit()\nprint(2)").await, "1\n");
}

#[tokio::test]
async fn a_script_reaches_neither_files_nor_other_code() {
    let database = TestDatabase::migrated().await;
    for text in ["import \"/etc/passwd\" as x", "eval(\"1\")", "open_file(\"/etc/passwd\")"] {
        refused(&database, &[], text).await;
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_at_once() {
    let output = run("shell", &[("DATABASE_URL", "postgres://user:canary-4711@127.0.0.1:1/todos")]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(lines(&output).is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("cannot connect to the database") && !told.contains("canary"), "{told}");
}

#[tokio::test]
async fn a_script_that_waits_for_input_ends_with_a_signal() {
    let database = TestDatabase::migrated().await;
    for signal in [Signal::INT, Signal::TERM] {
        let url = database.url();
        let mut child = command(&["shell"], &[("DATABASE_URL", &url)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"print(\"here\")\n").await.unwrap();
        let mut output = tokio::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut output, &mut line).await.unwrap();
        assert_eq!(line, "here\n", "what is said is done at once, not at the end of the input");
        let id = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        // It may not have come back to its input yet: then the first is for what it did.
        let status = loop {
            rustix::process::kill_process(id, signal).unwrap();
            if let Ok(status) = timeout(std::time::Duration::from_millis(500), child.wait()).await {
                break status.unwrap();
            }
        };
        assert_eq!(status.code(), Some(1));
    }
}

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
    let mut connection = database.connect().await;
    let wait = async {
        while sqlx::query_scalar::<_, i64>(SLEEPING).fetch_one(&mut connection).await.unwrap() != wanted {
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
