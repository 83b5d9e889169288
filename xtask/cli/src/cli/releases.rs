//! The grammar of `cargo xtask releases`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use xtask_contract::{EnvName, ReleaseId, signature::Signer};

#[derive(Debug, Args)]
pub(crate) struct Releases {
    #[command(subcommand)]
    pub(crate) what: Option<What>,

    /// The deploy; `local` if none is named
    #[arg(long, global = true)]
    pub(crate) env: Option<EnvName>,

    /// How many to list at most
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) number: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Show all that a release consists of, the newest one if none is named
    #[command(after_help = "Example: cargo xtask releases show 2011-04-06-20:32:17 --env dev")]
    Show {
        /// The release
        id: Option<ReleaseId>,
    },
    /// Show what is different in a release from another one
    #[command(after_help = "Examples:\n  cargo xtask releases diff --env dev\n  \
                            cargo xtask releases diff dev/2011-04-06-20:32:17 prod/2011-04-06-21:00:00")]
    Diff(Diff),
    /// Prove that nothing was altered, deleted, inserted or cut off: of one deploy, or of all
    #[command(after_help = "Examples:\n  cargo xtask releases verify --env dev\n  \
                            cargo xtask releases verify --offline prod-2011-04-06-20-32-17.tar")]
    Verify(Verify),
    /// Take a release that never ran, and all that follow it, out of the ledger; they are kept in its `set-aside`
    ///
    /// The way out where `run` refuses a ledger because of them: one of the future, one that is not signed, one of two
    /// branches. Whether they ran, the deploy is asked.
    #[command(after_help = "Example: cargo xtask releases set-aside 2011-04-06-20:32:17 --env dev")]
    SetAside {
        /// The release
        id: ReleaseId,
    },
    /// Pack a release with its image and the ledger up to it into one file, the newest one if none is named
    #[command(after_help = "Example: cargo xtask releases export 2011-04-06-20:32:17 --env dev")]
    Export {
        /// The release
        id: Option<ReleaseId>,

        /// The file, if not ENV-ID.tar in the current folder
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The release before; if not named, the one that A's deploy had before the other
    #[arg(value_name = "A", requires = "after")]
    pub(crate) before: Option<Reference>,

    /// The release after, if not the newest
    #[arg(value_name = "B")]
    pub(crate) after: Option<Reference>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A bundle that `export` made: nothing else is needed, not even a checkout
    #[arg(long, value_name = "BUNDLE", conflicts_with = "env")]
    pub(crate) offline: Option<PathBuf>,

    /// With --offline: an Ed25519 public key, one of which must have signed the release
    #[arg(long, value_name = "KEY", requires = "offline")]
    pub(crate) signer: Vec<Signer>,
}

/// A release of any deploy: `ID`, or `ENV/ID`.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) env: Option<EnvName>,
    pub(crate) id: ReleaseId,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (env, id) = match text.split_once('/') {
            Some((env, id)) => (Some(env.parse().map_err(|error| format!("{error}"))?), id),
            None => (None, text),
        };
        Ok(Self { env, id: id.parse().map_err(|error| format!("{error}"))? })
    }
}
