//! The command line's grammar.

#[cfg(feature = "checks")]
mod checks;
mod config;
mod dev;
#[cfg(test)]
#[cfg(feature = "checks")]
mod documents;
mod exit_codes;
mod hint;
mod how;
mod init;
mod logs;
mod machine;
mod prove;
pub(crate) mod releases;
mod services;
mod shell;
mod stages;
mod usage;

#[cfg(feature = "checks")]
pub(crate) use checks::{Bench, Part, Test};
pub(crate) use config::{Action, Config};
pub(crate) use dev::Dev;
pub(crate) use exit_codes::EXIT_CODES;
pub(crate) use hint::with_hint;
pub(crate) use how::How;
pub(crate) use init::Init;
pub(crate) use logs::Logs;
pub(crate) use machine::{Doctor, Setup};
pub(crate) use prove::Prove;
pub(crate) use services::{ServiceAction, Services};
pub(crate) use shell::{Complete, Completions, Manual, Shell};
pub(crate) use stages::{Build, Push, Release};
pub(crate) use usage::{form_of, usage_error};

use clap::{Args, Parser, Subcommand};

use crate::ui::Form;
use xtask_contract::{EnvName, ReleaseId};
use xtask_run::ScaleRequest;

/// Build, release and run the service: three stages, strictly apart.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused (nothing was changed) or drifted, 4 the deploy failed
/// and stands on its previous release, 5 a dry run has found changes.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Write the result as one JSON document to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Cli {
    /// How results and progress are shown.
    pub(crate) fn form(&self) -> Form {
        let events = match &self.verb {
            Verb::Run(args) => args.how.json_events,
            Verb::Up(args) => args.how.json_events,
            Verb::Rollback(args) => args.how.json_events,
            Verb::Dev(args) => args.json_events,
            _ => false,
        };
        match (events, self.json) {
            (true, _) => Form::Events,
            (false, true) => Form::Document,
            (false, false) => Form::Words,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a container image of the committed source, with an SBOM and an unsigned provenance beside it
    #[command(
        after_help = "Example: cargo xtask build --json | jq -r .digest\n         cargo xtask build --verify"
    )]
    Build(Build),
    /// Bring an image, its SBOM and its provenance to a registry, by digest
    ///
    /// What is there already is not sent again. Who pushes is in `XTASK_REGISTRY_USER` and `XTASK_REGISTRY_PASSWORD`, or
    /// in Docker's config file. `run` pushes by itself where a deploy's cluster pulls from a registry.
    #[command(after_help = "Example: cargo xtask push registry.example.com/team/service")]
    Push(Push),
    /// Make an immutable release of a build and a deploy's config
    #[command(after_help = "Example: cargo xtask release --env dev")]
    Release(Release),
    /// Run a release: the newest of the deploy, or the one named
    #[command(after_help = "Example: cargo xtask run 2011-04-06-20:32:17 --env dev")]
    Run(Run),
    /// Show what a deploy runs, and what there is unlike its release
    #[command(after_help = "Exit codes: 0 in step, 3 drifted.\n\nExample: cargo xtask status --env dev")]
    Status(Status),
    /// Show how many processes there are of each type, or change that; no release is made
    #[command(after_help = "Example: cargo xtask scale --env dev web=3 worker+1")]
    Scale(Scale),
    /// Run a one-off process with the image, config and secrets of a release
    ///
    /// Its exit code is this command's. At a terminal it has one, too; what is piped in, it reads.
    #[command(after_help = "Example: cargo xtask admin --env dev -- check\n         \
                            cargo xtask admin --env dev -- shell\n         \
                            cargo xtask admin -- --help")]
    Admin(Admin),
    /// Show what a deploy's processes have written, all in one, in order of time
    ///
    /// For people a line is shown in a readable form; `--raw` gives it as it was written, `--json` as a document with
    /// its time, release and process.
    #[command(
        after_help = "Example: cargo xtask logs --follow --process web\n         cargo xtask logs --since 10m --raw | jq -r .message"
    )]
    Logs(Logs),
    /// Make a new release like an earlier one, image and config, and run it
    #[command(after_help = "Example: cargo xtask rollback 2011-04-06-20:32:17 --env dev")]
    Rollback(Rollback),
    /// Make a release of one deploy with the image that another one runs
    #[command(after_help = "Example: cargo xtask promote --from dev --to prod")]
    Promote(Promote),
    /// List a deploy's releases, newest first; show, compare, verify and export them
    #[command(after_help = "Example: cargo xtask releases --env dev -n 5")]
    Releases(releases::Releases),
    /// List or change a deploy's config, which its next release carries
    #[command(after_help = "Example: cargo xtask config --env dev")]
    Config(Config),
    /// Build, release and run in one go; where nothing is new, the newest release
    #[command(after_help = "Example: cargo xtask up --env dev")]
    Up(Up),
    /// Serve the work tree while it is written: each save is built quickly and served in a moment
    ///
    /// Nothing need be committed, and no release is made; `up` makes one. A save that does not compile leaves the last good
    /// build serving. Answers bear `x-release: dev-…`.
    ///
    /// Keys: r build again, o open the page, l errors alone, c clear the screen, q quit.
    #[command(after_help = "Example: cargo xtask dev\n         cargo xtask dev --test")]
    Dev(Dev),
    /// Show by an experiment for each of the twelve factors that the service keeps it
    ///
    /// They are made on a deploy of their own on this machine, with the image that was built last and the config of the
    /// deploy that is named; no other deploy is touched. The page with all that was seen is target/xtask/proof/ENV.html.
    ///
    /// Exit code 3 if a factor is broken.
    #[command(
        after_help = "Example: cargo xtask prove\n         cargo xtask prove IX config --json\n         cargo xtask prove --calibrate"
    )]
    Prove(Prove),
    /// Stop what `run` started; data are kept
    #[command(after_help = "Example: cargo xtask down --env dev --data")]
    Down(Down),
    /// List the backing services, start, stop or swap one
    #[command(after_help = "Example: cargo xtask services up postgres --env dev")]
    Services(Services),
    /// Take the toolchain up into a Cargo workspace; nothing that is there is overwritten
    ///
    /// It writes the package and the alias of `cargo xtask`, a file for each of two deploys, a workflow, and adds to
    /// Cargo.toml and .gitignore what they lack. Called again, it shows what is unlike what it would write.
    #[command(after_help = "Example: cargo xtask init ../shop --dry-run\n         \
                            cargo xtask init --with k8s/objects/web.yaml")]
    Init(Init),
    /// Say which tools this machine has, and what brings those that it lacks
    ///
    /// Exit code 1 if one is missing that a local deploy needs. `cargo xtask setup` brings them.
    #[command(after_help = "Example: cargo xtask doctor")]
    Doctor(Doctor),
    /// Set this machine up with all that it takes, by ansible/setup.yaml
    ///
    /// Debian and Ubuntu, as root or as a user with sudo. What is there already stays as it is. Ansible itself is
    /// brought into the checkout if it is missing.
    #[command(
        after_help = "Example: cargo xtask setup --check\n         cargo xtask setup --tags docker,kind -- --extra-vars kind_source=package"
    )]
    Setup(Setup),
    /// Run all checks: format, lints, unit, integration, doc and end-to-end tests
    #[cfg(feature = "checks")]
    #[command(after_help = "Example: XTASK_E2E=required cargo xtask test")]
    Test(Test),
    /// Measure the stages beside docker, kind and kubectl, and the service beside axum alone, Go and django-ninja
    #[cfg(feature = "checks")]
    #[command(after_help = "Example: cargo xtask bench requests")]
    Bench(Bench),
    /// Print what makes Tab complete `cargo xtask` in a shell: commands, options, deploys, releases
    #[command(after_help = "Example: cargo xtask completions bash >~/.cargo-xtask.bash, and in ~/.bashrc: \
                            source ~/.cargo-xtask.bash")]
    Completions(Completions),
    /// Say what the last of these words may become
    #[command(hide = true, after_help = "Example: cargo xtask complete -- xtask run --env d")]
    Complete(Complete),
    /// Write a man page for each command
    #[command(after_help = "Example: cargo xtask manual ~/.local/share/man")]
    Manual(Manual),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The release, such as 2011-04-06-20:32:17
    pub(crate) id: Option<ReleaseId>,

    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    #[command(flatten)]
    pub(crate) how: How,

    /// Show first what would change on the cluster
    #[arg(long)]
    pub(crate) diff: bool,

    /// Only show what would change, and end with exit code 5 if anything would
    #[arg(long = "dry-run")]
    pub(crate) only_diff: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,
}

#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// Process types and how many: web=3, web+1 or web-1
    ///
    /// It holds for all releases to come, too. Whatever an autoscaler owns is refused.
    #[arg(value_name = "TYPE=NUMBER")]
    pub(crate) requests: Vec<ScaleRequest>,

    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Refuse, rather than wait, while another command changes a local deploy
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Admin {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// The release, if not the one that runs
    #[arg(long, value_name = "ID")]
    pub(crate) release: Option<ReleaseId>,

    /// The command of the service's own program, and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The release to go back to, if not the last one that ran before the one that runs
    pub(crate) id: Option<ReleaseId>,

    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Only make the release
    #[arg(long)]
    pub(crate) no_run: bool,

    /// Do not ask which release, where none is named
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The deploy whose image it is
    #[arg(long, value_name = "ENV")]
    pub(crate) from: EnvName,

    /// The deploy that gets a release
    #[arg(long, value_name = "ENV")]
    pub(crate) to: EnvName,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Build although inputs are not committed, and mark the image as dirty
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Delete its data, too; what that is, is told, and asked about
    #[arg(long)]
    pub(crate) data: bool,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
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
            assert_has_example(verb, &format!("cargo xtask {}", verb.get_name()));
        }
    }

    fn assert_has_example(command: &clap::Command, called: &str) {
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(example.contains(called), "{called}");
        for part in command.get_subcommands() {
            assert_has_example(part, &format!("{called} {}", part.get_name()));
        }
    }
}
