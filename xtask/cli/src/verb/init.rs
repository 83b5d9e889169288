//! `cargo xtask init`: what a workspace takes so that `cargo xtask` builds, releases and runs its service. Nothing that is
//! there is overwritten, so it can be called at any time, after a newer toolchain was taken, too.

mod file;
mod manifest;
mod origin;
mod plan;
mod workspace;

use std::path::Path;

use serde::Serialize;
use xtask_contract::{Context, Progress, Result};

use crate::{
    End, cli,
    ui::{Text, Ui, unified},
};
use file::{File, State};
use origin::Origin;
use workspace::Workspace;

#[derive(Serialize)]
struct Document<'a> {
    folder: &'a Path,
    service: &'a str,
    /// Whether `new` and `added` files were written.
    written: bool,
    files: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    state: State,
    /// How a file that is there differs from what the toolchain would write.
    diff: Option<String>,
}

pub(crate) fn init(here: &Path, args: &cli::Init, ui: &Ui) -> Result<End> {
    ui.step("looking at the workspace");
    let folder = args.folder.as_deref().map_or_else(|| here.to_owned(), |folder| here.join(folder));
    let workspace = Workspace::around(&folder, args.service.as_ref())?;
    let origin = Origin::of(args.toolchain.as_deref(), &folder)?;
    let files = plan::files(&workspace, &origin, &args.with)?;
    let writes = files.iter().any(File::is_written);
    if !args.dry_run {
        for file in &files {
            file.write(&workspace.root).doing(|| format!("writing {}", file.path))?;
        }
    }
    let written = writes && !args.dry_run;
    ui.result(words(&files, args.diff, written), &document(&workspace, &files, written));
    if written {
        ui.note(
            "next: commit these, with the Cargo.lock that `cargo xtask doctor` brings up to date; then `cargo xtask up`",
        );
    }
    Ok(if args.dry_run && writes { End::WouldChange } else { End::Done })
}

fn words(files: &[File], with_diff: bool, written: bool) -> Text {
    let mut all = Text::default();
    for file in files {
        let state = file.state.words(written);
        let line = format!("{state:<14} {}", file.path);
        all.push(if file.is_written() { Text::added(line) } else { line.into() });
        if with_diff && let Some(diff) = diff(file) {
            all.push(Text::diff(&diff));
        }
    }
    all
}

fn document<'a>(workspace: &'a Workspace, files: &'a [File], written: bool) -> Document<'a> {
    let row = |file: &'a File| Row { path: &file.path, state: file.state, diff: diff(file) };
    Document {
        folder: &workspace.root,
        service: workspace.service.as_str(),
        written,
        files: files.iter().map(row).collect(),
    }
}

fn diff(file: &File) -> Option<String> {
    let before = file.before.as_deref()?;
    (before != file.wanted).then(|| unified((&file.path, before), ("the toolchain's", &file.wanted)))
}
