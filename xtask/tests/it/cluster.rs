//! A deploy on a cluster when something goes wrong: with the release, with the command, with the cluster. The
//! cluster is the tests' own.

mod admin;
mod elsewhere;
mod failing;
mod hindering;
mod killing;
mod likeness;
mod logging;
mod proving;
mod sharing;
mod shipping;
mod steady;
mod writing;

use std::{fs, time::Duration};

use crate::support::{
    checkout::Checkout,
    command::{Outcome, Xtask},
    kind::{CLUSTER, Cluster, cluster_port, kubectl},
    load::{Habit, Load},
    needs,
};
use serde_json::Value;
use xtask_contract::{ReleaseId, templates};

#[test]
fn one_off_processes() {
    Story::goes_on(admin::tell);
}

#[test]
fn another_deploy_with_its_image_from_a_registry() {
    Story::goes_on(elsewhere::tell);
}

#[test]
fn what_the_scripted_cluster_is_like() {
    Story::goes_on(likeness::tell);
}

#[test]
fn an_api_that_hinders() {
    Story::goes_on(hindering::tell);
}

#[test]
fn a_run_that_is_killed() {
    Story::goes_on(killing::tell);
}

#[test]
fn releases_that_cannot_come_up() {
    Story::goes_on(failing::tell);
}

#[test]
fn others_who_change_it() {
    Story::goes_on(sharing::tell);
}

#[test]
fn what_processes_write() {
    Story::goes_on(logging::tell);
}

#[test]
fn a_service_that_is_written() {
    Story::goes_on(writing::tell);
}

#[test]
fn a_log_shipper() {
    Story::goes_on(shipping::tell);
}

#[test]
fn a_deploy_whose_factors_are_shown() {
    Story::goes_on(proving::tell);
}

/// What takes long, and is run with `--all` alone.
mod long {
    use super::{Story, failing, killing, proving, steady};

    #[test]
    fn failing_in_every_way() {
        Story::goes_on(failing::tell_all);
    }

    #[test]
    fn killed_at_every_call() {
        Story::goes_on(killing::tell_all);
    }

    #[test]
    fn all_experiments() {
        Story::goes_on(proving::tell_all);
    }

    #[test]
    fn steady_load() {
        Story::goes_on(steady::tell);
    }
}

/// A light and steady use of the service.
const USE: Habit = Habit { keep_alive: true, pause: Duration::from_millis(20), ends_when_refused: false };

/// A deploy that runs on a cluster.
pub(crate) struct Story {
    // Let go of first, whatever happens.
    _cluster: Cluster,
    pub(crate) checkout: Checkout,
}

impl Story {
    /// Tells a chapter of it, on the deploy that the one before has left, or on a new one.
    pub(crate) fn goes_on(tell: impl FnOnce(&Self)) {
        if !needs::docker_and_kind() {
            return;
        }
        let cluster = Cluster::as_it_is();
        let left = Checkout::left_as(&CLUSTER).filter(|_| Cluster::exists());
        let mut story = match left {
            Some(checkout) => Self::continued(cluster, checkout),
            None => Self::begin(cluster),
        };
        tell(&story);
        story.checkout.leave_as(&CLUSTER);
    }

    /// On a new release, and by the cluster's own address: the one before may have ended with a release that failed, or
    /// have gone by a relay.
    fn continued(cluster: Cluster, checkout: Checkout) -> Self {
        let _ = fs::remove_file(checkout.path(&format!(".xtask/kind/{CLUSTER}.kubeconfig")));
        let story = Self { _cluster: cluster, checkout };
        story.release();
        story.run().done();
        story
    }

    fn begin(cluster: Cluster) -> Self {
        let cluster = cluster.emptied();
        let there = Cluster::exists();
        let story = Self { _cluster: cluster, checkout: Checkout::built() };
        // Nobody has to notice that a process ends: rollouts are quicker so.
        story.checkout.configure("dev", "DRAIN_DELAY", "1s");
        let up = story.xtask(["up", "--env", "dev"]).run().done();
        assert_eq!(up.stderr.contains("making the kind cluster"), !there, "{up:?}");
        // Which chapter comes next is open, and what the cluster has noted of this is soon among other notes.
        story.the_first_run_began_with_the_numbers_that_were_asked_for();
        story
    }

    fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        self.checkout.xtask(args).with_engine()
    }

    fn run(&self) -> Outcome {
        self.xtask(["run", "--env", "dev"]).run()
    }

    /// A new release, unlike every other one in one variable: what is on the cluster is known by its content.
    fn release(&self) -> ReleaseId {
        let time = 5000 + self.checkout.ids("dev").len();
        self.checkout.configure("dev", "DATABASE_ACQUIRE_TIMEOUT", &format!("{time}ms"));
        self.checkout.xtask(["release", "--env", "dev"]).run().done();
        self.newest()
    }

    /// Has the next release's migration started, though there is nothing to migrate.
    fn forgets_its_schema() {
        kubectl(&["delete", "configmap", "schema-reached", "--ignore-not-found"]);
    }

    fn newest(&self) -> ReleaseId {
        *self.checkout.ids("dev").last().unwrap()
    }

    /// Changes the last object of a file for the releases made meanwhile.
    fn with_object<T>(&self, name: &str, edit: impl FnOnce(&mut Value), then: impl FnOnce() -> T) -> T {
        self.with_objects(name, |objects| edit(objects.last_mut().unwrap()), then)
    }

    /// Gives the project a file of objects of its own for the releases made meanwhile.
    fn with_objects<T>(&self, name: &str, edit: impl FnOnce(&mut Vec<Value>), then: impl FnOnce() -> T) -> T {
        let path = self.checkout.path(&format!("k8s/objects/{name}.yaml"));
        let mut objects = brought(name);
        edit(&mut objects);
        let texts: Vec<String> =
            objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, texts.join("---\n")).unwrap();
        let result = then();
        fs::remove_file(path).unwrap();
        result
    }
}

/// What the toolchain brings along of this name; its file for any process type is written as that of `web`.
fn brought(name: &str) -> Vec<Value> {
    let name = if name == "web" { "process" } else { name };
    let template = templates::brought(&format!("objects/{name}.yaml")).unwrap();
    serde_saphyr::from_multiple(template.text).unwrap()
}

/// Does something while the service is used; no request may be lost.
fn in_use<T>(work: impl FnOnce() -> T) -> T {
    // What is lost is rare, and the pods that could tell why are gone when the test is over.
    let said = || {
        kubectl(&[
            "logs",
            "--selector=app.kubernetes.io/component=web",
            "--prefix",
            "--since=10s",
            "--tail=-1",
        ])
    };
    let load = Load::telling(cluster_port(), 2, USE, said);
    load.makes(5);
    let result = work();
    load.makes(5);
    load.stops();
    result
}
