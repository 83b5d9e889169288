//! A deploy on a cluster when something goes wrong: with the release, with the command, with the cluster. The
//! cluster is the tests' own.

mod admin;
mod elsewhere;
mod failing;
mod hindering;
mod killing;
mod logging;
mod sharing;
mod shipping;
mod steady;

use std::{env, fs, time::Duration};

use crate::support::{
    checkout::Checkout,
    command::{Outcome, Xtask},
    kind::{Cluster, cluster_port},
    load::{Habit, Load},
    needs,
};
use serde_json::Value;
use xtask_contract::ReleaseId;

/// Its name, and how it is told.
type Chapter = (&'static str, fn(&Story));

/// `XTASK_CHAPTER` tells one of them alone.
const CHAPTERS: [Chapter; 9] = [
    ("admin", admin::tell),
    ("elsewhere", elsewhere::tell),
    ("hindering", hindering::tell),
    ("killing", killing::tell),
    ("failing", failing::tell),
    ("sharing", sharing::tell),
    ("logging", logging::tell),
    ("shipping", shipping::tell),
    ("steady", steady::tell),
];

/// Making a cluster takes the better part of a minute, so that all of it is one story.
#[test]
fn a_deploy_on_a_cluster_withstands_what_happens_to_it() {
    if !needs::docker_and_kind() {
        return;
    }
    let only = env::var("XTASK_CHAPTER").ok();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let chapters: Vec<_> = CHAPTERS.iter().filter(|(name, _)| wanted(name)).collect();
    assert!(!chapters.is_empty(), "there is no chapter {only:?}");
    let story = Story::begin();
    for (_, tell) in chapters {
        tell(&story);
    }
}

/// A light and steady use of the service.
const USE: Habit = Habit { keep_alive: true, pause: Duration::from_millis(20), ends_when_refused: false };

/// A deploy that runs on a cluster.
struct Story {
    // Deleted first, whatever happens.
    _cluster: Cluster,
    checkout: Checkout,
}

impl Story {
    fn begin() -> Self {
        let story = Self { _cluster: Cluster::none_yet(), checkout: Checkout::built() };
        // Nobody has to notice that a process ends: rollouts are quicker so.
        story.checkout.configure("dev", "DRAIN_DELAY", "500ms");
        story.xtask(["up", "--env", "dev"]).run().done();
        story
    }

    fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        self.checkout.xtask(args).with_engine()
    }

    fn run(&self) -> Outcome {
        self.xtask(["run", "--env", "dev"]).run()
    }

    /// A new release, unlike the one before in one variable.
    fn release(&self) -> ReleaseId {
        let now = self.checkout.ids("dev").len();
        self.checkout.configure("dev", "DATABASE_MAX_CONNECTIONS", &(5 + now % 5).to_string());
        self.checkout.xtask(["release", "--env", "dev"]).run().done();
        self.newest()
    }

    fn newest(&self) -> ReleaseId {
        *self.checkout.ids("dev").last().unwrap()
    }

    /// Changes an object's file for the releases made meanwhile.
    fn with_object<T>(&self, name: &str, edit: impl FnOnce(&mut Value), then: impl FnOnce() -> T) -> T {
        let path = self.checkout.path(&format!("k8s/objects/{name}.yaml"));
        let before = fs::read_to_string(&path).unwrap();
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&before).unwrap();
        edit(objects.last_mut().unwrap());
        let texts: Vec<String> =
            objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
        fs::write(&path, texts.join("---\n")).unwrap();
        let result = then();
        fs::write(path, before).unwrap();
        result
    }
}

/// Does something while the service is used; no request may be lost.
fn in_use<T>(work: impl FnOnce() -> T) -> T {
    let load = Load::start(cluster_port(), 2, USE);
    load.makes(5);
    let result = work();
    load.makes(5);
    load.stops();
    result
}
