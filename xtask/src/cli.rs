//! The command line's grammar.

use clap::{Args, Parser, Subcommand};
use xtask_contract::{Digest, EnvName, ReleaseId};

/// Build, release and run todo-api: three stages, strictly apart.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused (nothing was changed), 4 the deploy failed and
/// stands on its previous release.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Write the result as one JSON document to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a container image of the committed source
    #[command(after_help = "Example: cargo xtask build --json | jq -r .digest")]
    Build(Build),
    /// Make an immutable release of a build and a deploy's config
    #[command(after_help = "Example: cargo xtask release --env dev")]
    Release(Release),
    /// Run a release: the newest of the deploy, or the one named
    #[command(after_help = "Example: cargo xtask run 2011-04-06-20:32:17 --env dev")]
    Run(Run),
    /// Make a new release like an earlier one, image and config, and run it
    #[command(after_help = "Example: cargo xtask rollback 2011-04-06-20:32:17 --env dev")]
    Rollback(Rollback),
    /// List a deploy's releases, newest first, after verifying all of them
    #[command(after_help = "Example: cargo xtask releases --env dev -n 5")]
    Releases(Releases),
    /// Build, release and run in one go
    #[command(after_help = "Example: cargo xtask up --env dev")]
    Up(Up),
    /// Stop what `run` started; data are kept
    #[command(after_help = "Example: cargo xtask down --env dev --data")]
    Down(Down),
    /// Run all checks: format, lints, unit, integration, doc and end-to-end tests
    #[command(after_help = "Example: XTASK_E2E=required cargo xtask test")]
    Test(Test),
    /// Measure the stages beside docker, kind and kubectl
    #[command(after_help = "Example: cargo xtask bench")]
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Build although inputs are not committed, and mark the image as dirty
    #[arg(long)]
    pub(crate) allow_dirty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The deploy, as in k8s/envs/ENV.toml
    #[arg(long)]
    pub(crate) env: EnvName,

    /// The image's digest, if not the newest build's
    #[arg(long, value_name = "DIGEST")]
    pub(crate) build: Option<Digest>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The release, such as 2011-04-06-20:32:17
    pub(crate) id: Option<ReleaseId>,

    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The release to go back to, if not the one before the newest
    pub(crate) id: Option<ReleaseId>,

    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Only make the release
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Releases {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// How many to list at most
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) number: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Build although inputs are not committed, and mark the image as dirty
    #[arg(long)]
    pub(crate) allow_dirty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Delete its data, too
    #[arg(long)]
    pub(crate) data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only the checks whose names contain this, such as `local`
    #[arg(value_name = "NAME")]
    pub(crate) only: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How often each measurement is repeated; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent_and_every_verb_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let example = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains(&format!("cargo xtask {}", verb.get_name())), "{}", verb.get_name());
        }
    }
}
