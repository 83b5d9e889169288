//! `check` looks at everything, and tells all that is wrong with what to do about it.

use std::process::Output;

use serde_json::Value;

use super::{
    database::TestDatabase,
    process::{lines, run},
};

async fn check(url: &str, variables: &[(&str, &str)]) -> Output {
    let mut all = vec![("DATABASE_URL", url), ("PORT", "0")];
    all.extend(variables);
    run("check", &all).await
}

/// The lines about one thing.
fn about<'a>(lines: &'a [Value], check: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["check"] == check).collect()
}

/// What is wrong, each with what to do next.
fn wrong(output: &Output) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = lines(output);
    let wrong = all.iter().filter(|line| line["level"] == "ERROR" && line["check"].is_string());
    wrong.map(|line| (text(&line["check"]), text(&line["message"]), text(&line["next"]))).collect()
}

#[tokio::test]
async fn where_all_is_well_each_thing_has_a_line() {
    let database = TestDatabase::migrated().await;
    // Its lines are its result, whatever else is logged.
    let output = check(&database.url(), &[("LOG_LEVEL", "error")]).await;
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty());
    let lines = lines(&output);
    let told: Vec<_> = lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(told, ["config", "database", "session", "schema", "clock", "connections"]);
    let message = |check| about(&lines, check)[0]["message"].as_str().unwrap().to_owned();
    assert!(message("database").contains("PostgreSQL 1"), "{lines:?}");
    assert!(message("schema").ends_with("1, 2, 10, 11, 12"), "{lines:?}");
    assert!(message("clock").contains("ms"), "{lines:?}");
    assert!(message("connections").contains("a process may hold 10"), "{lines:?}");
}

#[tokio::test]
async fn all_errors_are_reported_together() {
    let database = TestDatabase::empty().await;
    assert!(run("migrate --to 10", &[("DATABASE_URL", &database.url())]).await.status.success());
    database.execute("UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 2").await;
    // The first `clock_timestamp` that is found says what the time is.
    let name = database.name();
    let slow = format!(
        "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
             $$ SELECT pg_catalog.clock_timestamp() - interval '1 minute' $$; \
         ALTER DATABASE {name} SET search_path = public, pg_catalog"
    );
    database.execute(&slow).await;

    let output = check(
        &database.url(),
        &[("DATABASE_MAX_CONNECTIONS", "1000"), ("PORT", "many"), ("HEAD_TIMEOUT", "x")],
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
    let wrong = wrong(&output);
    let named: Vec<_> = wrong.iter().map(|(check, ..)| check.as_str()).collect();
    assert_eq!(named, ["config", "config", "schema", "clock", "connections"], "{wrong:#?}");
    for ((_, why, next), words) in wrong.iter().zip([
        "PORT is \"many\"",
        "HEAD_TIMEOUT is \"x\"",
        "applied from another text: 2; lacking: 11, 12; applied: 1, 10",
        "ms behind this machine's",
        "one process may hold 1000 connections",
    ]) {
        assert!(why.contains(words), "{why}");
        assert!(!next.is_empty(), "{why}");
    }
    let last = lines(&output).pop().unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("wrong: 5"), "{last}");
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_hides_nothing_else() {
    let url = TestDatabase::empty().await.url_for_a_stranger("canary-4711");
    let output = check(&url, &[("METRICS_PORT", "-1")]).await;
    assert_eq!(output.status.code(), Some(1));
    let wrong = wrong(&output);
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    assert!(wrong[0].1.starts_with("METRICS_PORT") && wrong[1].1.contains("cannot connect"), "{wrong:#?}");
    assert!(wrong[1].2.contains("DATABASE_URL"), "{wrong:#?}");
    let lines = lines(&output);
    for check in ["session", "schema", "clock", "connections"] {
        assert!(
            about(&lines, check)[0]["message"].as_str().unwrap().starts_with("not looked at"),
            "{lines:#?}"
        );
    }
    assert!(!String::from_utf8(output.stdout).unwrap().contains("canary"));
}

#[tokio::test]
async fn without_any_configuration_every_thing_has_its_line_all_the_same() {
    let output = run("check", &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let wrong = wrong(&output);
    assert_eq!(wrong.iter().filter(|(check, ..)| check == "config").count(), 2, "{wrong:#?}");
    assert_eq!(about(&lines(&output), "database").len(), 1);
    assert_eq!(about(&lines(&output), "clock").len(), 1);
}

#[tokio::test]
async fn a_database_that_takes_no_changes_is_told() {
    let database = TestDatabase::migrated().await;
    let name = database.name();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    database.execute(&read_only).await;
    let wrong = wrong(&check(&database.url(), &[]).await);
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert!(wrong[0].1.contains("read-only"), "{wrong:#?}");
}
