//! How many processes a deploy has of each type, and how many are asked for.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};
use xtask_contract::{EnvName, Error, Result, deploy::MOST_PROCESSES as MOST, nearest::did_you_mean};

/// A number of processes for each type.
pub type Formation = BTreeMap<String, u32>;

/// How many processes there are to be, seen from how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// `=3`
    Exactly(u32),
    /// `+1`
    More(u32),
    /// `-1`
    Fewer(u32),
}

impl Amount {
    /// The number itself; none if there would be fewer than none, or more than 1000.
    pub fn seen_from(self, now: u32) -> Option<u32> {
        let then = match self {
            Self::Exactly(count) => Some(count),
            Self::More(more) => now.checked_add(more),
            Self::Fewer(fewer) => now.checked_sub(fewer),
        };
        then.filter(|then| *then <= MOST)
    }
}

/// A request to scale one process type: `web=3`, `web+1` or `web-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleRequest {
    /// `web`.
    pub process: String,
    /// How many.
    pub amount: Amount,
}

impl FromStr for ScaleRequest {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "a process type and how many: web=3, web+1 or web-1".to_owned();
        let digits = text.rfind(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)? + 1;
        let (head, number) = text.split_at_checked(digits).ok_or_else(wrong)?;
        let sign = head.chars().next_back().ok_or_else(wrong)?;
        let named = |process: &&str| process.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let process =
            head.strip_suffix(sign).filter(named).filter(|process| !process.is_empty()).ok_or_else(wrong)?;
        if number.is_empty() {
            return Err(wrong());
        }
        let number: u32 = number.parse().ok().filter(|number| *number <= MOST).ok_or_else(|| {
            format!("{number} processes of one type are more than {MOST}, which is hardly meant")
        })?;
        let amount = match sign {
            '=' => Amount::Exactly(number),
            '+' => Amount::More(number),
            '-' => Amount::Fewer(number),
            _ => return Err(wrong()),
        };
        Ok(Self { process: process.to_owned(), amount })
    }
}

/// A formation in the form in which one is asked for: `web=2 worker=1`.
pub fn in_words(formation: &Formation) -> String {
    let all: Vec<String> = formation.iter().map(|(process, count)| format!("{process}={count}")).collect();
    all.join(" ")
}

/// How many there are to be of each type that is asked for; `now` has all types that there are.
pub fn resolve(env: &EnvName, requests: &BTreeMap<String, Amount>, now: &Formation) -> Result<Formation> {
    let mut then = Formation::new();
    let mut problems = Vec::new();
    for (process, amount) in requests {
        match now.get(process).map(|now| (now, amount.seen_from(*now))) {
            Some((_, Some(count))) => drop(then.insert(process.clone(), count)),
            Some((now, None)) => {
                problems.push(format!("there are {now} of {process}, and can be from 0 to {MOST}"));
            }
            None => {
                let known: Vec<&str> = now.keys().map(String::as_str).collect();
                problems.push(format!(
                    "{process} is no process type of its release{}, which has {}",
                    did_you_mean(process, known.iter().copied()),
                    known.join(", ")
                ));
            }
        }
    }
    if !problems.is_empty() {
        return Err(Error::refused_for(format!("scaling {env}"), problems)
            .next(format!("`cargo xtask scale --env {env}` shows how many there are")));
    }
    Ok(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_process_type_and_how_many() {
        let parse =
            |text: &str| text.parse::<ScaleRequest>().map(|request| (request.process, request.amount));
        assert_eq!(parse("web=3"), Ok(("web".into(), Amount::Exactly(3))));
        assert_eq!(parse("mail-worker+1"), Ok(("mail-worker".into(), Amount::More(1))));
        assert_eq!(parse("web-0"), Ok(("web".into(), Amount::Fewer(0))));
        for wrong in
            ["", "web", "3", "=3", "web=", "web=x", "web 3", "web=-1", "web=1.5", "é", "3web", "web=é"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let too_many = parse("web=1001").unwrap_err();
        assert!(too_many.contains("more than 1000"), "{too_many}");
        assert!(parse("web=99999999999").is_err());
    }

    #[test]
    fn there_are_neither_fewer_than_none_nor_more_than_the_most() {
        assert_eq!(Amount::Exactly(0).seen_from(7), Some(0));
        assert_eq!(Amount::More(2).seen_from(1), Some(3));
        assert_eq!(Amount::Fewer(1).seen_from(1), Some(0));
        assert_eq!(Amount::Fewer(2).seen_from(1), None);
        assert_eq!(Amount::More(1).seen_from(MOST), None);
        assert_eq!(Amount::More(u32::MAX).seen_from(1), None);
    }

    #[test]
    fn all_errors_are_reported_together() {
        let env: EnvName = "dev".parse().unwrap();
        let now = Formation::from([("web".into(), 1), ("worker".into(), 0)]);
        let requests = |all: &[&str]| {
            let all = all.iter().map(|text| text.parse::<ScaleRequest>().unwrap());
            all.map(|ScaleRequest { process, amount }| (process, amount)).collect()
        };
        let then = resolve(&env, &requests(&["web+2"]), &now).unwrap();
        assert_eq!(then, Formation::from([("web".into(), 3)]));
        let refused = resolve(&env, &requests(&["web-2", "wroker=1", "worker+1"]), &now).unwrap_err();
        assert_eq!(
            refused.why,
            [
                "there are 1 of web, and can be from 0 to 1000",
                "wroker is no process type of its release (did you mean worker?), which has web, worker"
            ]
        );
    }
}
