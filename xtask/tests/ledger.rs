//! The ledger: releases appear whole or not at all, in one chain, and never change.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use support::{
    checkout::Checkout,
    faults::{killed_at, moments},
    needs,
    template::copy,
};
use xtask_contract::ledger::Verified;

const RELEASE: [&str; 3] = ["release", "--env", "local"];

#[test]
fn a_release_is_read_only_and_bears_the_checksums_of_its_files() {
    let checkout = Checkout::built();
    for (env, files) in [
        ("local", &["SHA256SUMS", "release.toml"][..]),
        ("dev", &["SHA256SUMS", "objects.yaml", "release.toml"]),
    ] {
        let outcome = checkout.xtask(["release", "--env", env, "--json"]).run().done();
        let folder = checkout.path(&outcome.text("path"));
        assert_eq!(outcome.text("path"), format!("releases/{env}/{}", outcome.text("id")));
        assert_eq!(names(&folder), files);
        assert_eq!(mode(&folder), 0o555);
        assert!(files.iter().all(|file| mode(&folder.join(file)) == 0o444));
        let check = run_in(&folder, &["sha256sum", "--check", "--strict", "SHA256SUMS"]);
        assert_eq!(check.lines().count(), files.len() - 1);
    }
}

#[test]
fn each_release_is_later_than_the_one_before_and_names_it() {
    let checkout = Checkout::built();
    // Two in one second: the second one waits for the next.
    let made = [(); 2].map(|()| checkout.xtask(RELEASE).args(["--json"]).run().done());
    let releases = checkout.releases("local");
    assert_eq!(releases.len(), 2);
    assert_is_a_chain(&releases);
    for (outcome, verified) in made.iter().zip(&releases) {
        assert_eq!(outcome.text("id"), verified.release.id.to_string());
        assert_eq!(outcome.text("digest"), verified.digest.to_string());
        assert_eq!(outcome.text("image"), verified.release.image.digest.to_string());
        let form: String =
            outcome.text("id").chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(form, "0000-00-00-00:00:00");
    }
}

#[test]
fn ten_releases_at_once_become_one_chain() {
    let checkout = Checkout::built();
    let running: Vec<_> = (0..10).map(|_| checkout.xtask(RELEASE).args(["--json"]).start()).collect();
    let told: BTreeSet<String> =
        running.into_iter().map(|one| one.ends_within(support::PATIENCE).done().text("id")).collect();
    let releases = checkout.releases("local");
    let found: BTreeSet<String> = releases.iter().map(|verified| verified.release.id.to_string()).collect();
    assert_eq!((told.len(), told), (10, found));
    assert_is_a_chain(&releases);
}

#[test]
fn what_is_wrong_with_a_config_is_said_all_at_once_and_releases_nothing() {
    let checkout = Checkout::built();
    checkout.edit_deploy("local", |deploy| {
        deploy.config.remove("PORT");
        deploy.config.insert("LOG_LEVLE".into(), xtask_contract::deploy::Text("info".into()));
        deploy.config.insert("REQUEST_TIMEOUT".into(), xtask_contract::deploy::Text("soon".into()));
    });
    let outcome = checkout.xtask(RELEASE).run().refused("PORT is missing");
    outcome.says("LOG_LEVLE is unknown").says("did you mean LOG_LEVEL?").says("REQUEST_TIMEOUT must be");
    assert!(checkout.releases("local").is_empty());
}

#[test]
fn an_altered_release_does_not_run() {
    let checkout = Checkout::built();
    for env in ["local", "dev"] {
        checkout.xtask(["release", "--env", env]).run().done();
        let folder = checkout.newest(env);
        for file in names(&folder) {
            // An altered list cannot be told from an altered file; but it is refused as well.
            let about = if file == "SHA256SUMS" { "" } else { &file };
            let path = folder.join(&file);
            let altered = |alter: &dyn Fn(&Path)| refuses_after(&checkout, env, &path, alter, about);
            altered(&|path| fs::write(path, [fs::read(path).unwrap(), b"\n".to_vec()].concat()).unwrap());
            altered(&|path| fs::write(path, "").unwrap());
            altered(&|path| fs::remove_file(path).unwrap());
        }
        let more = folder.join("more.yaml");
        refuses_after(&checkout, env, &more, &|path| fs::write(path, "").unwrap(), "more.yaml");
    }
    let state = checkout.path(".xtask");
    assert_eq!(names(&state), ["identity"], "something was started, or left behind");
}

#[test]
fn a_release_whose_past_was_altered_does_not_run() {
    let checkout = Checkout::released();
    let first = checkout.newest("local");
    checkout.xtask(RELEASE).run().done();
    // Even if its checksums were made to fit.
    let text = fs::read_to_string(first.join("release.toml")).unwrap();
    writable(&first);
    fs::write(first.join("release.toml"), text.replace("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\""))
        .unwrap();
    fs::write(first.join("SHA256SUMS"), run_in(&first, &["sha256sum", "release.toml"])).unwrap();
    checkout.xtask(["run"]).run().refused("it follows");
    checkout.xtask(RELEASE).run().refused("it follows");
}

#[test]
fn a_rollback_is_a_new_release_with_the_image_and_the_config_of_before() {
    let checkout = Checkout::released();
    checkout.configure("local", "LOG_LEVEL", "debug");
    checkout.xtask(RELEASE).run().done();
    checkout.configure("local", "LOG_LEVEL", "warn");
    let made = checkout.xtask(["rollback", "--no-run", "--json"]).run().done();

    let releases: Vec<_> = checkout.releases("local").into_iter().map(|verified| verified.release).collect();
    let [first, second, third] = &releases[..] else { panic!("{releases:?}") };
    assert_eq!(made.text("id"), third.id.to_string());
    assert_eq!(third.rollback_to, Some(first.id));
    assert_eq!((&third.image, &third.config, &third.secrets), (&first.image, &first.config, &first.secrets));
    assert_eq!((third.sequence, &second.config["LOG_LEVEL"]), (3, &"debug".to_owned()));
    assert_is_a_chain(&checkout.releases("local"));

    let list = checkout.xtask(["releases", "--json"]).run().done();
    let changes = |row: usize| list.json()[row]["changes"].clone();
    assert_eq!(changes(0), json!([format!("rollback to {}", first.id), "config: LOG_LEVEL"]));
    assert_eq!((changes(1), changes(2)), (json!(["config: LOG_LEVEL"]), json!(["first release"])));
}

#[test]
fn there_is_no_going_back_to_nothing_or_to_what_is_newest() {
    let checkout = Checkout::released();
    checkout.xtask(["rollback", "--no-run"]).run().refused("there is none to go back to");
    let newest = checkout.ids("local")[0].to_string();
    checkout.xtask(["rollback", "--no-run", &newest]).run().refused("it is the newest release already");
    assert_eq!(checkout.ids("local").len(), 1);
}

#[test]
fn an_objects_file_of_a_rollback_is_that_of_before_under_a_new_id() {
    let checkout = Checkout::built();
    for level in ["info", "debug"] {
        checkout.configure("dev", "LOG_LEVEL", level);
        checkout.xtask(["release", "--env", "dev"]).run().done();
    }
    checkout.xtask(["rollback", "--env", "dev", "--no-run"]).run().done();
    let [first, _, third] = &checkout.releases("dev")[..] else { panic!("three releases were made") };
    let under = |verified: &Verified| {
        let id = verified.release.id;
        let objects = verified.objects.clone().unwrap();
        assert!(objects.contains(&id.to_string()) && objects.contains(&id.as_name()));
        objects.replace(&id.to_string(), "ID").replace(&id.as_name(), "ID")
    };
    assert_eq!(under(first), under(third));
}

#[test]
fn killed_at_any_step_the_first_release_leaves_nothing_in_the_way() {
    let checkout = Checkout::built();
    dies_at_every_step(&checkout);
}

#[test]
fn killed_at_any_step_a_further_release_leaves_the_old_ledger_or_the_new_one() {
    let checkout = Checkout::released();
    dies_at_every_step(&checkout);
}

/// Kills `release` at every moment at which it is about to do something to a file, each time from the same state.
fn dies_at_every_step(checkout: &Checkout) {
    if !needs::strace() {
        return;
    }
    let before = checkout.ids("local");
    let state = State::save(checkout);
    let moments = moments(checkout, RELEASE);
    assert!(moments.len() > 20, "only {moments:?} were seen");
    let mut outcomes = BTreeSet::new();
    for moment in &moments {
        state.restore();
        killed_at(checkout, moment, RELEASE);
        let after = checkout.ids("local");
        assert!(after.starts_with(&before) && after.len() <= before.len() + 1, "{moment:?}: {after:?}");
        outcomes.insert(after.len() - before.len());

        checkout.xtask(RELEASE).run().done();
        let releases = checkout.releases("local");
        assert_eq!(releases.len(), after.len() + 1, "{moment:?}");
        assert_is_a_chain(&releases);
        let listed: Vec<String> = releases.iter().map(|verified| verified.release.id.to_string()).collect();
        assert_eq!(names(&checkout.path("releases/local")), listed, "{moment:?} left something behind");
    }
    assert_eq!(
        outcomes,
        BTreeSet::from([0, 1]),
        "both ledgers, the old one and the new one, must have been seen"
    );
}

/// All that `release` writes to, saved beside the checkout.
struct State<'a> {
    checkout: &'a Checkout,
    saved: PathBuf,
}

impl<'a> State<'a> {
    const PARTS: [&'static str; 3] = ["releases", ".xtask", "k8s"];

    fn save(checkout: &'a Checkout) -> Self {
        let saved = checkout.around().join("saved");
        fs::create_dir(&saved).unwrap();
        let parts = Self::PARTS.map(|part| checkout.path(part));
        parts.iter().filter(|part| part.exists()).for_each(|part| copy(part, &saved));
        Self { checkout, saved }
    }

    fn restore(&self) {
        for part in Self::PARTS {
            let path = self.checkout.path(part);
            if path.exists() {
                writable(&path);
                fs::remove_dir_all(&path).unwrap();
            }
            if self.saved.join(part).exists() {
                copy(&self.saved.join(part), &self.checkout.root);
            }
        }
    }
}

/// Alters a file of the newest release, sees that `run` refuses it and says this, and undoes it.
#[track_caller]
fn refuses_after(checkout: &Checkout, env: &str, path: &Path, alter: &dyn Fn(&Path), words: &str) {
    let folder = path.parent().unwrap();
    writable(folder);
    let original = fs::read(path).ok();
    alter(path);
    checkout.xtask(["run", "--env", env]).run().refused("verifying the release").says(words);
    match original {
        Some(content) => fs::write(path, content).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

#[track_caller]
fn assert_is_a_chain(releases: &[Verified]) {
    for (place, verified) in releases.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| &releases[place]);
        assert_eq!(verified.release.sequence, place as u64 + 1);
        assert_eq!(verified.release.previous, before.map(Verified::link));
        assert!(before.is_none_or(|before| before.release.id < verified.release.id));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Makes a folder and all in it writable, as somebody does who means to alter it.
fn writable(path: &Path) {
    run_in(path, &["chmod", "-R", "u+w", "."]);
}

/// Runs a command in a folder to its good end and gives back what it printed.
#[track_caller]
fn run_in(folder: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command:?} in {}: {output:?}", folder.display());
    String::from_utf8(output.stdout).unwrap()
}
