//! `cargo xtask manual`: a man page for each command.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
};

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
        let entry = entry.doing(doing)?;
        let mut page = OpenOptions::new().append(true).open(entry.path()).doing(doing)?;
        page.write_all(exit_status().as_bytes()).doing(doing)?;
        pages.push(entry.file_name().to_string_lossy().into_owned());
    }
    pages.sort();
    let shown = folder.display().to_string();
    let words = format!("{} pages: man -M {shown} cargo-xtask-run", pages.len());
    ui.result(&words, &Document { folder: shown, pages });
    Ok(())
}

/// The section of a page that tells the exit codes (man-pages(7)).
fn exit_status() -> String {
    let mut text = String::from(".SH \"EXIT STATUS\"\n");
    for (code, meaning) in cli::EXIT_CODES {
        let _ = writeln!(text, ".TP\n\\fB{code}\\fR\n{meaning}");
    }
    text
}
