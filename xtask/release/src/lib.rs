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

use xtask_contract::{Context, Digest, Error, Layout, Release, Repo, Result, image, service::Service};

/// What should be known before a release has as many processes as this. Nothing, where its image is not on this machine.
pub fn warning_of_scale(repo: &Repo, release: &Release, counts: &BTreeMap<String, u32>) -> Option<String> {
    let service = describe(&Layout::at(repo.images()), &release.image.digest).ok()?;
    check::warning_of_scale(&service, release, counts)
}

/// Reads the service's own description from its image.
fn describe(layout: &Layout, image: &Digest) -> Result<Service> {
    let config = layout.config(&layout.manifest(image)?)?;
    let doing = || format!("reading the service's description in the image {image}");
    let label = config.config.labels.get(image::SERVICE).ok_or_else(|| {
        Error::refused(doing(), format!("it has no label {}", image::SERVICE))
            .next("build it with `cargo xtask build`")
    })?;
    serde_json::from_str(label).doing(doing)
}

/// Who makes the release: the CI system's or the login's user name.
fn who() -> String {
    ["GITHUB_ACTOR", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
