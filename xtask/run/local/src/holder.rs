//! Who is changing a deploy.

use std::{env, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use xtask_contract::{EnvName, Error, ReleaseId};

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
