//! The program that links all backends in the place of this one, which links that for this machine alone: so nobody
//! waits for a Kubernetes client to be compiled before a deploy on a cluster is touched.

mod current;

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use current::LastAnswer;
use xtask_contract::{Callee, Context, Error, Progress, Result, command};

use crate::ui::Ui;

/// The other program of the project's `xtask` package, and the feature that it takes.
const PROGRAM: &str = "xtask-cluster";
const FEATURE: &str = "clusters";
const DOING: &str = "starting the program for deploys on clusters";

/// Becomes the other program of this package, with the same arguments. Only an error comes back.
pub(crate) fn hand_over(package: &Path, ui: &Ui) -> Error {
    match program(package, ui) {
        Ok(program) => {
            ui.finish_step();
            let mut words = env::args_os();
            let mut command = Callee::Itself.command(&program);
            command.arg0(words.next().unwrap_or_else(|| PROGRAM.into())).args(words);
            let error = command.exec();
            Error::failed(DOING, format!("{}: {error}", program.display()))
        }
        Err(error) => error,
    }
}

/// Beside this one; compiled first, where it was cargo that compiled this one and has started it.
fn program(package: &Path, ui: &Ui) -> Result<PathBuf> {
    let this = env::current_exe().doing(|| DOING)?;
    let program = this.with_file_name(PROGRAM);
    if let Some(cargo) = by_cargo(package) {
        let last_answer = LastAnswer::about(&program);
        if !last_answer.still_holds(&this) {
            last_answer.ask(|| compile(&cargo, package, &program, ui))?;
        }
    }
    if program.exists() {
        return Ok(program);
    }
    let why = format!("there is no {}", program.display());
    Err(Error::refused(DOING, why).next(format!(
        "`cargo build --package xtask --features {FEATURE} --bins` makes both; keep them in one folder"
    )))
}

/// The cargo that has started this program from its package.
fn by_cargo(package: &Path) -> Option<OsString> {
    let started = env::var_os("CARGO_MANIFEST_DIR")?;
    (Path::new(&started) == package).then(|| env::var_os("CARGO")).flatten()
}

fn compile(cargo: &OsString, package: &Path, program: &Path, ui: &Ui) -> Result<()> {
    if !program.exists() {
        ui.note("a deploy on a cluster is touched here for the first time: what speaks to clusters is compiled, once");
    }
    if changed(program) < env::current_exe().ok().and_then(|this| changed(&this)) {
        ui.step("compiling what speaks to clusters");
    }
    let mut call = Callee::Checks.command(cargo);
    call.args(["build", "--quiet", "--bin", PROGRAM, "--features", FEATURE, "--profile", profile(program)]);
    call.arg("--manifest-path").arg(package.join("Cargo.toml"));
    command::run(&mut call).map(drop).map_err(|failure| failure.error("compiling what speaks to clusters"))
}

fn changed(program: &Path) -> Option<SystemTime> {
    program.metadata().ok()?.modified().ok()
}

/// The profile that this program was compiled with, by the name of its folder.
fn profile(program: &Path) -> &str {
    let folder = program.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    folder.filter(|folder| *folder != "debug").unwrap_or("dev")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_program_is_compiled_as_this_one_was() {
        let of = |path: &str| profile(Path::new(path)).to_owned();
        assert_eq!(of("/a/target/debug/xtask-cluster"), "dev");
        assert_eq!(of("/a/target/release/xtask-cluster"), "release");
    }
}
