//! A release appears whole or not at all, and follows the one before it.

use std::{collections::BTreeSet, sync::Barrier, thread};

use xtask_contract::{
    Deploy, Record,
    deploy::{KubernetesTarget, Target, Text},
};
use xtask_release::{Clock, Draft};

use super::{RELEASE, assert_is_a_chain, mode, names, run_in, state::State};
use crate::support::{
    LONG_PATIENCE,
    checkout::{Checkout, name},
    clock::FakeClock,
    faults::{killed_at, moments, opened},
    needs,
};

#[test]
fn a_release_is_read_only_and_bears_the_checksums_of_its_files() {
    let checkout = Checkout::with_image();
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
fn all_that_a_release_takes_from_a_deploys_file_is_of_one_version_of_it() {
    if !needs::strace() {
        return;
    }
    let checkout = Checkout::with_image();
    for env in ["local", "dev"] {
        checkout.xtask(["release", "--env", env]).run().done();
        assert_eq!(opened(&checkout, ["release", "--env", env], &format!("k8s/envs/{env}.toml")), 1, "{env}");
    }
}

#[test]
fn the_example_of_a_cluster_says_what_is_to_be_filled_in() {
    let checkout = Checkout::with_image();
    let release = || checkout.xtask(["release", "--env", "prod"]);
    let told = release().run().refused("releasing prod: 3 problems");
    for open in [
        "target.context names no cluster",
        "target.registry is registry.example.com",
        "DATABASE_URL is missing",
    ] {
        assert!(told.stderr.contains(open), "{open}: {}", told.stderr);
    }
    told.says("`cargo xtask config set --secret DATABASE_URL --env prod`");

    checkout.seal("prod", "DATABASE_URL", "postgres://todo:canary@db.acme.com:5432/todo");
    checkout.edit_deploy("prod", |deploy| {
        let Target::Kubernetes(KubernetesTarget { context, registry, .. }) = &mut deploy.target else {
            panic!("{deploy:?}")
        };
        *context = "acme".into();
        *registry = "registry.acme.com/todo-api".parse().unwrap();
    });
    checkout.configure("prod", "RELEASE_ID", "2011-04-06-20:32:17");
    release().run().refused("RELEASE_ID is not for a deploy's config");
    checkout.edit_deploy("prod", |deploy| drop(deploy.config.remove("RELEASE_ID")));
    release().run().done();
    let verified = checkout.releases("prod").remove(0);
    let (release, objects) = (&verified.release, verified.objects.as_deref().unwrap());
    assert_eq!(
        release.processes["web"].settings,
        checkout.deploy("prod").processes["web"],
        "a release is complete"
    );
    assert_eq!(release.image_reference(), format!("registry.acme.com/todo-api@{}", release.image.digest));
    for part in
        [&release.image_reference(), "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"]
    {
        assert!(objects.contains(part), "{part}");
    }
    assert!(!objects.contains("canary") && !objects.contains("acme.com:5432"));
}

#[test]
fn each_release_is_later_than_the_one_before_and_names_it() {
    let checkout = Checkout::with_image();
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

/// An ID a second: a hundred take a hundred seconds, which pass on a clock that nobody waits for.
#[test]
fn a_hundred_releases_at_once_become_one_chain_of_a_second_each() {
    let checkout = Checkout::with_image();
    let (repo, env, start) = (checkout.repo(), name("local"), "2011-04-06T20:32:17.250Z".parse().unwrap());
    let (clock, all_at_once) = (FakeClock::at(start), Barrier::new(100));
    let release = || {
        let draft = Draft::of_build(&repo, &env, Deploy::read(&repo, &env).unwrap(), None, &[])
            .unwrap()
            .by_clock(&clock);
        all_at_once.wait();
        draft.publish(&Record::default()).unwrap().release.id.to_string()
    };
    let told = thread::scope(|scope| {
        let running: Vec<_> = (0..100).map(|_| scope.spawn(release)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_are_all_and_a_chain(&checkout, 100, &told);
    assert_eq!(clock.now().timestamp() - start.timestamp(), 99, "none waits longer than it has to");
}

/// The same with all of the command line, and this machine's clock.
#[test]
fn several_commands_that_release_at_once_make_one_chain() {
    let checkout = Checkout::with_image();
    let running: Vec<_> = (0..5).map(|_| checkout.xtask(RELEASE).args(["--json"]).start()).collect();
    let told = running.into_iter().map(|one| one.ends_within(LONG_PATIENCE).done().text("id")).collect();
    assert_are_all_and_a_chain(&checkout, 5, &told);
}

/// What was told of so many releases is what there is.
#[track_caller]
fn assert_are_all_and_a_chain(checkout: &Checkout, count: usize, told: &BTreeSet<String>) {
    let releases = checkout.releases("local");
    let found: BTreeSet<String> = releases.iter().map(|verified| verified.release.id.to_string()).collect();
    assert_eq!((told.len(), told), (count, &found));
    assert_is_a_chain(&releases);
}

#[test]
fn all_errors_in_a_config_are_reported_together_and_nothing_is_released() {
    let checkout = Checkout::with_image();
    checkout.edit_deploy("local", |deploy| {
        deploy.config.remove("PORT");
        deploy.config.insert("LOG_LEVLE".into(), Text("info".into()));
        deploy.config.insert("REQUEST_TIMEOUT".into(), Text("soon".into()));
    });
    let outcome = checkout.xtask(RELEASE).run().refused("PORT is missing");
    outcome.says("LOG_LEVLE is unknown").says("did you mean LOG_LEVEL?").says("REQUEST_TIMEOUT must be");
    assert!(checkout.releases("local").is_empty());
}

#[test]
fn killed_at_any_step_the_first_release_leaves_nothing_in_the_way() {
    let checkout = Checkout::with_image();
    dies_at_every_step(&checkout);
}

#[test]
fn killed_at_any_step_a_further_release_leaves_the_old_ledger_or_the_new_one() {
    let checkout = Checkout::with_release();
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
    assert!(moments.len() >= 10, "only {moments:?} were seen");
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
