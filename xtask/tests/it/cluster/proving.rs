//! `cargo xtask prove --env dev`: the experiments on a deploy of their own beside this one, and on this one while it is used.

use serde_json::Value;

use super::{Story, in_use};
use crate::support::kind::{kubectl, on_node};

/// Those that take little of the machine: other tests go on beside this one.
const BY_LOOKING: &str = "III VII X XI XII telemetry";

/// All but whether the image can be built again, which takes as long here as anywhere.
const ALL: &str = "II III IV V VI VII VIII IX X XI XII telemetry";

pub(crate) fn tell(story: &Story) {
    story.each_holds(BY_LOOKING);
    story.in_use_it_is_looked_at();
}

pub(crate) fn tell_all(story: &Story) {
    // Requests come by a node's rules, which take a while to forget a pod.
    story.checkout.configure("dev", "DRAIN_DELAY", "3s");
    in_use(|| story.each_holds(ALL));
    in_use(|| story.in_use_it_is_looked_at());
    story.checkout.configure("dev", "DRAIN_DELAY", "1s");
}

impl Story {
    fn each_holds(&self, factors: &str) {
        let before = pods();
        for panel in panels(&self.shows(["prove", "--env", "dev", "--json"], factors)) {
            assert_eq!(panel["verdict"], "holds", "{panel:#}");
        }
        assert_eq!(pods(), before, "the deploy beside it is as it was");
        let namespaces =
            on_node("kubectl --kubeconfig=/etc/kubernetes/admin.conf get namespaces --output=name");
        assert!(!namespaces.contains("-prove"), "{namespaces}");
    }

    fn in_use_it_is_looked_at(&self) {
        let before = pods();
        let proof = self.shows(["prove", "--env", "dev", "--live", "--json"], ALL);
        for panel in panels(&proof) {
            assert_ne!(panel["verdict"], "broken", "{panel:#}");
            let by_looking =
                ["config", "parity", "logs", "admin", "telemetry"].iter().any(|one| panel["factor"] == *one);
            assert!(!by_looking || panel["verdict"] == "holds", "{panel:#}");
        }
        assert_eq!(pods(), before, "it is as it was");
    }

    fn shows<const N: usize>(&self, args: [&str; N], factors: &str) -> Value {
        self.xtask(args).args(factors.split(' ')).run().done().json()
    }
}

fn panels(proof: &Value) -> &[Value] {
    proof["panels"].as_array().unwrap()
}

/// The deploy's pods, and how often each was started.
fn pods() -> String {
    kubectl(&[
        "get",
        "pods",
        "--selector=app.kubernetes.io/component=web",
        "--output=custom-columns=NAME:.metadata.name,AGAIN:.status.containerStatuses[0].restartCount",
    ])
}
