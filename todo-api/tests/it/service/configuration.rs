//! The environment is the only configuration, and all its errors are reported together.

use serde_json::Value;

use super::{
    database::TestDatabase,
    process::{command, run},
};

const CANARY: &str = "canary-4711";

#[tokio::test]
async fn all_errors_are_reported_together() {
    let url = format!("mysql://user:{CANARY}@localhost/todos");
    let output = run(
        "web",
        &[
            ("DATABASE_URL", &url),
            ("PORT", "eighty"),
            ("LOG_LEVEL", "loud"),
            ("DRAIN_DELAY", "3"),
            ("BIND_ADDRESS", ""),
        ],
    )
    .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let errors = String::from_utf8(output.stderr).unwrap();
    let mut named: Vec<_> = errors.lines().map(|line| line.split(' ').next().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["DATABASE_URL", "DRAIN_DELAY", "LOG_LEVEL", "PORT"]);
    assert!(errors.contains("one of error, warn, info, debug, trace"), "{errors}");
    assert!(!errors.contains(CANARY), "{errors}");
}

#[tokio::test]
async fn what_is_missing_is_told_by_name() {
    let output = run("web", &[("PORT", "")]).await;
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(errors.contains("DATABASE_URL is not set") && errors.contains("PORT is not set"), "{errors}");
}

#[tokio::test]
async fn a_secret_is_neither_logged_nor_shown() {
    let url = TestDatabase::empty().await.url_for_a_stranger(CANARY);
    let output = run("migrate", &[("DATABASE_URL", &url), ("LOG_LEVEL", "trace")]).await;
    assert_eq!(output.status.code(), Some(1));
    let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(all.contains("cannot connect to the database"), "{all}");
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(!all.contains(CANARY), "{all}");
}

#[tokio::test]
async fn bad_usage_is_told_from_failure() {
    for arguments in [&[][..], &["serve"], &["web", "--port=1"]] {
        let output = command(arguments, &[]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert!(command(&["--help"], &[]).output().await.unwrap().status.success());
}

#[tokio::test]
async fn describe_needs_nothing_and_tells_everything() {
    let output = run("describe", &[]).await;
    assert!(output.status.success());
    assert_eq!(output.stdout, run("describe", &[]).await.stdout);
    let contract: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(contract["schema"], 1);
    assert_eq!(contract["service"], "todo-api");
    assert_eq!(contract["migrate"], serde_json::json!(["migrate"]));
    let web = &contract["processes"][0];
    assert_eq!(
        (&web["port"], &web["readiness"], &web["liveness"]),
        (&"PORT".into(), &"/readyz".into(), &"/livez".into())
    );
    assert_eq!(web["address"], "BIND_ADDRESS");

    let worker = &contract["processes"][1];
    assert_eq!((&worker["name"], &worker["port"]), (&"worker".into(), &Value::Null));
    assert_eq!(worker["alive"], serde_json::json!(["worker", "--alive"]));

    let variables = contract["variables"].as_array().unwrap();
    assert!(variables.iter().any(|variable| variable["name"] == contract["connections"]));
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap().clone();
    let mut url = named("DATABASE_URL");
    for words in ["help", "pattern", "expected"] {
        assert!(!url[words].take().as_str().unwrap().is_empty());
    }
    let expected = serde_json::json!(
        {"name": "DATABASE_URL", "type": "url", "pattern": null, "expected": null, "required": true, "secret": true,
         "help": null}
    );
    assert_eq!(url, expected);
    assert_eq!((&named("PORT")["min"], &named("PORT")["max"]), (&0.into(), &65535.into()));
    assert_eq!(named("LOG_LEVEL")["choices"], serde_json::json!(["error", "warn", "info", "debug", "trace"]));
    assert_eq!(named("DATABASE_STATEMENT_TIMEOUT")["default"], "1s");
    assert_eq!(named("WEBHOOK_URL")["needs"], serde_json::json!(["WEBHOOK_SECRET"]));
    assert_eq!(named("DRAIN_DELAY")["max"], "1440m");
    assert_eq!(variables.len(), 25);
}
