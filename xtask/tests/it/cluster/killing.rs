//! Sudden death of `run` before each of its calls that change anything: the same command always converges.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, channel},
};

use rustix::process::{Pid, Signal, kill_process};

use super::Story;
use crate::support::{
    LONG_PATIENCE,
    kind::release_of_pods,
    relay::{Call, Fate, Relay},
};

pub(crate) fn tell(story: &Story) {
    let relay = story.relay();
    story.killed_before_any_call_the_same_command_converges(&relay);
}

impl Story {
    fn killed_before_any_call_the_same_command_converges(&self, relay: &Relay) {
        let all = self.calls(relay);
        // Two or more of these are one after the other, so that death before one is death after the other.
        let kinds = ["leases", "configmaps", "secrets", "jobs", "deployments", "services", "statefulsets"];
        for kind in kinds {
            assert!(all.iter().any(|call| call.path.contains(kind)), "{kind} is not in {all:#?}");
        }
        for number in 0..all.len() {
            let wanted = self.release();
            let run = self.xtask(["run", "--env", "dev"]).start();
            let (pid, killed) = (run.pid(), kill_at(relay, number));
            give(&killed.0, pid);
            run.ends_within(LONG_PATIENCE);
            let call = killed.1.try_recv();
            relay.lets_all_pass();
            self.run().done();
            assert_eq!(release_of_pods(), wanted.to_string(), "after death at {call:?}");
            self.xtask(["status", "--env", "dev"]).run().done();
        }
    }

    /// The calls of a run that change anything.
    fn calls(&self, relay: &Relay) -> Vec<Call> {
        self.release();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        relay.decides(move |call| {
            if call.changes() {
                seen.lock().unwrap().push(call.clone());
            }
            Fate::Passes
        });
        self.run().done();
        relay.lets_all_pass();
        let calls = calls.lock().unwrap().clone();
        // The lock is renewed every two seconds.
        let renews = |call: &Call| call.method == "PUT" && call.path.contains("leases");
        calls.into_iter().filter(|call| !renews(call)).collect()
    }
}

type Target = Arc<Mutex<Option<Pid>>>;

fn give(target: &Target, pid: Pid) {
    *target.lock().unwrap() = Some(pid);
}

/// Kills the process that the target will name at the call with this number, which is then not relayed.
fn kill_at(relay: &Relay, number: usize) -> (Target, Receiver<Call>) {
    let target = Target::default();
    let (send, killed) = channel();
    let (victim, mut count) = (Arc::clone(&target), 0);
    relay.decides(move |call| {
        if !call.changes() || (call.method == "PUT" && call.path.contains("leases")) {
            return Fate::Passes;
        }
        count += 1;
        if count != number + 1 {
            return Fate::Passes;
        }
        let pid = loop {
            if let Some(pid) = *victim.lock().unwrap() {
                break pid;
            }
            std::thread::yield_now();
        };
        let _ = kill_process(pid, Signal::KILL);
        let _ = send.send(call.clone());
        Fate::Hangs
    });
    (target, killed)
}
