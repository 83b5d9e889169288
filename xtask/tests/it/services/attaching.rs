//! Another server in the place of the deploy's own, and the way back: by config alone.

use std::fs;

use serde_json::json;

use crate::support::{
    PATIENCE,
    checkout::Checkout,
    command::Outcome,
    faults, http, needs,
    postgres::{ask, titles, with_another},
};

const CANARY: &str = "canary-password";

#[test]
fn a_database_is_swapped_by_a_release_of_the_same_image_and_back() {
    let checkout = Checkout::with_database();
    let before = fs::read_to_string(checkout.path("k8s/envs/local.toml")).unwrap() + "# A comment.\n";
    fs::write(checkout.path("k8s/envs/local.toml"), &before).unwrap();
    let mut seen = vec![todo(&checkout, "Own")];
    let own = url(&checkout);
    with_another(CANARY, |elsewhere| {
        let attach =
            checkout.xtask(["services", "attach", "postgres", "--json"]).input(elsewhere).run().done();
        let endpoint = elsewhere.split_once('@').unwrap().1;
        assert_eq!(attach.json(), json!({ "env": "local", "name": "postgres", "endpoint": endpoint }));
        let edited = fs::read_to_string(checkout.path("k8s/envs/local.toml")).unwrap();
        let changed: Vec<&str> =
            edited.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
        assert_eq!(changed, ["attached = true"], "all else, the comment included, is as it was");
        let list = checkout.xtask(["services", "--json"]).run().done();
        let attached = json!([{ "name": "postgres", "variable": "DATABASE_URL", "attached": true,
            "endpoint": endpoint, "sealed": false, "state": "up" }]);
        assert_eq!(list.json(), attached);

        let released = checkout.xtask(["release", "--env", "local", "--json"]).run().done();
        let ran = todo(&checkout, "Elsewhere");
        assert!(!ran.stderr.contains("PostgreSQL"), "no server was started: {}", ran.stderr);
        assert_eq!(titles(elsewhere), "Elsewhere");

        let back = checkout.xtask(["services", "up", "postgres"]).run().done();
        let back = back.says("back on its own PostgreSQL server; its next release carries it");
        assert_eq!(fs::read_to_string(checkout.path("k8s/envs/local.toml")).unwrap(), before);
        assert_eq!(url(&checkout), own, "the URL is the one that its data were made with");
        assert_eq!(titles(&own), "Own", "the own database was not touched meanwhile");
        checkout.xtask(["release", "--env", "local"]).run().done();
        seen.extend([attach, list, released, ran, back, todo(&checkout, "Own again")]);
        assert_eq!((titles(&own), titles(elsewhere)), ("Own\nOwn again".into(), "Elsewhere".into()));
    });
    let releases = checkout.releases("local");
    assert_eq!(releases.len(), 3);
    assert!(releases.iter().all(|one| one.release.image == releases[0].release.image), "one image for all");
    let attached = releases.iter().map(|one| one.release.services.own_postgres().is_none());
    assert!(attached.eq([false, true, false]));
    for outcome in seen {
        assert!(!outcome.stdout.contains(CANARY) && !outcome.stderr.contains(CANARY), "{outcome:?}");
    }
    checkout.xtask(["down"]).run().done();
}

#[test]
fn what_is_attached_is_not_the_deploys_to_delete() {
    let checkout = Checkout::with_release();
    checkout.xtask(["services", "attach", "postgres", "postgres://u:p@127.0.0.1:9/d"]).run().done();
    let alone = "the database that is attached to it is not its own, and is left alone\n";
    // Nothing was ever made here: nobody is asked.
    let down = checkout.xtask(["down", "--data"]).run().done();
    assert_eq!(down.stdout, format!("local: nothing was running; it has no data of its own here\n{alone}"));
    let down = checkout.xtask(["services", "down", "postgres", "--data", "--yes"]).run().done();
    assert_eq!(down.stdout, "local: postgres was not running; it has no data of its own here\n");
    // Somebody else's, at its port.
    let _other = std::net::TcpListener::bind(("127.0.0.1", checkout.port())).unwrap();
    let down = checkout.xtask(["down"]).run().done().stdout;
    assert!(
        down.contains(alone) && down.contains("answers at port") && !down.contains(": stopped"),
        "{down}"
    );
}

#[test]
fn what_is_no_url_is_refused_unseen_and_changes_nothing() {
    let checkout = Checkout::with_release();
    let files =
        || ["local.toml", "local.secrets.toml"].map(|name| fs::read(checkout.path("k8s/envs").join(name)));
    let before = files().map(Result::unwrap);
    for (wrong, why) in [
        ("canary", "relative URL"),
        ("mysql://u:canary@h/d", "neither with postgres://"),
        ("postgres://u:canary@h", "names no database"),
        ("postgres://u:can/ary@h/d", "invalid port number"),
        ("postgres://u:1/canary@h/d", "its path is no database's name"),
    ] {
        let by_input = checkout.xtask(["services", "attach", "postgres"]).input(wrong).run();
        let by_argument = checkout.xtask(["services", "attach", "postgres", wrong]).run();
        for outcome in [by_input, by_argument] {
            let said = outcome.refused(why).says("DATABASE_URL").stderr;
            assert!(!said.contains("canary") && !said.contains("ary@"), "{said}");
        }
    }
    let empty = checkout.xtask(["services", "attach", "postgres", "-"]).run();
    empty.exits(2).says("there is none");
    // The URL in the place of the name.
    let outcome = checkout.xtask(["services", "attach", "postgres://u:canary@h/d"]).run().exits(2);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    assert_eq!(files().map(Result::unwrap), before);
}

#[test]
fn a_url_that_cannot_be_opened_here_is_called_sealed() {
    let checkout = Checkout::with_release();
    let stranger = Checkout::without_source().and_database();
    stranger.xtask(["services", "up", "postgres"]).run().done();
    let identity = stranger.path(".xtask/identity");
    let list = || checkout.xtask(["services"]).env("XTASK_AGE_IDENTITY_FILE", &identity).run().done();
    assert_eq!(list().stdout, "postgres  DATABASE_URL  own  sealed  does not run\n");
    checkout.xtask(["services", "attach", "postgres"]).input("postgres://u:p@192.0.2.1/d").run().done();
    assert_eq!(list().stdout, "postgres  DATABASE_URL  attached  sealed  state unknown\n");
    stranger.xtask(["down"]).run().done();
}

#[test]
fn a_first_url_needs_no_secrets_file_and_a_silent_server_is_noted() {
    let checkout = Checkout::without_source();
    let url = format!("postgres://u:{CANARY}@127.0.0.1:{}/d", crate::support::ports::free());
    let attach = checkout.xtask(["services", "attach", "postgres", &url]).run().done();
    let attach = attach.says("nothing answers at 127.0.0.1").says("shell's history");
    assert!(!attach.stderr.contains(CANARY) && !attach.stdout.contains(CANARY));
    assert!(attach.stdout.ends_with("the next release of local carries it\n"), "{}", attach.stdout);
    assert_eq!(self::url(&checkout), url);
    let list = checkout.xtask(["services"]).run().done();
    let endpoint = url.split_once('@').unwrap().1;
    assert_eq!(
        list.stdout,
        format!("postgres  DATABASE_URL  attached  {endpoint}  does not answer from here\n")
    );
}

#[test]
fn killed_at_any_moment_the_same_command_mends_it() {
    if !needs::strace() {
        return;
    }
    let checkout = Checkout::with_release();
    let own = url(&checkout);
    let attach = ["services", "attach", "postgres", "postgres://u:p@127.0.0.1:1/d"];
    let files = ["local.toml", "local.secrets.toml"].map(|name| checkout.path("k8s/envs").join(name));
    let before = files.clone().map(|file| fs::read(file).unwrap());
    let restore = || {
        for (file, content) in files.iter().zip(&before) {
            fs::write(file, content).unwrap();
        }
    };
    let moments = faults::moments(&checkout, attach);
    assert!(moments.len() > 8, "{moments:?}");
    for moment in moments {
        restore();
        faults::killed_at(&checkout, &moment, attach);
        // What a release would take now: never another server as the deploy's own.
        let attached = checkout.deploy("local").services.own_postgres().is_none();
        assert!(attached || url(&checkout) == own, "{moment:?}");
        checkout.xtask(attach).run().done();
        assert!(checkout.deploy("local").services.own_postgres().is_none());
        assert_eq!(url(&checkout), attach[3]);
    }
}

#[test]
fn a_server_that_tests_start_lets_nobody_in_without_its_password() {
    with_another(CANARY, |url| {
        assert_eq!(ask(url, "SELECT 1").as_deref(), Ok("1"));
        for password in ["", "postgres", "another"] {
            let refused = ask(&url.replace(CANARY, password), "SELECT 1").unwrap_err();
            assert!(refused.contains("password"), "{refused}");
        }
    });
}

/// Runs the newest release, adds a todo, and stops the run.
#[track_caller]
fn todo(checkout: &Checkout, title: &str) -> Outcome {
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    http::add(checkout.port(), title);
    run.signal(rustix::process::Signal::TERM);
    run.ends_within(PATIENCE).done()
}

fn url(checkout: &Checkout) -> String {
    checkout.secret("local", "DATABASE_URL").expose().to_owned()
}
