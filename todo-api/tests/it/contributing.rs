//! What CONTRIBUTING.md says about adding to the service, done as it is said.

mod copy;
mod recipe;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use self::{copy::Copy, recipe::Recipe};
use crate::support::{
    database::TestDatabase,
    process::{Service, client},
};

#[tokio::test]
async fn each_kind_of_addition_is_a_change_of_at_most_two_files_that_works() {
    let recipes = Recipe::all();
    let names: Vec<_> = recipes.iter().map(|recipe| &*recipe.name).collect();
    let known = [
        "a variable",
        "a route",
        "a periodic task",
        "a field of a todo",
        "a process type",
        "a one-off process",
    ];
    assert_eq!(names, known);
    let copy = Copy::new();
    for recipe in &recipes {
        let files: BTreeSet<_> = recipe.steps.iter().map(|step| &step.file).collect();
        assert!(files.len() <= 2, "{} takes more than two files: {files:?}", recipe.name);
        recipe.steps.iter().for_each(|step| copy.follow(step));
    }
    let program = copy.compile();
    let command = |argument: &str| {
        let mut command = Command::new(&program);
        command.arg(argument).env_clear().kill_on_drop(true);
        command
    };

    let described = command("describe").output().await.unwrap();
    let description: Value = serde_json::from_slice(&described.stdout).unwrap();
    for name in ["MOTTO", "clock"] {
        assert!(description.to_string().contains(&format!("\"{name}\"")), "{name} is missing: {description}");
    }
    let database = TestDatabase::migrated().await;
    let migrated = command("migrate").env("DATABASE_URL", database.url()).output().await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let service = Service::run(command("web"), &database.url(), &[]).await;
    service.logged(|line| line["motto"] == "one by one").await;
    assert_eq!(service.get("/api/count").await.text().await.unwrap(), "0");

    let counted = command("count").env("DATABASE_URL", database.url()).output().await.unwrap();
    let line: Value = serde_json::from_slice(&counted.stdout).unwrap();
    assert_eq!((&line["message"], &line["todos"]), (&"counted".into(), &0.into()), "{line}");
    a_field_is_kept(&service).await;
}

/// When it is written, changed, and brought back.
async fn a_field_is_kept(service: &Service) {
    let todos = "/api/todos";
    let send = async |method: Method, path: &str, body: Value| -> Value {
        let answer = client().request(method, service.url(path)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    };
    let made = send(Method::POST, todos, json!({ "title": "Buy milk", "place": "the corner shop" })).await;
    assert_eq!(made["place"], "the corner shop");
    let todo = format!("{todos}/{}", made["id"].as_str().unwrap());
    assert_eq!(send(Method::GET, &todo, json!({})).await, made);
    send(Method::PATCH, &todo, json!({ "place": "the market" })).await;
    send(Method::DELETE, &todo, json!({})).await;
    let restored = send(Method::POST, &format!("{todo}/restore"), json!({})).await;
    assert_eq!(restored["place"], "the market");
    assert_eq!(send(Method::PATCH, &todo, json!({ "place": null })).await["place"], Value::Null);
}
