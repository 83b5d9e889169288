//! Rolling back: a new release like an earlier one.

use serde_json::json;
use xtask_contract::ledger::Verified;

use super::assert_is_a_chain;
use crate::support::checkout::Checkout;

#[test]
fn a_rollback_is_a_new_release_with_the_image_and_the_config_of_before() {
    let checkout = Checkout::with_release();
    checkout.configure("local", "LOG_LEVEL", "debug");
    checkout.release("local");
    checkout.configure("local", "LOG_LEVEL", "warn");
    let first = checkout.ids("local")[0].to_string();
    let made = checkout.xtask(["rollback", &first, "--no-run", "--json"]).run().done();

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
    let checkout = Checkout::with_release();
    checkout.xtask(["rollback", "--no-run"]).run().refused("none of its releases has run here");
    let newest = checkout.ids("local")[0].to_string();
    checkout.xtask(["rollback", "--no-run", &newest]).run().refused("it is the newest release already");
    assert_eq!(checkout.ids("local").len(), 1);
}

#[test]
fn an_objects_file_of_a_rollback_is_that_of_before_under_a_new_id() {
    let checkout = Checkout::with_image();
    for level in ["info", "debug"] {
        checkout.configure("dev", "LOG_LEVEL", level);
        checkout.release("dev");
    }
    let first = checkout.ids("dev")[0].to_string();
    checkout.xtask(["rollback", &first, "--env", "dev", "--no-run"]).run().done();
    let [first, _, third] = &checkout.releases("dev")[..] else { panic!("three releases were made") };
    let under = |verified: &Verified| {
        let id = verified.release.id;
        let objects = verified.objects.clone().unwrap();
        assert!(objects.contains(&id.to_string()) && objects.contains(&id.as_name()));
        objects.replace(&id.to_string(), "ID").replace(&id.as_name(), "ID")
    };
    assert_eq!(under(first), under(third));
}
