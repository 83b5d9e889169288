//! Variables that stand in the clear.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::{beside_the_deploys, text};
use crate::support::{PATIENCE, checkout::Checkout};

const FILE: &str = "k8s/envs/local.toml";
const DEPLOY: &str = r#"# A deploy with words in it.
schema = 1
target.kind = "local"

[config] # all of them
# The port of the service.
PORT = 30_000 # not the database's
LOG_LEVEL = 'info'

[services.postgres] # its own
variable = "DATABASE_URL"
"#;

#[test]
fn all_variables_are_listed_in_short_lines_with_where_they_come_from() {
    let checkout = Checkout::with_image();
    fs::write(checkout.path(FILE), DEPLOY.replace("PORT = 30_000", "COLOUR = 'red'")).unwrap();
    let outcome = checkout.xtask(["config"]).run().done();
    assert!(outcome.stdout.contains("DATABASE_URL                -        release\n"), "{}", outcome.stdout);
    checkout.xtask(["config", "set", "--secret", "DATABASE_URL"]).input("postgres://canary@h/d").run().done();
    let listed = "\
ALLOWED_HOSTS               -         default
ANSWER_TIMEOUT              30s       default
BIND_ADDRESS                0.0.0.0   default
BODY_TIMEOUT                5s        default
COLOUR                      red       local.toml
CORS_ORIGINS                -         default
DATABASE_ACQUIRE_TIMEOUT    500ms     default
DATABASE_MAX_CONNECTIONS    10        default
DATABASE_STATEMENT_TIMEOUT  1s        default
DATABASE_URL                ********  local.secrets.toml
DRAIN_DELAY                 3s        default
EVENTS_MAX_STREAMS          750       default
HEAD_TIMEOUT                10s       default
LOG_LEVEL                   info      local.toml
MAX_CONNECTIONS             1000      default
MAX_PER_ADDRESS             0         default
MAX_REQUESTS                256       default
METRICS_PORT                -         default
PORT                        -         missing
RATE_LIMIT                  0         default
REQUEST_TIMEOUT             10s       default
SHUTDOWN_TIMEOUT            10s       default
WEBHOOK_ATTEMPTS            12        default
WEBHOOK_SECRET              -         default
WEBHOOK_URL                 -         default
";
    assert!(listed.lines().all(|line| line.len() <= 60));
    checkout.xtask(["config"]).run().done().prints(listed);

    let outcome = checkout.xtask(["config", "--json"]).run().done();
    let entry = |row: usize| outcome.json()[row].clone();
    let source = |file: &str| format!("k8s/envs/{file}");
    assert_eq!(
        entry(4),
        json!({"name": "COLOUR", "value": "red", "secret": false, "source": source("local.toml")})
    );
    assert_eq!(
        entry(9),
        json!({"name": "DATABASE_URL", "value": null, "secret": true, "source": source("local.secrets.toml")})
    );
    assert_eq!(entry(18), json!({"name": "PORT", "value": null, "secret": false, "source": "missing"}));
}

#[test]
fn without_a_build_the_files_are_listed_and_changed() {
    let checkout = Checkout::without_source();
    fs::write(checkout.path(FILE), DEPLOY).unwrap();
    let list =
        "DATABASE_URL  -      release\nLOG_LEVEL     info   local.toml\nPORT          30000  local.toml\n";
    checkout.xtask(["config"]).run().done().prints(list);
    let outcome = checkout.xtask(["config", "set", "WHATEVER=1"]).run().done();
    assert_eq!(outcome.stderr, "note: not checked, as no build is on this machine; `release` checks it\n");
    assert!(text(&checkout, FILE).contains("\nWHATEVER = 1\n"));
    let refused = checkout.xtask(["config", "set", "RELEASE_ID=2011-04-06-20:32:17"]).run();
    refused.refused("RELEASE_ID is not for a deploy's config");
}

#[test]
fn one_value_is_printed_alone() {
    let checkout = Checkout::with_image();
    checkout.xtask(["config", "get", "LOG_LEVEL"]).run().done().prints("info\n");
    checkout.xtask(["config", "get", "REQUEST_TIMEOUT"]).run().done().prints("10s\n");
    checkout.xtask(["config", "get", "LOG_LEVLE"]).run().refused("did you mean LOG_LEVEL?");
    checkout.xtask(["config", "get", "DATABASE_URL"]).run().refused("cargo xtask release");
    checkout.xtask(["config", "--env", "prdo"]).run().refused("there is no k8s/envs/prdo.toml");
}

#[test]
fn setting_changes_the_values_and_not_another_byte() {
    let checkout = Checkout::with_image();
    let path = checkout.path(FILE);
    fs::write(&path, DEPLOY).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = checkout.xtask(["config", "set", "LOG_LEVEL=debug", "PORT=31000", "DRAIN_DELAY=1s"]).run();
    outcome.done().prints(
        "set LOG_LEVEL, PORT, DRAIN_DELAY in k8s/envs/local.toml; the next release of local carries it\n",
    );
    let expected = DEPLOY.replace("30_000", "31000").replace("'info'\n", "\"debug\"\nDRAIN_DELAY = \"1s\"\n");
    assert_eq!(text(&checkout, FILE), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

    let outcome = checkout.xtask(["config", "set", "PORT=31000", "--json"]).run().done();
    assert_eq!(outcome.json(), json!({"env": "local", "variables": [], "files": [], "notes": []}));
    checkout.xtask(["config", "unset", "DRAIN_DELAY"]).run().done();
    checkout.xtask(["config", "set", "PORT=30000", "LOG_LEVEL=info"]).run().done();
    assert_eq!(text(&checkout, FILE), DEPLOY.replace("30_000", "30000").replace("'info'", "\"info\""));

    checkout.xtask(["release", "--env", "local"]).run().done();
    assert_eq!(checkout.releases("local")[0].release.config["PORT"], "30000");
}

#[test]
fn what_the_newest_build_would_refuse_is_noted_but_set() {
    let checkout = Checkout::with_image();
    let outcome = checkout.xtask(["config", "set", "PROT=1", "LOG_LEVEL=loud", "--env", "dev"]).run().done();
    let outcome = outcome.says("PROT is unknown to the newest build (did you mean PORT?)");
    outcome.says("LOG_LEVEL must be one of error, warn, info, debug, trace");
    assert_eq!(checkout.deploy("dev").config["LOG_LEVEL"].0, "loud");
    checkout.xtask(["release", "--env", "dev"]).run().refused("PROT is unknown");
}

#[test]
fn what_the_processes_or_the_machine_would_refuse_is_not_released() {
    let checkout = Checkout::with_image();
    let seal = |name: &str, value: &str| {
        checkout.xtask(["config", "set", "--secret", name]).input(value).run().done();
    };
    let refused = |words: &str| {
        let told = checkout.xtask(["release", "--env", "local"]).run().refused(words).stderr;
        assert!(!told.contains("canary"), "{told}");
    };
    for (name, value, words) in [
        ("CORS_ORIGINS", "https://canary$(PORT).example", "CORS_ORIGINS must be origins such as"),
        ("CORS_ORIGINS", "https://canary.example/", "CORS_ORIGINS must be origins such as"),
        ("ALLOWED_HOSTS", "canary.example:80", "ALLOWED_HOSTS must be host names"),
        ("DRAIN_DELAY", "1441m", "DRAIN_DELAY must be a duration such as 250ms, 5s or 2m, of at most 1440m"),
        ("DATABASE_MAX_CONNECTIONS", "+5", "DATABASE_MAX_CONNECTIONS must be a whole number"),
        ("CORS_ORIGINS", &"canary".repeat(30_000), "CORS_ORIGINS has 180000 bytes"),
    ] {
        checkout.configure("local", name, value);
        refused(words);
        checkout.xtask(["config", "unset", name]).run().done();
    }
    seal("WEBHOOK_URL", "https://canary.example/hook");
    refused("WEBHOOK_SECRET is missing: WEBHOOK_URL is set, which needs it");
    seal("WEBHOOK_SECRET", "whsec_canary");
    refused("WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in base64");
    seal("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    checkout.xtask(["release", "--env", "local"]).run().done();
}

#[test]
fn one_that_is_refused_keeps_all_from_being_set_or_unset() {
    let checkout = Checkout::with_release();
    let before = text(&checkout, FILE);
    let secret = "DATABASE_URL=postgres://canary@h/d";
    let outcome = checkout.xtask(["config", "set", "PORT=1", secret]).run();
    let outcome = outcome.refused("config set --secret DATABASE_URL --env local").says("the shell's history");
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    checkout.xtask(["config", "unset", "PORT", "LOG_LEVLE"]).run().refused("did you mean LOG_LEVEL?");
    for wrong in [&["PORT=1", "canary"][..], &["PORT=1", "PORT=2"], &["PORT=1", "port=2"]] {
        checkout.xtask(["config", "set"]).args(wrong).run().exits(2).says("argument 2").prints("");
    }
    assert_eq!(text(&checkout, FILE), before);
}

#[test]
fn many_at_once_are_all_set() {
    let checkout = Checkout::without_source();
    let running: Vec<_> = (0..10)
        .map(|number| checkout.xtask(["config", "set"]).args([format!("V{number}={number}")]).start())
        .collect();
    for one in running {
        one.ends_within(PATIENCE).done();
    }
    let config = checkout.deploy("local").config;
    assert!((0..10).all(|number| config[&format!("V{number}")].0 == number.to_string()), "{config:?}");
    assert_eq!(beside_the_deploys(&checkout), ["dev.toml", "local.toml", "prod.toml"]);
}
