//! What clients notice of many rollouts, and of scaling: nothing.

use serde_json::Value;

use super::Story;
use crate::support::{
    kind::{cluster_port, kubectl, wait_until_all_are_of},
    open_loop::{OpenLoop, Tally},
};

const ROLLOUTS: usize = 20;
const REQUESTS: usize = 100_000;
/// Requests a second, of all clients together.
const RATE: u32 = 300;

pub(crate) fn tell(story: &Story) {
    story.no_request_is_lost_over_many_rollouts_and_while_scaling();
    story.an_autoscaler_keeps_what_it_owns();
}

impl Story {
    #[expect(clippy::print_stderr, reason = "how it went is worth a look, whether or not it fails")]
    fn no_request_is_lost_over_many_rollouts_and_while_scaling(&self) {
        // As it is meant for clusters: the time that one takes to stop sending requests to a pod. Those of before leave
        // too soon for that, so that the load begins when the cluster has forgotten them: a rollout after their end.
        self.checkout.configure("dev", "DRAIN_DELAY", "3s");
        for _ in 0..2 {
            let release = self.release();
            self.run().done();
            wait_until_all_are_of(&release.to_string());
        }
        self.scales(&["web=1", "worker=0"], "web=1 worker=0");
        let load = OpenLoop::start(cluster_port(), RATE);
        for _ in 0..ROLLOUTS {
            self.release();
            self.run().done();
        }
        self.scales(&["web+3", "worker+1"], "web=4 worker=1");
        self.release();
        self.run().done();
        self.scales(&[], "web=4 worker=1"); // kept over releases
        self.scales(&["web=1", "worker-1"], "web=1 worker=0");
        load.reaches(REQUESTS);
        let tally = load.stops();
        let Tally { sent, failures, slowest, connections } = &tally;
        eprintln!(
            "{sent} requests over {connections} connections, the slowest {slowest:.0?}, {} failed",
            failures.len()
        );
        if !failures.is_empty() {
            let events = ["get", "pods,events", "--output=wide"];
            eprintln!("what the cluster has seen:\n{}", kubectl(&events));
        }
        assert!(failures.is_empty(), "{tally:#?}");
        assert!(*sent >= REQUESTS, "only {sent} requests were sent");
        self.checkout.configure("dev", "DRAIN_DELAY", "500ms");
    }

    fn an_autoscaler_keeps_what_it_owns(&self) {
        kubectl(&["autoscale", "deployment", "web", "--name=by-load", "--min=1", "--max=5"]);
        self.xtask(["scale", "--env", "dev", "web=2"])
            .run()
            .refused("how many web there are is up to the autoscaler by-load (1 to 5)");
        self.xtask(["scale", "--env", "dev", "wbe=2"]).run().refused("wbe is no process type of its release");
        kubectl(&["delete", "horizontalpodautoscaler", "by-load"]);
        self.scales(&["web=1"], "web=1 worker=0");
    }

    /// Scales the deploy; all processes are ready then.
    fn scales(&self, requests: &[&str], formation: &str) {
        let scale = self.xtask(["scale", "--env", "dev"]).args(requests);
        scale.run().done().prints(&format!("{formation}\n"));
        let status = self.xtask(["status", "--env", "dev", "--json"]).run().done().json();
        let ready = |process: &Value| {
            format!("{}={}", process["name"].as_str().unwrap_or_default(), process["ready"])
        };
        let all: Vec<String> = status["processes"].as_array().unwrap().iter().map(ready).collect();
        assert_eq!(all.join(" "), formation);
    }
}
