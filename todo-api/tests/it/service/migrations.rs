//! The schema is changed by `migrate`, and by nothing else.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use super::{
    database::TestDatabase,
    process::{PATIENCE, Service, command, lines, run},
};

#[tokio::test]
async fn web_waits_for_the_schema_and_never_makes_it() {
    let database = TestDatabase::empty().await;
    let service = Service::start(&database.url(), &[]).await;
    let response = service.get("/readyz").await;
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("migrate"));
    assert_eq!(service.get("/livez").await.status(), 200);
    let response = service.get("/api/todos").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    let tables: i64 = database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await;
    assert_eq!(tables, 0);

    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    assert_eq!(service.get("/readyz").await.status(), 200);
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn many_at_once_do_each_migration_once() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let variables = [("DATABASE_URL", url.as_str())];
    let (a, b, c) =
        tokio::join!(run("migrate", &variables), run("migrate", &variables), run("migrate", &variables));
    let mut applied = 0;
    for output in [a, b, c] {
        assert!(output.status.success(), "{output:?}");
        let log = String::from_utf8(output.stdout).unwrap();
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((&last["message"], &last["version"]), (&"migrated".into(), &12.into()));
        assert_eq!(log.lines().count() as u64, last["count"].as_u64().unwrap() + 1);
        applied += last["count"].as_u64().unwrap();
    }
    assert_eq!(applied, 5);
}

#[tokio::test]
async fn a_newer_schema_is_fine() {
    let database = TestDatabase::migrated().await;
    database
        .execute(
            "ALTER TABLE todos ADD COLUMN colour text; \
             INSERT INTO _sqlx_migrations VALUES (9999, 'of the future', now(), true, '', 0)",
        )
        .await;
    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    let service = Service::ready(&database, &[]).await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn a_migration_under_way_does_not_break_running_processes() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    // Prepares the statements whose results would change if they were not spelt out.
    assert_eq!(service.get("/api/todos").await.status(), 200);
    database.execute("ALTER TABLE todos ADD COLUMN colour text").await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let database = TestDatabase::migrated().await;
    database.execute("UPDATE _sqlx_migrations SET checksum = 'other'").await;
    let output = run("migrate", &[("DATABASE_URL", &database.url())]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("another text"));
}

#[tokio::test]
async fn the_schema_refuses_what_the_service_would() {
    let database = TestDatabase::migrated().await;
    let connection = database.connect().await;
    for sql in [
        "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), '')",
        "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), repeat('x', 201))",
        "INSERT INTO todos (id, title, notes) VALUES (gen_random_uuid(), 'x', repeat('x', 10001))",
        "INSERT INTO todos (id, title, version) VALUES (gen_random_uuid(), 'x', 0)",
    ] {
        assert!(connection.batch_execute(sql).await.is_err(), "{sql}");
    }
}

/// Version and message of each line that is about one migration.
fn told(output: &std::process::Output) -> Vec<(i64, String)> {
    let of = |line: &serde_json::Value| Some((line["version"].as_i64()?, line["message"].as_str()?.into()));
    lines(output).iter().filter(|line| line["description"].is_string()).filter_map(of).collect()
}

#[tokio::test]
async fn the_status_tells_what_is_in_and_what_is_to_come_and_changes_nothing() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let status = async || run("migrate --status", &[("DATABASE_URL", &url), ("LOG_LEVEL", "error")]).await;
    let to_come = |version| (version, "to come".to_owned());
    let applied = |version| (version, "applied".to_owned());

    let output = status().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(told(&output), [1, 2, 10, 11, 12].map(to_come));
    let tables: i64 = database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await;
    assert_eq!(tables, 0);

    assert!(run("migrate --to 2", &[("DATABASE_URL", &url)]).await.status.success());
    let output = status().await;
    assert_eq!(told(&output), [applied(1), applied(2), to_come(10), to_come(11), to_come(12)]);
    assert!(lines(&output)[0]["at"].as_str().unwrap().starts_with("20"), "{output:?}");

    database
        .execute(
            "INSERT INTO _sqlx_migrations VALUES (9999, 'of the future', now(), true, '', 0); \
             UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 2",
        )
        .await;
    let output = status().await;
    assert_eq!(output.status.code(), Some(1), "`migrate` would refuse, too");
    let told = told(&output);
    assert_eq!(told[1], (2, "applied from another text".into()));
    assert_eq!(told[5], (9999, "applied by a newer binary".into()));
}

#[tokio::test]
async fn it_goes_up_to_a_version_and_neither_past_it_nor_back() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let to = async |version: &str| run(&format!("migrate --to {version}"), &[("DATABASE_URL", &url)]).await;

    let output = to("10").await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(told(&output).iter().map(|(version, _)| *version).collect::<Vec<_>>(), [1, 2, 10]);
    let last = lines(&to("10").await).pop().unwrap();
    assert_eq!((&last["count"], &last["version"]), (&0.into(), &10.into()));

    let output = to("2").await;
    assert_eq!(output.status.code(), Some(1));
    let refusal = lines(&output).pop().unwrap()["message"].as_str().unwrap().to_owned();
    for words in ["cannot go back to version 2", "is at 10", "no way down", "restore a backup"] {
        assert!(refusal.contains(words), "{refusal}");
    }

    for unknown in ["3", "9999", "ten"] {
        let output = to(unknown).await;
        assert_eq!(output.status.code(), Some(2), "{unknown}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("1 (todos), 2 (live), 10 (idempotency), 11 (outbox), 12 (by_index)"), "{told}");
    }
    assert!(run("migrate", &[("DATABASE_URL", &url)]).await.status.success());
}

#[tokio::test]
async fn one_that_waits_ends_with_a_signal() {
    let database = TestDatabase::migrated().await;
    let url = database.url();
    let mut connection = database.connect().await;
    let held = connection.transaction().await.unwrap();
    held.batch_execute("LOCK TABLE _sqlx_migrations").await.unwrap();
    let child = command(&["migrate"], &[("DATABASE_URL", &url)]).stdout(Stdio::piped()).spawn().unwrap();
    let waits = async {
        const WAITING: &str = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted \
             AND relation = '_sqlx_migrations'::regclass)";
        while !held.query_one(WAITING, &[]).await.unwrap().get::<_, bool>(0) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap();
    kill_process(Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let last = lines(&output).pop().unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("stopped by SIGTERM"), "{last}");
}

/// What `migrate` says last, on a database that was changed like this after these versions.
async fn refusal(to: &str, change: &'static str) -> String {
    let database = TestDatabase::empty().await;
    let url = database.url();
    assert!(run(&format!("migrate --to {to}"), &[("DATABASE_URL", &url)]).await.status.success());
    database.execute(change).await;
    let output = run("migrate", &[("DATABASE_URL", &url)]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let applied: i64 = database.value("SELECT max(version) FROM _sqlx_migrations").await;
    assert_eq!(applied.to_string(), to, "nothing of what failed is kept");
    lines(&output).pop().unwrap()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_that_fails_is_named_with_its_file_and_line() {
    for (to, change, told) in [
        // What PostgreSQL says the place of, and what only shows when a statement is run.
        (
            "10",
            "ALTER TABLE todos DROP COLUMN due_at",
            "cannot apply migrations/0011_outbox.sql, line 27: column \"due_at\" does not exist",
        ),
        (
            "1",
            "CREATE TABLE deleted_todos ()",
            "cannot apply migrations/0002_live.sql, line 5: relation \"deleted_todos\" already exists",
        ),
        (
            "1",
            "CREATE FUNCTION announce_todo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "cannot apply migrations/0002_live.sql, line 33: function \"announce_todo\" already exists with same \
             argument types",
        ),
    ] {
        let refusal = refusal(to, change).await;
        assert!(refusal.starts_with(told) && refusal.ends_with(". Nothing of it was kept"), "{refusal}");
    }
}
