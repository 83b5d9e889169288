//! `cargo xtask prove --env dev`: the experiments on a deploy of their own beside this one, and on this one while it is used.

use serde_json::Value;

use super::{Story, in_use};
use crate::support::kind::{kubectl, on_node};

pub(crate) fn tell(story: &Story) {
    // Requests come by a node's rules, which take a while to forget a pod.
    story.checkout.configure("dev", "DRAIN_DELAY", "3s");
    let before = pods();
    let proof = in_use(|| story.shows(["prove", "--env", "dev", "--json"]));
    for panel in panels(&proof) {
        assert_eq!(panel["verdict"], "holds", "{panel:#}");
    }
    assert_eq!(pods(), before, "the deploy beside it is as it was");
    let namespaces = on_node("kubectl --kubeconfig=/etc/kubernetes/admin.conf get namespaces --output=name");
    assert!(!namespaces.contains("-prove"), "{namespaces}");

    let proof = in_use(|| story.shows(["prove", "--env", "dev", "--live", "--json"]));
    for panel in panels(&proof) {
        assert_ne!(panel["verdict"], "broken", "{panel:#}");
        let by_looking =
            ["config", "parity", "logs", "admin", "telemetry"].iter().any(|one| panel["factor"] == *one);
        assert!(!by_looking || panel["verdict"] == "holds", "{panel:#}");
    }
    assert_eq!(pods(), before, "it is as it was");
    story.checkout.configure("dev", "DRAIN_DELAY", "1s");
}

impl Story {
    fn shows<const N: usize>(&self, args: [&str; N]) -> Value {
        // That the image can be built again takes as long here as anywhere.
        let factors = "II III IV V VI VII VIII IX X XI XII telemetry".split_whitespace();
        self.xtask(args).args(factors).run().done().json()
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
