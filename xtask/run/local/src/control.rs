//! What a command and the `run` that is up say to each other: one JSON document per line, over a Unix socket. A command
//! says one thing, and hears until the socket is closed.

use std::{collections::BTreeMap, env, fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use xtask_contract::{EnvName, Error, Progress, ReleaseId};

use crate::client::State;
use xtask_run::{Amount, Formation, Ran, START};

/// The version of this conversation. A command of another version is answered with [`Reply::Failed`], whose form stays.
pub(crate) const VERSION: u32 = 2;

/// What a command says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) version: u32,
    pub(crate) user: String,
    /// Whether to wait for whoever changes the deploy, rather than be refused.
    pub(crate) wait: bool,
    pub(crate) wish: Wish,
}

/// The version alone, which every version of this conversation has in the same place.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u32,
}

/// What a command wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Run {
        release: ReleaseId,
        /// How long each of its processes may take to become ready.
        #[serde(default = "start")]
        start: Duration,
    },
    Scale {
        wishes: BTreeMap<String, Amount>,
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
    State(State),
    Failed(Error),
}

/// Who is changing a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub user: String,
    /// By which process.
    pub process: u32,
    /// The release that is to run, if it is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Holder {
    /// This process, from now on.
    pub(crate) fn myself(release: ReleaseId) -> Self {
        Self { user: user(), process: std::process::id(), release: Some(release), since: Utc::now() }
    }

    /// Refuses for this one's sake.
    pub(crate) fn refuse(&self, env: &EnvName) -> Error {
        Error::refused(format!("changing {env}"), format!("{self} does so already"))
            .next("run the same command again when that is done; without `--no-wait` it waits by itself")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, process, release, since } = self;
        let what = release.map_or_else(|| "scaling".to_owned(), |release| format!("running {release}"));
        write!(f, "{user} (process {process}, {what} since {} UTC)", since.format("%H:%M:%S"))
    }
}

/// The login's user name.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Progress for the command that has asked. What stays on the screen is shown where the `run` is up, too.
pub(crate) struct Told<'a> {
    pub(crate) here: &'a dyn Progress,
    pub(crate) there: &'a UnboundedSender<Reply>,
}

impl Told<'_> {
    fn tell(&self, reply: Reply) {
        // Whoever has asked may be gone; what was begun goes on.
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
