//! What a deploy remembers of its releases: which have run and which have failed, in the order in which they did. It is
//! kept where the deploy runs, beside the last-deployed record.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use xtask_contract::{Ledger, ReleaseId, Result, last_deployed::LastDeployed, ledger::Verified};

/// How much is remembered.
const MOST: usize = 200;

/// What befell the releases of a deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Up to which release not all is remembered, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten_to: Option<ReleaseId>,
    /// The newest last.
    #[serde(default)]
    events: Vec<Event>,
}

/// That a release has run, or has failed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    /// The release.
    release: ReleaseId,
    /// When.
    at: DateTime<Utc>,
    /// Whether it has run or failed.
    outcome: Outcome,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of its processes were ready.
    Ran,
    /// It could not be brought up.
    Failed,
}

/// What became of a release so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It has run.
    Ran,
    /// It was to run and could not.
    Failed,
    /// It was never run.
    Never,
    /// It was made before the deploy began to remember.
    Unknown,
}

impl History {
    /// What is known of a deploy that has kept no history yet.
    pub fn begun_by(last_deployed: Option<&LastDeployed>) -> Self {
        let events = last_deployed.map(|last_deployed| Event {
            release: last_deployed.id,
            at: last_deployed.id.time(),
            outcome: Outcome::Ran,
        });
        Self {
            forgotten_to: last_deployed.map(|last_deployed| last_deployed.id),
            events: events.into_iter().collect(),
        }
    }

    /// Adds what has just happened. That what runs is run again is no news.
    pub fn add(&mut self, release: ReleaseId, outcome: Outcome) {
        if self.events.last().is_some_and(|last| (last.release, last.outcome) == (release, outcome)) {
            return;
        }
        self.events.push(Event { release, at: Utc::now().trunc_subsecs(0), outcome });
        if self.events.len() > MOST {
            self.forgotten_to = self.forgotten_to.max(Some(self.events.remove(0).release));
        }
    }

    /// What became of a release.
    pub fn fate(&self, release: ReleaseId) -> Fate {
        let mut outcomes = self.events.iter().filter(|event| event.release == release);
        match outcomes.clone().next() {
            Some(_) if outcomes.any(|event| event.outcome == Outcome::Ran) => Fate::Ran,
            Some(_) => Fate::Failed,
            None if Some(release) <= self.forgotten_to => Fate::Unknown,
            None => Fate::Never,
        }
    }

    /// When a release ran last.
    pub fn ran(&self, release: ReleaseId) -> Option<DateTime<Utc>> {
        let ran = |event: &&Event| event.release == release && event.outcome == Outcome::Ran;
        self.events.iter().rfind(ran).map(|event| event.at)
    }

    /// The releases that one can go back to from `now`, with when they ran, the last one first: those that have run,
    /// and are not like `now` or like one that ran later.
    pub fn before(&self, now: ReleaseId, ledger: &Ledger) -> Result<Vec<(Verified, DateTime<Utc>)>> {
        let known = ledger.ids()?;
        let mut all = vec![(ledger.load(now)?, self.latest(now))];
        for event in self.events.iter().rev().filter(|event| event.outcome == Outcome::Ran) {
            if known.contains(&event.release) {
                let verified = ledger.load(event.release)?;
                if !all.iter().any(|(later, _)| later.is_like(&verified)) {
                    all.push((verified, event.at));
                }
            }
        }
        Ok(all.split_off(1))
    }

    fn latest(&self, release: ReleaseId) -> DateTime<Utc> {
        let event = self.events.iter().rev().find(|event| event.release == release);
        event.map_or_else(|| release.time(), |event| event.at)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use serde_json::json;
    use xtask_contract::{Digest, EnvName, Release, Repo, checksums::checksums};

    use super::{Outcome::*, *};

    const IDS: [&str; 5] = [
        "2011-04-06-20:00:01",
        "2011-04-06-20:00:02",
        "2011-04-06-20:00:03",
        "2011-04-06-20:00:04",
        "2011-04-06-20:00:05",
    ];

    fn id(number: usize) -> ReleaseId {
        IDS[number - 1].parse().unwrap()
    }

    fn history(events: &[(usize, Outcome)]) -> History {
        let mut history = History::default();
        for (number, outcome) in events {
            history.add(id(*number), *outcome);
        }
        history
    }

    /// A ledger of five releases; each runs the image of this name.
    fn ledger(images: [&str; 5]) -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("k8s/envs")).unwrap();
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let ledger = Ledger::of(&Repo::around(folder.path()).unwrap(), &EnvName::local());
        for (number, image) in (1..).zip(images) {
            let image = json!({ "digest": Digest::of(image), "revision": IDS[number - 1], "dirty": false });
            let release = json!({ "schema": 2, "id": id(number), "env": "local", "sequence": number,
                "by": "somebody", "image": image, "target": { "kind": "local" }, "migrate": [], "processes": {},
                "config": {} });
            let text = serde_json::from_value::<Release>(release).unwrap().to_toml().unwrap();
            let place = ledger.folder_of(id(number));
            fs::create_dir_all(&place).unwrap();
            let sums = checksums(&BTreeMap::from([(Release::FILE.to_owned(), text.clone().into_bytes())]));
            fs::write(place.join(Release::FILE), text).unwrap();
            fs::write(place.join(Release::CHECKSUMS), sums).unwrap();
        }
        (folder, ledger)
    }

    fn back(history: &History, images: [&str; 5], now: usize) -> Vec<String> {
        let (_folder, ledger) = ledger(images);
        let before = history.before(id(now), &ledger).unwrap();
        before.iter().map(|(verified, _)| verified.release.id.to_string()).collect()
    }

    fn ids(numbers: &[usize]) -> Vec<String> {
        numbers.iter().map(|number| id(*number).to_string()).collect()
    }

    #[test]
    fn one_goes_back_to_what_ran_and_is_another_release_than_what_runs() {
        let different = ["a", "b", "c", "d", "e"];
        let ran = history(&[(1, Ran), (3, Ran), (4, Failed), (5, Ran)]);
        assert_eq!(back(&ran, different, 5), [IDS[2], IDS[0]], "2 never ran, and 4 failed");
        assert_eq!(back(&ran, ["a", "b", "e", "d", "e"], 5), [IDS[0]], "3 is what runs now");
        assert_eq!(back(&ran, ["e", "b", "e", "d", "e"], 5), [""; 0]);
        // One that failed and was left as it is: what ran last is before it.
        let left = history(&[(1, Ran), (2, Ran), (3, Failed)]);
        assert_eq!((back(&left, different, 3), back(&left, different, 2)), (ids(&[2, 1]), ids(&[1])));
    }

    #[test]
    fn going_back_again_leads_to_what_ran_before_the_rollback() {
        // 3 is a rollback to 1.
        let ran = history(&[(1, Ran), (2, Ran), (3, Ran)]);
        assert_eq!(back(&ran, ["a", "b", "a", "", ""], 3), [IDS[1]]);
    }

    #[test]
    fn what_became_of_a_release_is_known_from_the_first_record_on() {
        let of = |history: &History| [1, 2, 3, 4].map(|number| history.fate(id(number)));
        let events = [(2, Failed), (3, Ran), (2, Ran), (3, Failed)];
        assert_eq!(of(&history(&events)), [Fate::Never, Fate::Ran, Fate::Ran, Fate::Never]);
        assert_eq!(of(&history(&[(2, Failed)])), [Fate::Never, Fate::Failed, Fate::Never, Fate::Never]);
        let last_deployed = json!({ "id": id(3), "sequence": 3, "digest": Digest::of(""), "images": [] });
        let begun = History::begun_by(Some(&serde_json::from_value(last_deployed).unwrap()));
        assert_eq!(of(&begun), [Fate::Unknown, Fate::Unknown, Fate::Ran, Fate::Never]);
        assert_eq!(of(&History::begun_by(None)), [Fate::Never; 4]);
    }

    #[test]
    fn a_run_of_what_runs_is_no_news_and_what_is_long_ago_is_forgotten() {
        assert_eq!(history(&[(1, Ran), (1, Ran)]).events.len(), 1);
        let mut long = history(&[(1, Ran)]);
        for _ in 0..MOST {
            long.add(id(2), Ran);
            long.add(id(3), Failed);
        }
        assert_eq!((long.events.len(), long.fate(id(1)), long.fate(id(2))), (MOST, Fate::Unknown, Fate::Ran));
        let text = toml::to_string(&long).unwrap();
        assert_eq!(toml::from_str::<History>(&text).unwrap(), long);
    }
}
