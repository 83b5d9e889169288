//! One-off processes on a cluster. (Before there is a relay to it: what kubectl relays is no connection to a process.)

use rustix::process::Signal;

use super::Story;
use crate::support::{PATIENCE, command::Xtask, kind::kubectl, terminal::Terminal};

pub(crate) fn tell(story: &Story) {
    story.a_one_off_process_ends_as_its_command_does_and_nothing_of_it_stays();
    story.what_is_piped_in_is_read();
    story.at_a_terminal_it_has_a_terminal();
    story.an_interrupt_ends_it();
    story.a_reader_that_has_seen_enough_ends_it();
    story.a_release_that_the_cluster_does_not_know_is_refused();
}

impl Story {
    fn a_one_off_process_ends_as_its_command_does_and_nothing_of_it_stays(&self) {
        let check = self.xtask(["admin", "--env", "dev", "--", "check"]).run().done();
        let checks: Vec<&str> = check.stdout.lines().collect();
        assert_eq!(checks.len(), 6, "each line once, from the first on: {check:?}");
        assert!(checks[0].contains("\"check\":\"config\""), "{check:?}");
        self.xtask(["admin", "--env", "dev", "--", "purge"]).run().exits(2);
        nothing_stays();
    }

    fn what_is_piped_in_is_read(&self) {
        let numbers: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
        let many = format!("print({})\n", numbers.join(")\nprint("));
        let shell = self.xtask(["admin", "--env", "dev", "--", "shell"]).input(&many).run().done();
        assert_eq!(shell.stdout.lines().collect::<Vec<_>>(), numbers);
        self.xtask(["admin", "--env", "dev", "--", "shell"]).input("nonsense\n").run().exits(1);
        nothing_stays();
    }

    fn at_a_terminal_it_has_a_terminal(&self) {
        let mut terminal = Terminal::new();
        let shell = self.xtask(["admin", "--env", "dev", "--", "shell"]).start_at(&terminal);
        terminal.shows("> ");
        terminal.types("6 * 7\r");
        terminal.shows("42");
        terminal.shows("> "); // before, what ends a line that is edited ends nothing
        terminal.types("\u{4}");
        let (status, seen) = terminal.sees_end_of(shell);
        assert!(status.success(), "{seen}");
        // One that is over before anybody could connect shows all that it had to say.
        let terminal = Terminal::new();
        let check = self.xtask(["admin", "--env", "dev", "--", "check"]).start_at(&terminal);
        let (status, seen) = terminal.sees_end_of(check);
        assert!(status.success(), "{seen}");
        for about in ["config", "database", "session", "schema", "clock", "connections"] {
            assert_eq!(seen.matches(&format!("\"check\":\"{about}\"")).count(), 1, "{seen}");
        }
        nothing_stays();
    }

    fn an_interrupt_ends_it(&self) {
        let mut worker = self.xtask(["admin", "--env", "dev", "--", "worker"]).start();
        worker.prints("\"message\"");
        worker.signal(Signal::INT);
        worker.ends_within(PATIENCE).exits(130).says("SIGINT: the process is ended");
        nothing_stays();
    }

    fn a_reader_that_has_seen_enough_ends_it(&self) {
        let wrapper =
            ["bash", "-c", "set -o pipefail; yes 'print(1)' | (trap '' PIPE; \"$@\") | head -n 3", "bash"];
        let shell = Xtask::through(&wrapper, &self.checkout.root, &self.checkout.home).with_engine();
        let seen = shell.args(["admin", "--env", "dev", "--", "shell"]).start().ends_within(PATIENCE);
        assert_eq!(seen.stdout, "1\n1\n1\n");
        assert!(!seen.stderr.contains("roken pipe"), "{seen:?}");
        nothing_stays();
    }

    fn a_release_that_the_cluster_does_not_know_is_refused(&self) {
        let id = self.release().to_string();
        self.xtask(["admin", "--env", "dev", "--release", &id, "--", "check"])
            .run()
            .refused("is not on the cluster");
        self.run().done();
        self.xtask(["admin", "--env", "dev", "--release", &id, "--", "check"]).run().done();
    }
}

fn nothing_stays() {
    let jobs = kubectl(&["get", "jobs", "--selector=twelve-factor.dev/part=admin", "--output=name"]);
    assert_eq!(jobs, "");
}
