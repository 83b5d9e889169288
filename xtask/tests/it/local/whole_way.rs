//! `up`, `down`, and `run` where there is less than usual.

use std::{env, fs, path::PathBuf};

use serde_json::json;

use crate::support::{
    checkout::Checkout,
    command::{PROGRAM, Xtask},
    http,
    image::{Image, holds},
    needs,
};

#[test]
fn a_todo_outlives_down_and_up() {
    let checkout = Checkout::built();
    let mut up = checkout.xtask(["up", "--json"]).start();
    let first = up.announces();
    let address = http::add(checkout.port(), "Buy milk");
    let down = checkout.xtask(["down", "--json"]).run().done();
    assert_eq!(down.json(), json!({ "env": "local", "stopped": true, "data": "kept" }));
    let ended = up.ends_within(crate::support::PATIENCE).done();
    assert_eq!(ended.json(), first, "the announcement is all of its standard output");

    let mut up = checkout.xtask(["up", "--json"]).start();
    let second = up.announces();
    assert_eq!(http::get(checkout.port(), &address)["title"], "Buy milk");
    up.stops().done().says("nothing is new since the release");

    let [id] = checkout.ids("local")[..] else { panic!("a release was made though nothing was new") };
    let url = format!("http://localhost:{}", checkout.port());
    for document in [first, second] {
        let expected = [("release", json!(id)), ("env", json!("local")), ("status", json!("started"))];
        for (key, value) in expected.into_iter().chain([("url", json!(url)), ("replaced", json!(null))]) {
            assert_eq!(document[key], value, "{key} of {document}");
        }
        assert!(document["elapsed_ms"].is_u64());
    }
}

#[test]
fn data_are_deleted_only_when_that_is_asked_for() {
    let checkout = Checkout::with_database();
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let address = http::add(checkout.port(), "Forget me");
    let refused = checkout.xtask(["down", "--data"]).run().refused("there is no terminal to answer at");
    refused.says("of local, this deletes for good:\n  - its database in ").says("next: answer with --yes");
    assert_eq!(http::get(checkout.port(), &address)["title"], "Forget me", "nothing was changed");
    let down = checkout.xtask(["down", "--data", "--yes", "--json"]).run().done();
    assert_eq!(down.json(), json!({ "env": "local", "stopped": true, "data": "deleted" }));
    run.ends_within(crate::support::PATIENCE).done();

    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    let mut connection = http::Connection::open(checkout.port()).unwrap();
    assert_eq!(connection.request(&format!("GET {address}"), "", false).unwrap().status, 404);
    run.stops().done();
}

#[test]
fn no_secret_is_in_a_file_a_log_or_an_output() {
    let checkout = Checkout::built().and_database();
    checkout.configure("local", "LOG_LEVEL", "trace");
    let built = checkout.xtask(["build", "--json"]).run().done();
    let released = checkout.xtask(["release", "--env", "local", "--json"]).run().done();
    let mut run = checkout.xtask(["run"]).start();
    run.says("listening");
    http::add(checkout.port(), "Something to log");
    let ran = run.stops();
    assert!(ran.stderr.contains("/api/todos"), "the log has the request: {}", ran.stderr);

    let url = checkout.secret("local", "DATABASE_URL");
    let password = url.expose().split([':', '@']).nth(2).unwrap();
    assert_eq!(password.len(), 32, "the password is what it was taken for");

    for outcome in [&built, &released, &ran] {
        assert!(!outcome.stdout.contains(password) && !outcome.stderr.contains(password));
    }
    let image = Image::read(&checkout.repo(), &built.text("digest"));
    assert!(!image.holds(password));
    for folder in ["releases", "k8s", "target/xtask/builds", ".xtask/local"] {
        let folder = checkout.path(folder);
        let found = files(&folder).into_iter().find(|file| holds(&fs::read(file).unwrap(), password));
        assert_eq!(found, None, "the password is in a file");
    }
}

#[test]
fn run_needs_neither_compiler_nor_source_nor_any_config_but_the_releases() {
    let checkout = Checkout::released().and_database();
    for source in ["chassis", "todo-api", "k8s", "Cargo.lock", "rust-toolchain.toml", ".git"] {
        fs::rename(checkout.path(source), checkout.around().join(source)).unwrap();
    }
    // What marks a checkout as one.
    fs::create_dir_all(checkout.path("k8s/envs")).unwrap();
    let path = env::var_os("PATH").unwrap();
    let without_compiler = env::split_paths(&path)
        .filter(|folder| !["cargo", "rustc", "cc"].iter().any(|program| folder.join(program).exists()));
    let mut run = checkout
        .xtask(["run", "--json"])
        .env("PATH", env::join_paths(without_compiler).unwrap())
        .env("PORT", "1")
        .env("DATABASE_URL", "postgres://not:this@192.0.2.1/one")
        .start();
    let url = run.announces()["url"].as_str().unwrap().to_owned();
    let port = url.trim_start_matches("http://localhost:").parse().unwrap();
    http::add(port, "Made without a compiler");
    run.stops().done();
    for source in ["chassis", "todo-api", "Cargo.lock", "rust-toolchain.toml", ".git"] {
        fs::rename(checkout.around().join(source), checkout.path(source)).unwrap();
    }
    fs::remove_dir_all(checkout.path("k8s")).unwrap();
    fs::rename(checkout.around().join("k8s"), checkout.path("k8s")).unwrap();
}

#[test]
fn an_ordinary_user_needs_nothing_of_roots() {
    // Without root, all other tests show this.
    let Some(user) = needs::root().then(needs::nobody) else { return };
    let checkout = Checkout::with_image();
    let program = checkout.around().join("xtask");
    fs::copy(PROGRAM, &program).unwrap();
    checkout.belongs_to(user);
    let xtask =
        |args: &[&str]| Xtask::with(&program, &checkout.root, &checkout.home).args(args).by_user(user);

    xtask(&["release", "--env", "local"]).run().done();
    let mut run = xtask(&["run", "--json"]).start();
    run.announces();
    let address = http::add(checkout.port(), "Mine");
    xtask(&["down"]).run().done();
    run.ends_within(crate::support::PATIENCE).done();
    let mut run = xtask(&["run", "--json"]).start();
    run.announces();
    assert_eq!(http::get(checkout.port(), &address)["title"], "Mine");
    run.stops().done();
    assert!(checkout.path(".xtask/local/postgres/data").is_dir(), "the data are in the checkout");
}

fn files(path: &PathBuf) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.clone()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}
