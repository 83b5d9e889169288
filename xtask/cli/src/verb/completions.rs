//! `cargo xtask completions`: what a shell is to be told so that Tab completes `cargo xtask`. The scripts ask the
//! program that the checkout has already compiled (`complete`), and never start a compiler.

use serde::Serialize;

use crate::{
    cli,
    ui::{Text, Ui},
};

#[derive(Serialize)]
struct Document {
    script: &'static str,
}

pub(crate) fn completions(args: &cli::Completions, ui: &Ui) {
    let script = match args.shell {
        cli::Shell::Bash => include_str!("completions/cargo-xtask.bash"),
        cli::Shell::Zsh => include_str!("completions/cargo-xtask.zsh"),
        cli::Shell::Fish => include_str!("completions/cargo-xtask.fish"),
    };
    ui.result(Text::block(script.trim_end()), &Document { script });
}
