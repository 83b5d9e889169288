//! Variables that are sealed.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::json;
use xtask_contract::{Identity, Recipient, SealedSecrets};

use super::{beside_the_deploys, text};
use crate::support::{
    checkout::{Checkout, name},
    faults::{moments_of, prepared_killed_at},
    needs,
    terminal::Terminal,
};

const SECRETS: &str = "k8s/envs/local.secrets.toml";
/// It is in no file of the checkout, as this one is.
const CANARY: &str = concat!("a-canary", "-4711");
const SEAL: [&str; 4] = ["config", "set", "--secret", "TOKEN"];

#[test]
fn a_secret_comes_by_standard_input_and_shows_nowhere() {
    let checkout = Checkout::with_image();
    let url = format!("postgres://todo:{CANARY}@h/todo");
    let seal = ["config", "set", "--secret", "DATABASE_URL"];
    let outcome = checkout.xtask(seal).input(&format!("{url}\n")).run().done();
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
    outcome
        .says("DATABASE_URL leads to local's own server; `cargo xtask services attach postgres --env local`")
        .prints("sealed DATABASE_URL in k8s/envs/local.secrets.toml; the next release of local carries it\n");
    assert_eq!(checkout.secret("local", "DATABASE_URL").expose(), url);

    checkout.xtask(["config", "get", "DATABASE_URL"]).run().refused("--reveal");
    checkout.xtask(["config", "get", "DATABASE_URL", "--reveal"]).run().done().prints(&format!("{url}\n"));
    let listed = checkout.xtask(["config", "--json"]).run().done();
    checkout.xtask(["release", "--env", "local"]).run().done();
    assert!(!listed.stdout.contains(CANARY));
    assert_in_no_file(&checkout.root, CANARY);
}

#[test]
fn a_value_that_makes_no_sense_is_noted_or_refused_and_not_repeated() {
    let checkout = Checkout::with_image();
    let seal = |args: &[&str], value: &str| checkout.xtask(["config", "set"]).args(args).input(value).run();
    seal(&["--secret", "TOKEN"], "\n").refused("its value is empty");
    seal(&["--secret", "TOKEN"], "a\0b").refused("zero byte");
    let unseen = seal(&["--secret", "OTHER"], &format!("\u{feff}{CANARY}\r\n")).done();
    let unseen = unseen.says("byte order mark").says("carriage returns, as lines of Windows end");
    assert!(!unseen.stderr.contains(CANARY), "{}", unseen.stderr);
    checkout.xtask(["config", "unset", "OTHER"]).run().done();
    fs::remove_file(checkout.path(SECRETS)).unwrap();
    let said =
        seal(&["--secret", &format!("TOKEN={CANARY}")], "").exits(2).says("a secret is no argument").stderr;
    assert!(!said.contains(CANARY), "{said}");
    assert!(!checkout.path(SECRETS).exists());

    let outcome = seal(&["--secret", "DATABASE_URL"], CANARY).done().says("DATABASE_URL must be a URL");
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
    let outcome = checkout.xtask(["release", "--env", "local"]).run().refused("DATABASE_URL must be a URL");
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
    // Somebody who cannot open it can release, and would be told by `run`.
    fs::remove_file(checkout.path(".xtask/identity")).unwrap();
    checkout.xtask(["release", "--env", "local"]).run().done();
}

#[test]
fn sealing_takes_the_variable_out_of_the_clear_and_unsetting_out_of_both() {
    let checkout = Checkout::without_source();
    let before = text(&checkout, "k8s/envs/local.toml");
    checkout.xtask(["config", "set", &format!("TOKEN={CANARY}")]).run().done();
    let outcome = checkout.xtask(SEAL).input(CANARY).run().done().says("TOKEN stood in the clear");
    outcome.prints(
        "sealed TOKEN in k8s/envs/local.secrets.toml and k8s/envs/local.toml; the next release of local carries it\n",
    );
    assert_eq!(text(&checkout, "k8s/envs/local.toml"), before);
    assert_in_no_file(&checkout.root, CANARY);
    checkout
        .xtask(["config", "set", "TOKEN=x"])
        .run()
        .refused("TOKEN is sealed in k8s/envs/local.secrets.toml");
    let outcome = checkout.xtask(["config", "unset", "TOKEN", "LOG_LEVEL", "--json"]).run().done();
    assert_eq!(outcome.json()["files"], json!([SECRETS, "k8s/envs/local.toml"]));
    checkout.xtask(["config", "get", "TOKEN"]).run().refused("there is no such variable");
}

#[test]
fn at_a_terminal_a_secret_is_asked_for_and_not_shown() {
    let checkout = Checkout::without_source();
    let mut terminal = Terminal::new();
    let child = checkout.xtask(SEAL).start_at(&terminal);
    terminal.shows("TOKEN (it is not shown): ");
    assert!(!terminal.echoes());
    terminal.types(&format!("{CANARY}y\u{7f}\n"));
    terminal.shows("sealed TOKEN in");
    assert!(terminal.echoes(), "the terminal was not set right");
    let (status, shown) = terminal.sees_end_of(child);
    assert!(status.success() && !shown.contains(CANARY), "{shown}");
    assert_eq!(checkout.secret("local", "TOKEN").expose(), CANARY);

    let mut terminal = Terminal::new();
    let child = checkout.xtask(SEAL).start_at(&terminal);
    terminal.shows("TOKEN (it is not shown): ");
    terminal.types("another\u{3}");
    terminal.shows("it was interrupted");
    assert!(terminal.echoes(), "the terminal was not set right");
    assert_eq!(terminal.sees_end_of(child).0.code(), Some(3));
    assert_eq!(checkout.secret("local", "TOKEN").expose(), CANARY);
}

#[test]
fn rekeying_lets_one_in_and_another_one_out() {
    let (checkout, other) = (Checkout::without_source(), Checkout::without_source());
    checkout.xtask(SEAL).input(CANARY).run().done();
    let [mine, theirs] =
        [&checkout, &other].map(|one| Identity::of_this_machine(&one.repo()).unwrap().recipient());
    let sealed_to = |recipients: &[&Recipient]| {
        checkout.edit_deploy("local", |deploy| {
            deploy.policy.recipients = recipients.iter().copied().cloned().collect();
        });
        let rekeyed = checkout.xtask(["config", "rekey"]).run();
        let secrets = SealedSecrets::read(&checkout.repo(), &name("local")).unwrap().unwrap();
        (rekeyed, secrets)
    };
    let (outcome, secrets) = sealed_to(&[&mine, &theirs]);
    outcome.done().prints(&format!(
        "sealed TOKEN anew in {SECRETS}, to {mine} and {theirs}; the next release of local carries it\n"
    ));
    let their_identity = Identity::at_hand(&other.repo()).unwrap();
    assert_eq!(secrets.open("TOKEN", their_identity.as_ref()).unwrap().unwrap().expose(), CANARY);

    let (outcome, alone) = sealed_to(&[&theirs]);
    let outcome = outcome.done();
    assert!(outcome.stdout.contains(&format!("{mine} knew the values: change them")), "{}", outcome.stdout);
    assert_ne!(
        alone.values["TOKEN"].commitment, secrets.values["TOKEN"].commitment,
        "the key is the old one"
    );
    let (outcome, unchanged) = sealed_to(&[&mine]);
    outcome.refused(&format!("it is sealed to {theirs}; the identity at hand is {mine}"));
    assert_eq!(unchanged, alone);
    checkout.xtask(["config", "get", "TOKEN", "--reveal"]).run().refused(&theirs.to_string());
    checkout.xtask(["config", "rekey", "--env", "dev"]).run().refused("it has none yet");
}

#[test]
fn killed_at_any_step_sealing_is_mended_by_the_same_command() {
    if !needs::strace() {
        return;
    }
    let checkout = Checkout::without_source();
    let clear = checkout.path("k8s/envs/local.toml");
    let bare = fs::read_to_string(&clear).unwrap();
    checkout.xtask(["config", "set", &format!("TOKEN={CANARY}")]).run().done();
    let in_the_clear = fs::read_to_string(&clear).unwrap();
    let restore = || {
        fs::write(&clear, &in_the_clear).unwrap();
        let _ = fs::remove_file(checkout.path(SECRETS));
        let _ = fs::remove_dir_all(checkout.path(".xtask"));
    };
    let moments = moments_of(&checkout, |xtask| xtask.args(SEAL).input(CANARY));
    assert!(moments.len() > 10, "only {moments:?} were seen");
    let mut outcomes = BTreeSet::new();
    for moment in &moments {
        restore();
        prepared_killed_at(&checkout, moment, |xtask| xtask.args(SEAL).input(CANARY));
        let in_clear = fs::read_to_string(&clear).unwrap();
        assert!([&bare, &in_the_clear].contains(&&in_clear), "{moment:?} left half a file");
        let sealed = checkout.path(SECRETS).exists();
        assert!(sealed || in_clear == in_the_clear, "{moment:?} lost the value");
        outcomes.insert((in_clear == in_the_clear, sealed));

        checkout.xtask(SEAL).input(CANARY).run().done();
        assert_eq!(fs::read_to_string(&clear).unwrap(), bare, "{moment:?}");
        assert_eq!(checkout.secret("local", "TOKEN").expose(), CANARY, "{moment:?}");
        let files = ["dev.toml", "local.secrets.toml", "local.toml", "prod.toml"];
        assert_eq!(beside_the_deploys(&checkout), files, "{moment:?} left something behind");
    }
    let all = [(true, false), (true, true), (false, true)];
    assert_eq!(outcomes, BTreeSet::from(all), "before, in between and afterwards must have been seen");
    assert_in_no_file(&checkout.root, CANARY);
}

/// No file below a folder holds this text.
#[track_caller]
fn assert_in_no_file(folder: &Path, text: &str) {
    let mut ahead = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(path) = ahead.pop() {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if kind.is_file() {
            files += 1;
            let content = fs::read(&path).unwrap();
            let found = content.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "it is in {}", path.display());
        }
    }
    assert!(files > 3, "{} is no checkout", folder.display());
}
