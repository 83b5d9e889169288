//! The command line as its users meet it, before anything is built: help, wrong usage, refusals, exit codes, and
//! what goes to standard output.

mod bench;
mod completing;
mod handing_over;
mod machine;
mod tools;

use std::fs;

use crate::support::{checkout::Checkout, command::Xtask, git::git};

#[test]
fn every_verb_explains_itself_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let help = |args: &[&str]| {
        let outcome = Xtask::at(folder.path(), folder.path()).args(args).args(["--help"]).run().done();
        assert_eq!(outcome.stderr, "");
        outcome.stdout
    };
    let overview = help(&[]);
    let (_, list) = overview.split_once("Commands:\n").unwrap();
    let verbs: Vec<&str> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    for known in ["build", "release", "run", "up", "down", "test", "bench"] {
        assert!(verbs.contains(&known), "{known} is missing in {verbs:?}");
    }
    for verb in verbs {
        let help = help(&[verb]);
        assert!(help.contains("Example: ") && help.contains(&format!("cargo xtask {verb}")), "{help}");
    }
}

#[test]
fn wrong_usage_is_named_as_such() {
    let checkout = Checkout::without_source();
    let wrong = |args: &[&str], word: &str| {
        checkout.xtask([]).args(args).run().exits(2).says(word).prints("");
    };
    wrong(&[], "Usage:");
    wrong(&["biuld"], "build");
    wrong(&["admin", "check"], "cargo xtask admin -- check");
    wrong(&["up", "dev"], "cargo xtask up --env dev");
    wrong(&["release", "--env", "../dev"], "a deploy's name is");
    wrong(&["release", "--env", "local", "--build", "sha256:abc"], "is not a digest");
    wrong(&["run", "yesterday"], "is not a release ID");
    wrong(&["logs", "--since", "yesterday"], "an age such as 90s");
    wrong(&["logs", "--grep", "("], "unclosed group");
    wrong(&["logs", "--follow", "--previous"], "cannot be used with");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_but_a_reader_that_has_seen_enough_is_none() {
    let checkout = Checkout::without_source();
    let through = |redirected: &str, args: &[&str]| {
        let shell = format!("set -o pipefail; \"$@\" {redirected}");
        let wrapper = ["bash", "-c", &shell, "bash"];
        Xtask::through(&wrapper, &checkout.root, &checkout.home).args(args).run()
    };
    for args in [
        &["config", "--env", "local"][..],
        &["config", "--env", "local", "--json"],
        &["releases"],
        &["down", "--json"],
        &["completions", "bash"],
        &["manual"],
        &["services"],
        &["--help"],
        &["--version"],
    ] {
        let told = through("> /dev/full", args).exits(1);
        told.says("writing the result to standard output: No space left on device");
        assert_eq!(through("| true", args).done().stderr, "", "{args:?}");
    }
}

#[test]
fn outside_of_a_checkout_it_says_where_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = Xtask::at(folder.path(), folder.path()).args(["build"]).run().exits(2).prints("");
    outcome.says("is not inside a checkout").says("next: change into the checkout");
}

#[test]
fn any_folder_of_the_checkout_will_do() {
    let checkout = Checkout::without_source();
    let outcome = checkout.xtask(["down", "--json"]).from(&checkout.path("k8s/envs")).run().done();
    assert_eq!(outcome.text("env"), "local");
}

#[test]
fn a_deploy_that_is_not_there_is_refused_with_those_that_are() {
    let checkout = Checkout::without_source();
    for verb in ["release", "down"] {
        let outcome = checkout.xtask([verb, "--env", "prdo"]).run();
        outcome.refused("there is no k8s/envs/prdo.toml").says("(dev, local, prod)");
    }
}

#[test]
fn a_deploy_whose_cluster_is_not_named_yet_says_so() {
    let checkout = Checkout::without_source();
    for verb in ["status", "down"] {
        let outcome = checkout.xtask([verb, "--env", "prod"]).run();
        outcome.refused("target.context in its file names none").says("kubectl config get-contexts");
    }
}

#[test]
fn a_stage_refuses_to_do_the_work_of_the_one_before_it() {
    let checkout = Checkout::without_source();
    checkout.xtask(["release", "--env", "local"]).run().refused("run `cargo xtask build`");
    checkout.xtask(["run"]).run().refused("run `cargo xtask release --env local`");
    checkout.xtask(["run", "2011-04-06-20:32:17"]).run().refused("there is no such release");
    let left = ["target", ".xtask", "releases/local", "k8s/envs/local.secrets.toml"];
    for path in left.map(|path| checkout.path(path)) {
        let entries = fs::read_dir(&path).map_or(0, Iterator::count);
        assert!(!path.is_file() && entries == 0, "{} was made by a command that refused", path.display());
    }
}

#[test]
fn standard_output_carries_one_json_document_and_nothing_else() {
    let checkout = Checkout::without_source();
    let outcome = checkout.xtask(["down", "--json"]).run().done();
    assert_eq!(outcome.json(), serde_json::json!({ "env": "local", "stopped": false, "data": "kept" }));
    let outcome = checkout.xtask(["--json", "release", "--env", "local"]).run().exits(3);
    let document = outcome.says("there is no build yet").json();
    assert_eq!((&document["error"]["exit"], &document["error"]["kind"]), (&3.into(), &"not_found".into()));
    assert!(document["error"]["next"].as_str().unwrap().contains("cargo xtask build"), "{document}");
    let outcome = checkout.xtask(["down", "--json", "--bad"]).run().exits(2).says("'--bad' found");
    let error = outcome.json()["error"].clone();
    assert_eq!((&error["exit"], &error["kind"]), (&2.into(), &"usage".into()));
    // What was found is the document of a command that then fails.
    let doctor = checkout.xtask(["doctor", "--json"]).env("PATH", "/nowhere").run().exits(1).json();
    assert!(doctor["tools"].is_array() && doctor["error"].is_null(), "{doctor}");
}

#[test]
fn uncommitted_inputs_are_refused_by_name() {
    let checkout = Checkout::fresh();
    fs::write(checkout.path("README.md"), "no input of a build").unwrap();
    fs::write(checkout.path("todo-api/src/forgotten.rs"), "").unwrap();
    fs::write(checkout.path("rust-toolchain.toml"), "[toolchain]\nchannel = \"1.95.0\" # the same\n")
        .unwrap();
    let outcome = checkout.xtask(["build"]).run();
    let outcome =
        outcome.refused("todo-api/src/forgotten.rs").says("rust-toolchain.toml").says("--allow-dirty");
    assert!(!outcome.stderr.contains("README.md"), "{}", outcome.stderr);
}

#[test]
fn a_clone_without_its_history_is_refused() {
    let checkout = Checkout::fresh();
    // The last commit touches an input, so that it is the clone's whole history that matters.
    fs::write(checkout.path("todo-api/NOTES"), "").unwrap();
    checkout.commit_all("A change of an input");
    let shallow = checkout.around().join("shallow");
    let origin = format!("file://{}", checkout.root.display());
    git(checkout.around()).run(&[
        "clone",
        "--quiet",
        "--depth",
        "1",
        &origin,
        &shallow.display().to_string(),
    ]);
    Xtask::at(&shallow, &checkout.home).args(["build"]).run().refused("run `git fetch --unshallow`");
}

#[test]
fn each_command_has_a_man_page() {
    let checkout = Checkout::without_source();
    let outcome = checkout.xtask(["manual", "--json"]).run().done();
    let man = checkout.path("target/xtask/man");
    assert_eq!(outcome.text("folder"), man.display().to_string());
    let page = fs::read_to_string(man.join("man1/cargo-xtask-run.1")).unwrap();
    for part in [".TH", "cargo xtask run", "keep\\-failed", "Example: ", "EXIT STATUS", "drifted"] {
        assert!(page.contains(part), "{part:?} is missing in {page}");
    }
    assert!(!man.join("man1/cargo-xtask-complete.1").exists(), "nobody is to type it");
}

#[test]
fn the_engine_that_the_docker_command_speaks_to_is_the_one_that_is_asked() {
    let checkout = Checkout::without_source();
    let down = |host: &str| checkout.xtask(["down", "--env", "dev"]).env("DOCKER_HOST", host).run();
    let refused =
        down("tcp://10.0.0.1:2375").refused("DOCKER_HOST names an engine by \"tcp://10.0.0.1:2375\"");
    refused.says("unset DOCKER_HOST");
    let docker = checkout.home.join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), r#"{"currentContext": "gone"}"#).unwrap();
    down("").refused("Docker has no context gone").says("`docker context ls`");
}
