//! What is about this machine and not about a deploy: `doctor` and `setup`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Count what only `cargo xtask test` needs, too
    #[cfg(feature = "checks")]
    #[arg(long)]
    pub(crate) checks: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Only say what would change
    #[arg(long)]
    pub(crate) check: bool,

    /// Only these parts: base, docker, kind, rust, postgresql, project
    #[arg(long)]
    pub(crate) tags: Option<String>,

    /// What else ansible-playbook is to be told
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(crate) more: Vec<String>,
}
