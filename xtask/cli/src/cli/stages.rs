//! The grammar of what makes things: `build`, `push` and `release`.

use clap::Args;
use xtask_contract::{Digest, EnvName, Repository};

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Build although inputs are not committed, and mark the image as dirty
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    /// Build the newest image, or this one, again from a clean clone of its revision, and fail unless it comes
    /// out the same
    #[arg(long, value_name = "DIGEST", num_args = 0..=1, conflicts_with = "allow_dirty")]
    #[expect(clippy::option_option, reason = "not asked for, asked for, or asked for of one image")]
    pub(crate) verify: Option<Option<Digest>>,
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The repository, such as registry.example.com/team/service
    pub(crate) repository: Repository,

    /// The image's digest, if not the newest build's
    #[arg(long, value_name = "DIGEST")]
    pub(crate) image: Option<Digest>,

    /// Speak to it without TLS: only to this machine and private addresses
    #[arg(long)]
    pub(crate) plain_http: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The deploy, as in k8s/envs/ENV.toml
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// The image's digest, if not the newest build's
    #[arg(long, value_name = "DIGEST", alias = "build")]
    pub(crate) image: Option<Digest>,
}
