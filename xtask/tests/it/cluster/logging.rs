//! `logs` of a deploy on a cluster: while pods come and go, and afterwards.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use super::{Story, USE};
use crate::support::{
    PATIENCE,
    kind::{CLUSTER, cluster_port, on_node},
    load::Load,
};

pub(crate) fn tell(story: &Story) {
    story.each_request_is_followed_once_over_a_rollout();
    story.what_a_container_wrote_before_it_was_restarted_is_shown();
}

impl Story {
    fn each_request_is_followed_once_over_a_rollout(&self) {
        self.release();
        self.run().done();
        let now = chrono::Utc::now().to_rfc3339();
        let args = ["logs", "--env", "dev", "--follow", "--json", "--since", &now];
        let mut follow = self.xtask(args).start();
        let load = Load::start(cluster_port(), 2, USE);
        load.makes(20);
        let next = self.release().to_string();
        Self::forgets_its_schema();
        self.run().done();
        load.makes(20);
        let acknowledged = load.stops();
        let mut left = acknowledged;
        while left > 0 {
            left -= u32::from(request_of(&follow.announces()).is_some());
        }
        follow.signal(Signal::INT);
        let followed = follow.ends_within(PATIENCE);
        assert_eq!(followed.stderr, "");

        let lines: Vec<Value> =
            followed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests: Vec<String> = lines.iter().filter_map(request_of).collect();
        let once: BTreeSet<&String> = requests.iter().collect();
        assert_eq!((requests.len(), once.len()), (acknowledged as usize, acknowledged as usize), "each once");
        let of_migration = |line: &&Value| {
            line["release"] == *next && line["process"].as_str().unwrap().starts_with("migrate.")
        };
        assert!(lines.iter().any(|line| of_migration(&line)), "the migration of {next} is heard");
    }

    fn what_a_container_wrote_before_it_was_restarted_is_shown(&self) {
        let count = |args: &[&str]| {
            let args =
                [&["logs", "--env", "dev", "--raw", "--process", "web", "--grep", "\"listening\""], args];
            let outcome = self.xtask([]).args(args.concat()).run().done();
            outcome.stdout.lines().count()
        };
        let release = self.newest().to_string();
        let of_release = ["--release", &release];
        assert_eq!(count(&of_release), 2);
        assert_eq!(count(&["--previous"]), 0);
        on_node("kill -9 $(pgrep -n -f '[t]odo-api web')");
        wait_for_a_restart();
        assert_eq!(count(&["--previous"]), 1);
        assert_eq!(count(&of_release), 3);
    }
}

/// The request that a line is about, if that added a todo.
fn request_of(line: &Value) -> Option<String> {
    let text: Value = serde_json::from_str(line["text"].as_str()?).ok()?;
    let added = text["method"] == "POST" && text["path"] == "/api/todos";
    added.then(|| text["request_id"].as_str().map(str::to_owned))?
}

/// Waits until one of the two web pods' containers was started again, and is ready.
fn wait_for_a_restart() {
    let state =
        "{.items[*].status.containerStatuses[0].restartCount} {.items[*].status.containerStatuses[0].ready}";
    on_node(&format!(
        "export KUBECONFIG=/etc/kubernetes/admin.conf; for n in $(seq 120); do kubectl --namespace={CLUSTER}-dev get \
         pods --selector=app.kubernetes.io/component=web --output='jsonpath={state}' | \
         grep -qE '^(0 1|1 0) true true' && exit 0; sleep 0.5; done; exit 1"
    ));
}
