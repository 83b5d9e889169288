//! What a command and the `run` that is up say to each other: one JSON document per line, over a Unix socket. A command
//! says one thing, and hears until the socket is closed.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use xtask_contract::{Error, Progress, ReleaseId};

use crate::{holder::Holder, state::State};
use xtask_run::{Amount, Formation, Ran, START};

/// The version of this conversation. A command of another version is answered with [`Reply::Failed`], whose form stays.
pub(crate) const VERSION: u32 = 2;

/// What a command says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) version: u32,
    pub(crate) user: String,
    /// Whether to wait for another command that changes the deploy, rather than be refused.
    pub(crate) wait: bool,
    #[serde(rename = "wish")]
    pub(crate) action: Action,
}

/// The version alone, which every version of this conversation has in the same place.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u32,
}

/// What a command asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Run {
        release: ReleaseId,
        /// How long each of its processes may take to become ready.
        #[serde(default = "start")]
        start: Duration,
    },
    Scale {
        #[serde(rename = "wishes")]
        requests: BTreeMap<String, Amount>,
    },
    State,
}

/// What is meant by a command of the time when that could not be chosen.
fn start() -> Duration {
    START
}

/// What a command hears.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Somebody else is changing the deploy.
    Waiting(Holder),
    /// It is this command's turn.
    Begun,
    Step(String),
    Detail(String),
    Note(String),
    Line(String, String),
    Ran(Ran),
    Scaled(Formation),
    State(Box<State>),
    Failed(Error),
}

/// Progress for the command that has asked. What stays on the screen is shown where the `run` is up, too.
pub(crate) struct Told<'a> {
    pub(crate) here: &'a dyn Progress,
    pub(crate) there: &'a UnboundedSender<Reply>,
}

impl Told<'_> {
    fn tell(&self, reply: Reply) {
        // The client may be gone; what was begun goes on.
        let _ = self.there.send(reply);
    }
}

impl Progress for Told<'_> {
    fn step(&self, what: &str) {
        self.tell(Reply::Step(what.to_owned()));
    }

    fn detail(&self, what: &str) {
        self.tell(Reply::Detail(what.to_owned()));
    }

    fn note(&self, what: &str) {
        self.here.note(what);
        self.tell(Reply::Note(what.to_owned()));
    }

    fn line(&self, process: &str, line: &str) {
        self.here.line(process, line);
        self.tell(Reply::Line(process.to_owned(), line.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_another_version_tells_is_understood() {
        let told =
            r#"{"failed":{"exit":"refused","doing":"changing local","why":["no"],"next":null,"cause":null}}"#;
        let Ok(Reply::Failed(error)) = serde_json::from_str(told) else { panic!("{told}") };
        assert_eq!(error.to_string(), "changing local: no");
        assert_eq!(serde_json::to_string(&Reply::Failed(error)).unwrap(), told);
    }
}
