//! The shell: its language, and scripts; `sql` and a person at a terminal have rooms of their own.

mod sql;
mod terminal;

use std::process::{Output, Stdio};

use rustix::process::Signal;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    database::TestDatabase,
    process::{PATIENCE, Service, command, lines, run},
    stream::{Stream, hearing},
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
    database.value("SELECT count(*) FROM todos").await
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
        ("let a = [1];\nloop { a += a }\nprint(\"on\")", 2, "Size of array"),
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
async fn a_script_ends_with_the_reader_of_its_output_or_with_the_place_on_the_disk() {
    let database = TestDatabase::migrated().await;
    let url = database.url();
    let piped = async |words: &str| {
        let shell = command(&["shell"], &[("DATABASE_URL", &url)]);
        let mut bash = tokio::process::Command::new("bash");
        bash.args(["-c", words, "bash"]).arg(shell.as_std().get_program()).arg("shell");
        bash.env_clear().envs(shell.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        bash.env("PATH", std::env::var_os("PATH").unwrap()).kill_on_drop(true);
        timeout(PATIENCE, bash.output()).await.expect("the script should end").unwrap()
    };
    for endless in ["yes 'print(1)'", "yes 1", "echo 'loop { print(1) }'"] {
        let seen = piped(&format!("{endless} | (\"$@\"; echo $? >&2) | head -n 3")).await;
        assert_eq!((&*seen.stdout, &*seen.stderr), (&b"1\n1\n1\n"[..], &b"0\n"[..]), "{endless}");
        let full = piped(&format!("{endless} | \"$@\" > /dev/full")).await;
        let told = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(1), "{told}");
        assert!(told.contains("cannot write to standard output: No space left on device"), "{told}");
    }
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
