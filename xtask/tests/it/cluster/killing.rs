//! Sudden death of `run` before calls that change a real cluster: the same command always converges. Which calls those
//! are is tried one by one on a cluster that the tests play themselves (`scripted::killing`); a few are enough to see that
//! a real one is no different.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::mpsc::{Receiver, channel},
};

use super::Story;
use crate::support::{
    LONG_PATIENCE,
    call::Call,
    kind::{CLUSTER, plain_api, release_of_pods},
    processes::Victim,
    relay::{Fate, Relay},
};

/// Before the migration, before it is noted which schema that has led to, between two process types, and before it is noted
/// that the release runs.
const SOME: [&str; 4] =
    ["/jobs/migrate-", "/configmaps/schema-reached", "/deployments/worker", "/configmaps/release-witness"];

pub(crate) fn tell(story: &Story) {
    let relay = story.relay();
    for part in SOME {
        let call = story.converges_after_death_before(&relay, move |call| call.path.contains(part));
        assert!(call.is_some(), "no call was about {part}");
    }
}

/// Before each call, one run after the other, until one gets to its end. Some are made side by side, now in this order and
/// now in that: so each is known by what it is about.
pub(crate) fn tell_all(story: &Story) {
    let relay = story.relay();
    let mut died_before: BTreeSet<(String, usize)> = BTreeSet::new();
    loop {
        let (known, mut seen) = (died_before.clone(), BTreeMap::<String, usize>::new());
        let is_it = move |call: &Call| {
            let count = seen.entry(subject(call)).or_default();
            *count += 1;
            !known.contains(&(subject(call), *count))
        };
        let Some(call) = story.converges_after_death_before(&relay, is_it) else { break };
        let count = died_before.iter().filter(|(known, _)| *known == subject(&call)).count();
        died_before.insert((subject(&call), count + 1));
    }
    for kind in ["leases", "configmaps", "secrets", "jobs", "deployments", "services", "statefulsets"] {
        let is_of_kind = |(subject, _): &(String, usize)| subject.contains(&format!("/{kind}"));
        assert!(died_before.iter().any(is_of_kind), "{kind} is not in {died_before:#?}");
    }
}

/// What a call is about: its path without what is another one for each release.
fn subject(call: &Call) -> String {
    let path = call.path.split('?').next().unwrap_or_default();
    let is_of_release = |c: char| c.is_ascii_hexdigit() || c == '-';
    let subject = path.rfind('-').map_or(path, |_| path.trim_end_matches(is_of_release));
    format!("{} {}", call.method, if subject.ends_with('/') { path } else { subject })
}

impl Story {
    /// A run that is killed before its first step that is it, and one that is not. Tells the step, if there was one.
    fn converges_after_death_before(
        &self,
        relay: &Relay,
        is_it: impl FnMut(&Call) -> bool + Send + 'static,
    ) -> Option<Call> {
        let wanted = self.release();
        Self::forgets_its_schema();
        let (victim, killed) = kill_at(relay, is_it);
        let run = self.xtask(["run", "--env", "dev"]).start();
        victim.is(run.pid());
        let ended = run.ends_within(LONG_PATIENCE);
        let call = killed.try_recv().ok();
        if call.is_none() {
            // It is the last one only if it got to its end.
            ended.done();
        }
        relay.lets_all_pass();
        self.run().done();
        assert_eq!(release_of_pods(), wanted.to_string(), "after death before {call:?}");
        self.xtask(["status", "--env", "dev"]).run().done();
        call
    }

    /// From now on the command line reaches the cluster by way of a relay.
    fn relay(&self) -> Relay {
        let relay = Relay::to(plain_api());
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: relay\nclusters:\n  - name: relay\n    cluster:\n      \
             server: http://127.0.0.1:{}\ncontexts:\n  - name: relay\n    context:\n      cluster: relay\n      user: \
             relay\nusers:\n  - name: relay\n    user: {{}}\n",
            relay.port
        );
        fs::write(self.checkout.path(&format!(".xtask/kind/{CLUSTER}.kubeconfig")), kubeconfig).unwrap();
        relay
    }
}

/// Kills the victim at the first step that is it. That one is not relayed, nor is any after it.
fn kill_at(relay: &Relay, mut is_it: impl FnMut(&Call) -> bool + Send + 'static) -> (Victim, Receiver<Call>) {
    let victim = Victim::default();
    let (dies, (send, killed)) = (victim.clone(), channel());
    let mut is_dead = false;
    relay.decides(move |call| {
        if !call.is_a_step() || (!is_dead && !is_it(call)) {
            return Fate::Passes;
        }
        if !is_dead {
            let _ = send.send(call.clone());
            dies.dies();
            is_dead = true;
        }
        Fate::Hangs
    });
    (victim, killed)
}
