//! Promotion: the image that one deploy runs, with the config of another one.

use std::fs;

use xtask_contract::image::DIRTY;

use super::assert_is_a_chain;
use crate::support::{checkout::Checkout, image::relabel, ports};

const PROMOTE: [&str; 5] = ["promote", "--from", "local", "--to", "prod"];

/// A checkout with a deploy `prod` that takes only what has run in `local`.
fn with_prod() -> Checkout {
    let checkout = Checkout::with_image().and_database();
    let text = fs::read_to_string(checkout.path("k8s/envs/local.toml")).unwrap();
    fs::write(checkout.path("k8s/envs/prod.toml"), text).unwrap();
    checkout.edit_deploy("prod", |deploy| {
        deploy.policy.promote_from = vec!["local".parse().unwrap()];
        deploy.policy.dirty = false;
        deploy.services.postgres.as_mut().unwrap().port = ports::free();
        deploy.config.insert("LOG_LEVEL".into(), xtask_contract::deploy::Text("warn".into()));
    });
    checkout
}

fn runs(checkout: &Checkout) {
    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    run.stops().done();
}

#[test]
fn only_what_has_run_is_promoted() {
    let checkout = with_prod();
    checkout.xtask(["promote", "--from", "prod", "--to", "prod"]).run().exits(2).says("they are one deploy");
    checkout.xtask(PROMOTE).args(["--yes"]).run().refused("local has run no release yet");
    checkout.release("local");
    checkout.xtask(PROMOTE).args(["--yes"]).run().refused("local has run no release yet");
    let refused = checkout.xtask(["release", "--env", "prod"]).run().refused("never ran in local");
    refused.says("next: run it there first");
    assert!(checkout.ids("prod").is_empty());

    runs(&checkout);
    let made = checkout.xtask(PROMOTE).args(["--yes", "--json"]).run().done();
    let local = checkout.releases("local").pop().unwrap().release;
    let prod = checkout.releases("prod").pop().unwrap().release;
    assert_eq!((made.text("id"), made.text("env")), (prod.id.to_string(), "prod".into()));
    assert_eq!(prod.image, local.image);
    assert_eq!(prod.config["LOG_LEVEL"], "warn", "it has its own config");
    // What was run there may be released here by the usual way, too, and brought back.
    let made = checkout.xtask(["release", "--env", "prod"]).run().done().stdout;
    let next = "it does not run yet: `cargo xtask run --env prod` runs it\n";
    assert!(made.starts_with("released ") && made.ends_with(next), "{made}");
    let first = checkout.ids("prod")[0].to_string();
    checkout.xtask(["rollback", &first, "--env", "prod", "--no-run"]).run().done();
    assert_is_a_chain(&checkout.releases("prod"));
}

#[test]
fn a_promotion_shows_what_will_change_and_asks() {
    let checkout = with_prod();
    checkout.release("local");
    runs(&checkout);
    let before = fs::read_dir(checkout.path("k8s/envs")).unwrap().count();
    let unasked = checkout.xtask(PROMOTE).run().refused("there is no terminal to answer at");
    unasked.says("this will be the first release of prod").says("next: answer with --yes");
    assert_eq!(fs::read_dir(checkout.path("k8s/envs")).unwrap().count(), before, "a password was made");
    assert!(checkout.ids("prod").is_empty());

    checkout.xtask(PROMOTE).args(["--yes"]).run().done();
    checkout.configure("prod", "LOG_LEVEL", "error");
    let shown = checkout.xtask(PROMOTE).args(["--yes"]).run().done();
    shown.says("  - LOG_LEVEL = warn\n  + LOG_LEVEL = error\n");
}

#[test]
fn a_dirty_build_is_not_promoted_or_brought_back() {
    let checkout = with_prod();
    checkout.edit_record("dirty = false", "dirty = true");
    // The image says it, too, and its word counts.
    checkout.xtask(["release", "--env", "local"]).run().refused("reading the build record");
    relabel(&checkout, |labels| labels[DIRTY] = "true".into());
    checkout.xtask(["release", "--env", "local"]).run().done();
    runs(&checkout);
    let refused = checkout.xtask(PROMOTE).args(["--yes"]).run().refused("was built from uncommitted inputs");
    refused.says("policy.dirty = true");
    checkout.edit_deploy("prod", |deploy| deploy.policy.dirty = true);
    checkout.xtask(PROMOTE).args(["--yes"]).run().done();
    checkout.xtask(PROMOTE).args(["--yes"]).run().done();
    checkout.edit_deploy("prod", |deploy| deploy.policy.dirty = false);
    let first = checkout.ids("prod")[0].to_string();
    let back = ["rollback", &first, "--env", "prod", "--no-run"];
    checkout.xtask(back).run().refused("built from uncommitted inputs");
    assert_eq!(checkout.ids("prod").len(), 2);
}
