//! Secrets are sealed, and shown nowhere.

use std::{fs, path::Path, process::Command};

use xtask_contract::{Ledger, Secret, deploy::Text};

use super::{RELEASE, names, run_in};
use crate::support::{
    checkout::{Checkout, name},
    command::Outcome,
    git::git,
    http,
    image::{Image, holds},
    needs, postgres,
};

#[test]
fn the_standard_age_command_opens_a_sealed_value() {
    if !needs::age() {
        return;
    }
    let checkout = Checkout::with_release();
    let verified = checkout.releases("local").remove(0);
    let sealed = &verified.release.secrets.as_ref().unwrap().values["DATABASE_URL"].sealed;
    let file = checkout.around().join("sealed.age");
    fs::write(&file, sealed.as_ref()).unwrap();
    let opened = run_in(&checkout.root, &["age", "-d", "-i", ".xtask/identity", &file.display().to_string()]);
    assert_eq!(opened, checkout.secret("local", "DATABASE_URL").expose());
}

#[test]
fn without_the_identity_run_says_which_one_is_needed() {
    let checkout = Checkout::with_database();
    let identity = checkout.path(".xtask/identity");
    let text = fs::read_to_string(&identity).unwrap();
    let needed = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();

    fs::rename(&identity, checkout.around().join("identity")).unwrap();
    let none = checkout.xtask(["run"]).run().refused("opening the secret");
    none.says(&format!("it is sealed to {needed}; this machine has no identity"))
        .says("XTASK_AGE_IDENTITY_FILE");
    assert!(!identity.exists(), "a new identity opens nothing that is there");

    let other = Checkout::with_release();
    let wrong = checkout
        .xtask(["run"])
        .env("XTASK_AGE_IDENTITY_FILE", other.path(".xtask/identity"))
        .run()
        .refused(&format!("it is sealed to {needed}; the identity at hand is age1"));
    assert!(!wrong.stderr.contains("AGE-SECRET-KEY"));

    for (variable, value) in [
        ("XTASK_AGE_IDENTITY_FILE", checkout.around().join("identity").display().to_string()),
        ("XTASK_AGE_IDENTITY", text.clone()),
    ] {
        let mut run = checkout.xtask(["run", "--json"]).env(variable, value).start();
        run.announces();
        run.stops().done();
    }
}

#[test]
fn a_value_in_the_wrong_place_is_refused_and_not_shown() {
    const CANARY: &str = "canary";
    let checkout = Checkout::with_image();
    let variables = ["DATABASE_URL", "LOG_LEVEL", "PORT", "BIND_ADDRESS", "REQUEST_TIMEOUT", "DATABSE_URL"];
    checkout.edit_deploy("local", |deploy| {
        for variable in variables {
            deploy.config.insert(variable.into(), Text(format!("postgres://u:{CANARY}@h/d")));
        }
    });
    let refused = checkout.xtask(RELEASE).run().refused("6 problems");
    for variable in variables {
        assert!(refused.stderr.contains(variable), "{variable}: {refused:?}");
    }
    assert!(refused.stderr.contains("DATABASE_URL is a secret but stands in the clear: it must be sealed"));
    assert!(!refused.stderr.contains(CANARY), "{}", refused.stderr);
}

#[test]
fn a_canary_is_found_in_no_file_git_object_log_error_or_output() {
    let checkout = Checkout::built().and_database();
    // Made here: this file is among the git objects.
    let canary = Secret::random::<16>().unwrap();
    let canary = canary.expose();
    let port = checkout.deploy("local").services.postgres.unwrap().port;
    let url = |host: &str, port: u16| format!("postgres://todo:{canary}@{host}:{port}/todo");
    checkout.seal("local", "DATABASE_URL", &url("127.0.0.1", port));
    checkout.seal("dev", "DATABASE_URL", &url("postgres", 5432));
    git(&checkout.root).run(&["add", "--force", "k8s/envs"]);
    checkout.commit_all("Secrets that are sealed may be committed");

    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut call = |args: &[&str]| outcomes.push(checkout.xtask([]).args(args).run());
    call(&["build"]);
    for env in ["local", "dev"] {
        call(&["release", "--env", env]);
        call(&["release", "--env", env, "--json"]);
        for reading in ["show", "diff", "verify"] {
            call(&["releases", reading, "--env", env]);
            call(&["releases", reading, "--env", env, "--json"]);
        }
        call(&["releases", "export", "--env", env, "--output", &format!("{env}.tar")]);
        call(&["rollback", &checkout.ids(env)[0].to_string(), "--env", env, "--no-run"]);
    }
    assert!(outcomes.iter().all(|outcome| outcome.status.success()), "{outcomes:#?}");
    let mut run = checkout.xtask(["run"]).start();
    run.says("listening");
    http::add(checkout.port(), "Something to log");
    outcomes.push(run.stops());
    // A database that lets nobody in: errors are the likeliest place.
    checkout.seal("local", "DATABASE_URL", &url("localhost", postgres::that_refuses()));
    checkout.xtask(RELEASE).run().done();
    outcomes.push(checkout.xtask(["run"]).run().exits(1));

    for outcome in &outcomes {
        assert!(!outcome.stdout.contains(canary) && !outcome.stderr.contains(canary), "{outcome:#?}");
    }
    let image = checkout.releases("local")[0].release.image.digest.to_string();
    assert!(!Image::read(&checkout.repo(), &image).holds(canary));
    let objects = git_objects(&checkout.root);
    assert!(holds(&objects, "AGE ENCRYPTED FILE") && !holds(&objects, canary));
    assert_nowhere_below(checkout.around(), canary);
    let ledger = Ledger::of(&checkout.repo(), &name("dev"));
    assert_eq!(
        names(&ledger.folder_of(ledger.newest().unwrap())),
        ["SHA256SUMS", "objects.yaml", "release.toml"]
    );
}

/// All of a repository's objects, unpacked.
fn git_objects(root: &Path) -> Vec<u8> {
    let command = ["cat-file", "--batch-all-objects", "--batch"];
    let output = Command::new("git").args(command).current_dir(root).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// The canary is in no file of the checkout, the home, or the bundles.
#[track_caller]
fn assert_nowhere_below(folder: &Path, canary: &str) {
    let found = Command::new("grep").args(["-rlaF", canary, "."]).current_dir(folder).output().unwrap();
    assert_eq!(found.status.code(), Some(1), "found in {}", String::from_utf8_lossy(&found.stdout));
}
