//! A node that is away for a while. What else can hinder a run, an API that is overloaded, forgetful or deaf, is played
//! without a node (`scripted::hindering`).

use std::{process::Command, thread, time::Duration};

use super::Story;
use crate::support::kind::{node, output, release_of_pods};

pub(crate) fn tell(story: &Story) {
    story.a_node_that_is_away_for_a_while_delays_a_rollout();
}

impl Story {
    #[expect(clippy::disallowed_methods, reason = "it is away for just that time")]
    fn a_node_that_is_away_for_a_while_delays_a_rollout(&self) {
        let wanted = self.release();
        let mut run = self.xtask(["run", "--env", "dev"]).start();
        run.says("rolling out");
        output(Command::new("docker").args(["pause", &node()]));
        thread::sleep(Duration::from_secs(20));
        output(Command::new("docker").args(["unpause", &node()]));
        run.ends_within(crate::support::LONG_PATIENCE).done();
        assert_eq!(release_of_pods(), wanted.to_string());
    }
}
