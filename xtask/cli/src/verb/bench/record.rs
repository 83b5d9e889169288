//! What was measured, with all that it depends on, in docs/measured.toml.

use std::{fs, io};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use xtask_contract::{Context, Repo, Result, durable};

use super::{
    figure::Figure,
    machine::{Load, Machine},
};

pub(super) const FILE: &str = "docs/measured.toml";

const HEAD: &str = "\
# Written by `cargo xtask bench --save`, not by hand. What README.md and docs/ tell of these figures is written with it,
# and a test fails where they differ. Only the goals are set by hand, in the code of each part.

";

/// The parts, in the order in which they are measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "part")]
    pub(super) parts: Vec<Measured>,
}

/// What a part came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) name: String,
    /// What is to be known of the figures.
    pub(super) notes: Vec<String>,
    /// What was not measured, and why.
    pub(super) skipped: Vec<String>,
    #[serde(flatten)]
    pub(super) occasion: Occasion,
    pub(super) load: Load,
    #[serde(rename = "figure", default)]
    pub(super) figures: Vec<Figure>,
}

/// When, where and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Occasion {
    pub(super) command: String,
    pub(super) date: NaiveDate,
    pub(super) commit: String,
    /// Whether what was measured differs from that commit.
    pub(super) uncommitted: bool,
    /// How often each measurement was repeated.
    pub(super) runs: u32,
    pub(super) machine: Machine,
}

impl Record {
    /// The one that was saved last; none in a checkout in which none was.
    pub(super) fn read(repo: &Repo) -> Result<Self> {
        let text = match fs::read_to_string(repo.root().join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text.doing(|| format!("reading {FILE}"))?,
        };
        toml::from_str(&text).doing(|| format!("reading {FILE}"))
    }

    pub(super) fn write(&self, repo: &Repo) -> Result<()> {
        let path = repo.root().join(FILE);
        durable::replace(&path, self.text()?.as_bytes(), 0o644).doing(|| format!("writing {FILE}"))
    }

    fn text(&self) -> Result<String> {
        let text = toml::to_string(self).doing(|| format!("writing {FILE}"))?;
        Ok(format!("{HEAD}{text}"))
    }

    /// With these parts measured anew, and the others as they were, in this order.
    pub(super) fn with(mut self, measured: Vec<Measured>, order: &[&str]) -> Self {
        self.parts.retain(|part| measured.iter().all(|new| new.name != part.name));
        self.parts.extend(measured);
        self.parts.sort_by_key(|part| order.iter().position(|name| *name == part.name));
        self.parts.retain(|part| order.contains(&part.name.as_str()));
        self
    }

    pub(super) fn figure(&self, key: &str) -> Option<&Figure> {
        self.parts.iter().flat_map(|part| &part.figures).find(|figure| figure.key() == key)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verb::bench::figure::{Best, Goal, tests::figure};

    pub(in super::super) fn measured(name: &str, ours: f64) -> Measured {
        let machine = Machine {
            processor: "A Processor".into(),
            cores: 2,
            memory_gib: 23.5,
            kernel: "linux 6.1.0".into(),
        };
        let occasion = Occasion {
            command: "cargo xtask bench --save".into(),
            date: NaiveDate::from_ymd_opt(2011, 4, 6).unwrap(),
            commit: "3f2a9c51d0e1".into(),
            uncommitted: false,
            runs: 5,
            machine,
        };
        Measured {
            name: name.into(),
            notes: Vec::new(),
            skipped: vec!["the rest (it is not there)".into()],
            occasion,
            load: Load { before: 0.1, after: 1.25 },
            figures: vec![
                figure(Best::Least, ours, Goal::Value(50.0), Some(40.0)),
                Figure { name: "another".into(), ..figure(Best::Most, ours, Goal::Ratio(10.0), None) },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let record = Record { parts: vec![measured("build", 1.5), measured("kind", 2500.0)] };
        assert_eq!(toml::from_str::<Record>(&record.text().unwrap()).unwrap(), record);
    }

    #[test]
    fn parts_that_were_not_measured_stay_as_they_were() {
        let before = Record { parts: vec![measured("a", 1.0), measured("c", 1.0), measured("gone", 1.0)] };
        let after = before.with(vec![measured("c", 2.0), measured("b", 2.0)], &["a", "b", "c"]);
        let told: Vec<_> =
            after.parts.iter().map(|part| (part.name.as_str(), part.figures[0].ours)).collect();
        assert_eq!(told, [("a", 1.0), ("b", 2.0), ("c", 2.0)]);
    }
}
