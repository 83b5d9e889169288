//! What is said of a machine that lacks what it takes.

use std::fs;

use crate::support::{checkout::Checkout, command::Xtask};

/// A call on a machine with no programs but those that no search finds.
fn on_a_bare_machine(checkout: &Checkout, args: &[&str]) -> Xtask {
    let nothing = checkout.around().join("nothing");
    fs::create_dir_all(&nothing).unwrap();
    checkout.xtask([]).args(args).env("PATH", nothing)
}

#[test]
fn doctor_names_what_is_missing_and_the_command_that_brings_it() {
    let checkout = Checkout::without_source();
    let outcome = on_a_bare_machine(&checkout, &["doctor"]).run().exits(1);
    assert!(
        outcome.stdout.contains("lacks  git ") && outcome.stdout.contains("there is no command `git`"),
        "{outcome:?}"
    );
    outcome.says("it lacks git, C compiler").says("next: `cargo xtask setup --tags base,");

    let outcome = on_a_bare_machine(&checkout, &["doctor", "--json"]).run().exits(1);
    let git = outcome.json()["tools"][0].clone();
    assert_eq!((&git["name"], &git["version"]), (&"git".into(), &serde_json::Value::Null));
    assert!(outcome.json()["next"].as_str().unwrap().contains("cargo xtask setup"), "{outcome:?}");
}

#[test]
fn doctor_tells_the_versions_of_what_is_there() {
    let checkout = Checkout::fresh();
    let outcome = checkout.xtask(["doctor", "--json"]).run();
    let tools = outcome.json()["tools"].clone();
    for name in ["git", "C compiler", "Rust", "PostgreSQL server"] {
        let tool = tools.as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap();
        assert!(tool["version"].as_str().is_some_and(|version| version.contains('.')), "{tool}");
    }
}

#[test]
fn setup_without_python_says_what_to_install() {
    let checkout = Checkout::without_source();
    on_a_bare_machine(&checkout, &["setup"]).run().refused("this project has no ansible/setup.yaml");
    std::fs::create_dir(checkout.path("ansible")).unwrap();
    std::fs::write(checkout.path("ansible/setup.yaml"), "[]\n").unwrap();
    let outcome = on_a_bare_machine(&checkout, &["setup", "--check"]).run().exits(1);
    outcome
        .says("installing ansible-core for this checkout")
        .says("next: `sudo apt-get install python3-venv`");
}
