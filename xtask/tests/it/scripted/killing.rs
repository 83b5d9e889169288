//! Sudden death of `run` at each of its calls that change anything, and loss of each answer: the same command always
//! converges, to the very cluster that an undisturbed run would have left.
//!
//! Death comes when a call was carried out and before it is answered. Since each change is answered before the next
//! one is asked for, that is death before the next one, too.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use super::{
    Deploy,
    picture::{Picture, assert_same, picture},
};
use crate::support::{
    PATIENCE,
    api_server::{Fate, Store},
    call::Call,
    processes::Victim,
};

#[test]
fn killed_at_any_call_of_the_first_run_the_same_command_converges() {
    let (deploy, before) = Deploy::with_its_first_release();
    deploy.withstands(&before, Deploy::dies_at);
}

#[test]
fn killed_at_any_call_of_a_rollout_the_same_command_converges() {
    let (deploy, before) = Deploy::with_another_release();
    deploy.withstands(&before, Deploy::dies_at);
}

#[test]
fn whichever_answer_of_a_rollout_is_lost_the_same_command_converges() {
    let (deploy, before) = Deploy::with_another_release();
    deploy.withstands(&before, Deploy::loses_the_answer_of);
}

impl Deploy {
    /// A deploy that has not run yet, and its cluster.
    fn with_its_first_release() -> (Self, Store) {
        let deploy = Self::new();
        deploy.release();
        let before = deploy.server.cluster().store.clone();
        (deploy, before)
    }

    /// A deploy that runs a release and has got a new one, and its cluster.
    fn with_another_release() -> (Self, Store) {
        let deploy = Self::new();
        deploy.release();
        deploy.run().done();
        deploy.release();
        let before = deploy.server.cluster().store.clone();
        (deploy, before)
    }

    /// Whatever step of a run from this cluster on the accident befalls, the run after it brings all about.
    #[track_caller]
    fn withstands(&self, before: &Store, accident: impl Fn(&Self, usize)) {
        let (steps, wanted) = self.undisturbed(before);
        for (number, step) in steps.iter().enumerate() {
            self.server.cluster().store = before.clone();
            accident(self, number);
            self.server.lets_all_pass();
            self.run().done();
            assert_same(&picture(&self.server.cluster().store), &wanted, &step.to_string());
        }
    }

    /// The calls by which a run changes the cluster, and what it is then.
    #[track_caller]
    fn undisturbed(&self, before: &Store) -> (Vec<Call>, Picture) {
        self.server.cluster().store = before.clone();
        self.server.calls();
        self.run().done();
        let steps: Vec<Call> = self.server.calls().into_iter().filter(Call::is_a_step).collect();
        for kind in ["leases", "secrets", "configmaps", "statefulsets", "jobs", "services", "deployments"] {
            assert!(steps.iter().any(|call| call.path.contains(kind)), "{kind} is not in {steps:#?}");
        }
        assert!(!self.server.had_two_changes_at_once());
        self.is_on(*self.checkout.ids("prod").last().unwrap());
        (steps, picture(&self.server.cluster().store))
    }

    /// A run that is killed when its step of this number is carried out.
    fn dies_at(&self, number: usize) {
        let victim = Victim::default();
        let named = victim.clone();
        self.at_step(number, move || Fate::Lost(Box::new(move || victim.dies())));
        let run = self.xtask(["run"]).start();
        named.is(run.pid());
        let outcome = run.ends_within(PATIENCE);
        assert_eq!(outcome.status.signal(), Some(Signal::KILL.as_raw()), "{outcome:#?}");
    }

    /// A run that does not get the answer to its step of this number. It may go on from that, or not.
    fn loses_the_answer_of(&self, number: usize) {
        self.at_step(number, || Fate::Lost(Box::new(|| ())));
        self.run();
    }

    /// From now on this becomes of the step with this number.
    fn at_step(&self, number: usize, fate: impl FnOnce() -> Fate + Send + 'static) {
        let (mut steps, mut fate) = (0, Some(fate));
        self.server.decides(move |call| {
            steps += usize::from(call.is_a_step());
            if steps <= number {
                return Fate::Passes;
            }
            fate.take().map_or(Fate::Passes, |fate| fate())
        });
    }
}
