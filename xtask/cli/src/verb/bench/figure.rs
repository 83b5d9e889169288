//! A figure: a median of what was measured here, beside the median of what the usual tool needs for the same work.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) best: Best,
    pub(super) ours: f64,
    pub(super) goal: Goal,
    pub(super) peer: Option<Peer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Millis,
    #[serde(rename = "/s")]
    PerSecond,
    #[serde(rename = "MiB")]
    Mebibytes,
}

/// Which is better: a figure above another one, or one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Best {
    Least,
    Most,
}

/// What a figure is to reach. It is set by hand, not measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Goal {
    Value(f64),
    /// So many times as good as the peer.
    Ratio(f64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) value: f64,
}

/// What is measured, before anybody has.
#[derive(Debug, Clone, Copy)]
pub(super) struct What {
    name: &'static str,
    unit: Unit,
    best: Best,
    goal: Goal,
}

impl What {
    pub(super) const fn least(name: &'static str, unit: Unit, goal: Goal) -> Self {
        Self { name, unit, best: Best::Least, goal }
    }

    pub(super) const fn most(name: &'static str, unit: Unit, goal: Goal) -> Self {
        Self { name, unit, best: Best::Most, goal }
    }

    /// The figure; none, if nobody has measured.
    pub(super) fn of(self, ours: &[f64]) -> Option<Figure> {
        self.beside(ours, "", &[])
    }

    /// The same beside what does the same work, if that was measured, too.
    pub(super) fn beside(self, ours: &[f64], peer: &str, theirs: &[f64]) -> Option<Figure> {
        let Self { name, unit, best, goal } = self;
        let peer = median(theirs).map(|value| Peer { name: peer.to_owned(), value });
        Some(Figure { name: name.to_owned(), unit, best, ours: median(ours)?, goal, peer })
    }
}

impl Figure {
    /// How many times as good as the peer.
    pub(super) fn ratio(&self) -> Option<f64> {
        let theirs = self.peer.as_ref()?.value;
        Some(match self.best {
            Best::Least => theirs / self.ours,
            Best::Most => self.ours / theirs,
        })
    }

    pub(super) fn is_missed(&self) -> bool {
        match (self.goal, self.best) {
            (Goal::Value(goal), Best::Least) => self.ours > goal,
            (Goal::Value(goal), Best::Most) => self.ours < goal,
            (Goal::Ratio(goal), _) => self.ratio().is_some_and(|ratio| ratio < goal),
        }
    }

    /// What documents call it by.
    pub(super) fn key(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").to_lowercase()
    }

    /// What was measured, as it stands in a sentence.
    pub(super) fn words(&self) -> String {
        match self.unit {
            Unit::Seconds if self.ours >= 90.0 => format!("{} minutes", short(self.ours / 60.0)),
            unit => quantity(self.ours, unit),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::PerSecond => "/s",
            Self::Mebibytes => "MiB",
        })
    }
}

/// The median, with no more digits than it deserves: what is written down is what is compared.
pub(super) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    let median = f64::midpoint(lower, upper);
    Some(format!("{median:.3e}").parse().unwrap_or(median))
}

/// A value with its unit.
pub(super) fn quantity(value: f64, unit: Unit) -> String {
    format!("{} {unit}", short(value))
}

/// A number with no more digits than it deserves.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        1.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn figure(best: Best, ours: f64, goal: Goal, peer: Option<f64>) -> Figure {
        let peer = peer.map(|value| Peer { name: "other".into(), value });
        Figure { name: "it, at last".into(), unit: Unit::Millis, best, ours, goal, peer }
    }

    #[test]
    fn a_median_is_in_the_middle_however_many_there_are() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[12_345.678]), Some(12_350.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn what_nobody_has_measured_is_no_figure() {
        let what = What::least("it", Unit::Millis, Goal::Value(1.0));
        assert_eq!(what.of(&[]), None);
        assert_eq!(what.beside(&[1.0], "other", &[]).unwrap().peer, None);
        assert_eq!(what.beside(&[1.0], "other", &[3.0]).unwrap().ratio(), Some(3.0));
    }

    #[test]
    fn a_ratio_above_one_is_better_whichever_way_is_better() {
        assert_eq!(figure(Best::Least, 10.0, Goal::Value(1.0), Some(40.0)).ratio(), Some(4.0));
        assert_eq!(figure(Best::Most, 40.0, Goal::Value(1.0), Some(10.0)).ratio(), Some(4.0));
        assert_eq!(figure(Best::Most, 40.0, Goal::Value(1.0), None).ratio(), None);
    }

    #[test]
    fn a_goal_is_missed_on_the_worse_side_of_it() {
        for (best, ours, goal, peer, missed) in [
            (Best::Most, 5000.0, Goal::Value(4000.0), None, false),
            (Best::Most, 3999.9, Goal::Value(4000.0), None, true),
            (Best::Least, 0.5, Goal::Value(1.25), None, false),
            (Best::Least, 1.5, Goal::Value(1.25), None, true),
            (Best::Least, 1.0, Goal::Ratio(10.0), Some(10.0), false),
            (Best::Least, 1.1, Goal::Ratio(10.0), Some(10.0), true),
            (Best::Most, 6.9, Goal::Ratio(0.7), Some(10.0), true),
            // Nobody knows.
            (Best::Most, 6.9, Goal::Ratio(0.7), None, false),
        ] {
            let figure = figure(best, ours, goal, peer);
            assert_eq!(figure.is_missed(), missed, "{figure:?}");
        }
    }

    #[test]
    fn a_figure_is_named_by_its_words_and_told_in_them() {
        let figure = |unit, ours| Figure { unit, ours, ..figure(Best::Least, 1.0, Goal::Value(1.0), None) };
        assert_eq!(figure(Unit::Millis, 1.0).key(), "it-at-last");
        assert_eq!(figure(Unit::Mebibytes, 12.1).words(), "12.1 MiB");
        assert_eq!(figure(Unit::Seconds, 304.0).words(), "5.1 minutes");
        assert_eq!(figure(Unit::Seconds, 12.0).words(), "12.0 s");
        assert_eq!(figure(Unit::PerSecond, 6378.0).words(), "6378 /s");
    }
}
