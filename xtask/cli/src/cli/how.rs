//! How the verbs that run a release go about it.

use std::time::Duration;

use clap::Args;
use xtask_run::{IfBusy, Options};

/// The options of `run`, `up` and `rollback`.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Refuse, rather than wait, while another command changes the deploy
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// Take this field from its owner on the cluster, as the refusal names it; may be repeated
    #[arg(long, value_name = "FIELD")]
    pub(crate) take_over: Vec<String>,

    /// Leave a release that fails as it is, to look at, rather than go back to the one before
    #[arg(long)]
    pub(crate) keep_failed: bool,

    /// The last resort: how long the release may take to arrive on a cluster (5m if not given), or each of its processes
    /// to become ready on this machine (1m)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,

    /// Write what happens to standard output, as one JSON document in a line for each event
    #[arg(long, conflicts_with = "json")]
    pub(crate) json_events: bool,
}

impl How {
    pub(crate) fn options(&self) -> Options {
        let usual = Options::default();
        Options {
            if_busy: if self.no_wait { IfBusy::Refuse } else { IfBusy::Wait },
            take_over: self.take_over.clone(),
            keep_failed: self.keep_failed,
            deadline: self.deadline.unwrap_or(usual.deadline),
            start: self.deadline.unwrap_or(usual.start),
            timing: usual.timing,
        }
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration is a whole number with a unit, such as 90s or 10m".to_owned();
    let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..unit].parse().map_err(|_| wrong())?;
    match &text[unit..] {
        "s" if number > 0 => Ok(Duration::from_secs(number)),
        "m" if (1..=24 * 60).contains(&number) => Ok(Duration::from_secs(number * 60)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        how: How,
        /// Of the whole command line.
        #[arg(long)]
        json: bool,
    }

    #[test]
    fn a_cluster_and_a_process_of_this_machine_have_other_times_unless_one_is_given() {
        let options = |line: &[&str]| Line::parse_from(line).how.options();
        let (usual, given) = (options(&["run"]), options(&["run", "--deadline", "9s"]));
        assert_eq!((usual.deadline, usual.start), (Duration::from_mins(5), Duration::from_mins(1)));
        assert_eq!([given.deadline, given.start], [Duration::from_secs(9); 2]);
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        for wrong in ["", "10", "m", "0s", "-1s", "1h", "99999999999999999999s", "5 m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
