//! The grammar of `cargo xtask prove`.

use clap::Args;
use xtask_contract::EnvName;
use xtask_prove::Factor;

/// The options of `prove`.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The factors, by name or number; all of them, if none is named
    #[arg(value_name = "FACTOR")]
    pub(crate) factors: Vec<Factor>,

    /// The deploy whose config is taken
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Look at that deploy itself, as it runs: nothing is written, scaled, killed or released
    #[arg(long)]
    pub(crate) live: bool,

    /// Make the experiments on services that each break a factor: each must be caught, for its own reason
    #[arg(long, conflicts_with_all = ["factors", "env", "live"])]
    pub(crate) calibrate: bool,
}

impl Prove {
    /// The factors that are wanted, in their order.
    pub(crate) fn wanted(&self) -> Vec<Factor> {
        let wanted = |factor: &Factor| self.factors.is_empty() || self.factors.contains(factor);
        Factor::ALL.into_iter().filter(wanted).collect()
    }
}
