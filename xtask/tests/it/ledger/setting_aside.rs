//! Releases for which `run` refuses a ledger, and the way out: what never ran is set aside, as it is.

use std::{fs, path::Path};

use chrono::TimeDelta;
use xtask_contract::{
    Ledger, Release, ReleaseId,
    deploy::{KindTarget, Target},
    last_deployed::LastDeployed,
    ledger::Verified,
    release::Link,
};

use super::{RELEASE, assert_is_a_chain, names, writable};
use crate::support::{
    checkout::{Checkout, name},
    forge::forge,
};

const ALL: [&str; 3] = ["releases", "set-aside", "--json"];

/// A checkout with one release, of which more can be made by hand.
struct Deploy {
    checkout: Checkout,
    first: Verified,
}

impl Deploy {
    fn new() -> Self {
        let checkout = Checkout::with_database();
        let first = checkout.releases("local").remove(0);
        writable(Ledger::of(&checkout.repo(), &name("local")).folder());
        Self { checkout, first }
    }

    /// A release that follows another one after so many seconds.
    fn add(&self, after: Link, sequence: u64, seconds: i64) -> Link {
        let id = ReleaseId::at(after.id.time() + TimeDelta::seconds(seconds));
        let release = Release { id, sequence, previous: Some(after), ..self.first.release.clone() };
        forge(&Ledger::of(&self.checkout.repo(), &name("local")), &release, None)
    }

    fn set_aside(&self, id: ReleaseId) -> crate::support::command::Xtask {
        self.checkout.xtask(ALL).args([id.to_string()])
    }

    fn folder(&self, id: ReleaseId) -> std::path::PathBuf {
        self.checkout.path("releases/local").join(id.to_string())
    }

    fn runs(&self) -> String {
        let mut run = self.checkout.xtask(["run", "--json"]).start();
        let ran = run.announces()["release"].as_str().unwrap().to_owned();
        run.stops().done();
        ran
    }
}

fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn a_release_of_the_future_does_not_run_and_is_set_aside_with_what_follows_it() {
    let deploy = Deploy::new();
    let future = deploy.add(deploy.first.link(), 2, 365 * 24 * 3600);
    let after = deploy.add(future, 3, 1);
    for verb in [&["run"][..], &RELEASE, &["rollback", "--no-run"], &["up"], &["scale", "web=1"]] {
        let refused = deploy.checkout.xtask([]).args(verb).run().refused("it is of the future");
        refused.says(&format!("`cargo xtask releases set-aside {} --env local`", after.id));
    }
    let before = content(&deploy.folder(future.id));
    let set_aside = deploy.set_aside(future.id).run().done().json();
    assert_eq!(set_aside["releases"], serde_json::json!([future.id, after.id]));
    let aside = deploy.checkout.path("releases/local/set-aside").join(future.id.to_string());
    assert_eq!(content(&aside), before, "a release never changes");
    deploy.checkout.xtask(["releases", "verify", "--env", "local"]).run().done();
    deploy.checkout.xtask(RELEASE).run().done();
    assert_eq!(deploy.checkout.ids("local").len(), 2);
    assert_is_a_chain(&deploy.checkout.releases("local"));
    deploy.set_aside(future.id).run().refused("there is no such release");
}

#[test]
fn a_deploy_that_has_run_a_release_of_the_future_goes_on_from_there() {
    let deploy = Deploy::new();
    deploy.runs();
    let future = deploy.add(deploy.first.link(), 2, 365 * 24 * 3600);
    // It ran before anybody looked at the time.
    let path = deploy.checkout.path(".xtask/local/witness.toml");
    let last_deployed: LastDeployed = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let last_deployed = LastDeployed { id: future.id, sequence: 2, digest: future.digest, ..last_deployed };
    fs::write(path, toml::to_string(&last_deployed).unwrap()).unwrap();

    deploy.set_aside(future.id).run().refused("has run");
    assert_eq!(deploy.runs(), future.id.to_string());
    let made = deploy.checkout.xtask(RELEASE).args(["--json"]).run().done().text("id");
    assert_eq!(made, ReleaseId::at(future.id.time() + TimeDelta::seconds(1)).to_string());
    assert_eq!(deploy.runs(), made);
    deploy.checkout.xtask(["rollback", &deploy.first.release.id.to_string(), "--no-run"]).run().done();
    assert_is_a_chain(&deploy.checkout.releases("local"));
}

#[test]
fn of_two_branches_that_were_merged_one_is_set_aside_before_anything_follows() {
    let deploy = Deploy::new();
    let [one, other] = [1, 2].map(|seconds| deploy.add(deploy.first.link(), 2, seconds));
    for verb in [&RELEASE[..], &["rollback", "--no-run"], &["run"]] {
        let refused = deploy.checkout.xtask([]).args(verb).run().refused("the chain forks there");
        for id in [one.id, other.id] {
            assert!(refused.stderr.contains(&format!("set-aside {id} --env local`")), "{}", refused.stderr);
        }
    }
    assert_eq!(names(&deploy.checkout.path("releases/local")).len(), 3, "a third one was made");
    deploy.set_aside(one.id).run().done();
    assert_eq!(deploy.runs(), other.id.to_string());
    deploy.set_aside(other.id).run().refused("has run");
    deploy.set_aside(deploy.first.release.id).run().refused("has run");
    deploy.checkout.xtask(RELEASE).run().done();
    assert_is_a_chain(&deploy.checkout.releases("local"));
}

#[test]
fn what_has_run_stays_wherever_the_releases_after_it_say_that_they_run() {
    let deploy = Deploy::new();
    let first = deploy.first.link();
    let image = deploy.first.release.image.digest;
    let last_deployed = LastDeployed { id: first.id, sequence: 1, digest: first.digest, images: vec![image] };
    let path = deploy.checkout.path(".xtask/local");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("witness.toml"), toml::to_string(&last_deployed).unwrap()).unwrap();
    let cluster = "nope".to_owned();
    let target = Target::Kind(KindTarget { cluster, namespace: "todo".parse().unwrap(), port: 8080 });
    let id = ReleaseId::at(first.id.time() + TimeDelta::seconds(1));
    let elsewhere =
        Release { id, sequence: 2, previous: Some(first), target, ..deploy.first.release.clone() };
    forge(&Ledger::of(&deploy.checkout.repo(), &name("local")), &elsewhere, None);

    deploy.set_aside(first.id).run().refused("has run");
    fs::remove_file(deploy.folder(id).join(Release::CHECKSUMS)).unwrap();
    deploy.set_aside(first.id).run().refused("has run");
    deploy.set_aside(id).run().done();
    deploy.set_aside(first.id).run().refused("has run");
}
