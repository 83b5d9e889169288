//! Behind a pooler no session lasts, or its settings are lost: which of them is told, and nothing is done there.

use serde_json::Value;

use super::{
    database::TestDatabase,
    process::{Service, lines, run},
};
use crate::support::pooler::{Manner, Pooler};

/// Each drops what the service sets for a session, or refuses to be given it.
const DROPPING: [Manner; 3] = [
    Manner { mode: "transaction", ignores: "extra_float_digits, options", begins: "SELECT 1" },
    Manner { mode: "transaction", ignores: "extra_float_digits", begins: "SELECT 1" },
    Manner { mode: "session", ignores: "extra_float_digits, options", begins: "SELECT 1" },
];

/// It knows what the service sets, and still has no sessions.
const KNOWING: Manner = Manner { begins: "SET todo_api.session TO lasts", ..DROPPING[0] };

/// In session mode a session lasts, and in any mode one without its settings is no good.
fn tells_which(told: &str, manner: Manner) {
    let knows = manner.begins == KNOWING.begins;
    assert!(told.contains("pooler"), "{told}");
    assert_eq!(told.contains("no session lasts"), knows, "{told}");
    assert_eq!(told.contains("settings"), !knows, "{told}");
}

#[tokio::test]
async fn nothing_is_migrated_by_way_of_a_pooler() {
    for manner in DROPPING.into_iter().chain([KNOWING]) {
        let database = TestDatabase::empty().await;
        let Some(pooler) = Pooler::before(&database, manner).await else { return };
        let output = run("migrate", &[("DATABASE_URL", &pooler.url())]).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = lines(&output).pop().unwrap()["message"].as_str().unwrap().to_owned();
        for words in ["pooler", "PgBouncer", "let DATABASE_URL name PostgreSQL itself"] {
            assert!(told.contains(words), "{told}");
        }
        tells_which(&told, manner);
        let tables: i64 = database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await;
        assert_eq!(tables, 0);
    }
}

#[tokio::test]
async fn a_check_names_the_pooler_and_what_to_do() {
    for manner in DROPPING.into_iter().chain([KNOWING]) {
        let database = TestDatabase::migrated().await;
        let Some(pooler) = Pooler::before(&database, manner).await else { return };
        let output = run("check", &[("DATABASE_URL", &pooler.url()), ("PORT", "0")]).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let lines = lines(&output);
        let wrong: Vec<&Value> =
            lines.iter().filter(|line| line["level"] == "ERROR" && line["check"].is_string()).collect();
        assert_eq!(wrong.len(), 1, "{wrong:#?}");
        tells_which(wrong[0]["message"].as_str().unwrap(), manner);
        assert!(wrong[0]["next"].as_str().unwrap().contains("PostgreSQL itself"), "{wrong:#?}");
    }
}

#[tokio::test]
async fn no_process_is_ready_behind_a_pooler() {
    for manner in DROPPING {
        let database = TestDatabase::migrated().await;
        let Some(pooler) = Pooler::before(&database, manner).await else { return };
        let service = Service::start(&pooler.url(), &[]).await;
        let response = service.get("/readyz").await;
        assert_eq!(response.status(), 503);
        let problem: Value = response.json().await.unwrap();
        tells_which(problem["detail"].as_str().unwrap(), manner);
    }
}
