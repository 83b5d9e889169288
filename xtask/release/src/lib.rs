//! Stage 2, release: an image's digest and one deploy's config make an immutable release.
//!
//! Architecture invariants: nothing is built or run here, and no release that exists is ever changed.

mod check;
mod clock;
pub mod config;
mod deploy_file;
mod draft;
mod endpoint;
mod ledger;
mod provision;
mod recipients;
mod render;
mod rollback;
pub mod services;
mod set_aside;
mod signing;

pub use clock::{Clock, SystemClock};
pub use draft::{Draft, Published};
pub use endpoint::Endpoint;
pub use rollback::rollback;
pub use set_aside::{SetAside, set_aside};

use std::{collections::BTreeMap, env};

use xtask_contract::{Layout, Release, Repo};

/// What should be known before a release has as many processes as this. Nothing, where its image is not on this machine.
pub fn warning_of_scale(repo: &Repo, release: &Release, counts: &BTreeMap<String, u32>) -> Option<String> {
    let service = Layout::at(repo.images()).description(&release.image.digest).ok()?;
    check::warning_of_scale(&service, release, counts)
}

/// Who makes the release: the CI system's or the login's user name.
fn who() -> String {
    ["GITHUB_ACTOR", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
