//! Whose a release is: that of the service that it names, or that its objects name where it is older than that.

use xtask_contract::{Ledger, Release};

use super::Deploy;
use crate::support::{checkout::name, forge::forge};

#[test]
fn a_release_that_does_not_name_its_service_has_it_from_its_objects() {
    let deploy = Deploy::new();
    let first = deploy.release();
    let made = deploy.checkout.releases("prod").pop().unwrap();
    let earlier = Release { service: None, ..made.release.clone() };
    let ledger = Ledger::of(&deploy.checkout.repo(), &name("prod"));
    forge(&ledger, &earlier, made.objects.as_deref());
    deploy.run().done();
    deploy.is_on(first);
    for (kind, name) in [("configmaps", made.release.config_name()), ("secrets", made.release.secret_name())]
    {
        let all = deploy.server.cluster().store.all(kind);
        assert!(all.iter().any(|object| object["metadata"]["name"] == *name), "{name}: {all:#?}");
    }

    // What is made of it is as if it had been made now.
    let second = deploy.release();
    deploy.run().done();
    deploy.is_on(second);
    deploy.xtask(["rollback", &first.to_string()]).run().done();
    let manifest = std::fs::read_to_string(deploy.checkout.newest("prod").join(Release::FILE)).unwrap();
    assert!(manifest.contains("\nservice = \"todo-api\"\n"), "{manifest}");
    deploy.is_on(*deploy.checkout.ids("prod").last().unwrap());
}

#[test]
fn a_release_that_says_that_it_is_another_service_is_refused() {
    let deploy = Deploy::new();
    let first = deploy.release();
    deploy.run().done();
    deploy.release();
    let forged = deploy.checkout.releases("prod").pop().unwrap();
    let service = Some("operator".parse().unwrap());
    let objects = forged
        .objects
        .map(|text| text.replace("serviceAccountName: todo-api", "serviceAccountName: operator"));
    let ledger = Ledger::of(&deploy.checkout.repo(), &name("prod"));
    forge(&ledger, &Release { service, ..forged.release.clone() }, objects.as_deref());
    for args in [&[][..], &["--dry-run"], &["--diff"]] {
        let refused = deploy.xtask(["run"]).args(args).run();
        refused.refused("it is of the service operator, and this workspace is of todo-api");
    }
    // As is one that has the other's account without saying so.
    forge(&ledger, &forged.release, objects.as_deref());
    deploy.xtask(["run"]).run().refused("has what a release may not hold: serviceAccountName operator");
    deploy.is_on(first);
}
