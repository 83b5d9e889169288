//! What CONTRIBUTING.md says about adding to the service, done as it is said.

mod copy;
mod recipe;

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::process::Command;

use self::{copy::Copy, recipe::Recipe};
use crate::support::{database::TestDatabase, process::Service};

#[tokio::test]
async fn each_kind_of_addition_is_a_change_of_at_most_two_files_that_works() {
    let recipes = Recipe::all();
    let names: Vec<_> = recipes.iter().map(|recipe| &*recipe.name).collect();
    assert_eq!(names, ["a variable", "a route", "a periodic task", "a process type", "a one-off process"]);
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
    let service = Service::run(command("web"), &database.url(), &[]).await;
    service.logged(|line| line["motto"] == "one by one").await;
    assert_eq!(service.get("/api/count").await.text().await.unwrap(), "0");

    let counted = command("count").env("DATABASE_URL", database.url()).output().await.unwrap();
    let line: Value = serde_json::from_slice(&counted.stdout).unwrap();
    assert_eq!((&line["message"], &line["todos"]), (&"counted".into(), &0.into()), "{line}");
}
