//! `cargo xtask manual`: a man page for each command.

use std::fs;

use clap::CommandFactory;
use serde::Serialize;
use xtask_contract::{Context, Repo, Result};

use crate::{cli, ui::Ui};

#[derive(Serialize)]
struct Document {
    folder: String,
    pages: Vec<String>,
}

pub(crate) fn manual(repo: &Repo, args: &cli::Manual, ui: &Ui) -> Result<()> {
    let folder = args.folder.clone().unwrap_or_else(|| repo.rebuildable().join("man"));
    let section = folder.join("man1");
    let doing = || format!("writing man pages to {}", section.display());
    fs::create_dir_all(&section).doing(doing)?;
    // In a page's name, and so for `man`, there are no spaces.
    let command = cli::Cli::command().name("cargo-xtask").bin_name("cargo xtask").display_name("cargo-xtask");
    clap_mangen::generate_to(command, &section).doing(doing)?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(&section).doing(doing)? {
        pages.push(entry.doing(doing)?.file_name().to_string_lossy().into_owned());
    }
    pages.sort();
    let shown = folder.display().to_string();
    let words = format!("{} pages: man -M {shown} cargo-xtask-run", pages.len());
    ui.result(&words, &Document { folder: shown, pages });
    Ok(())
}
