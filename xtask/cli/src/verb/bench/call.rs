//! Other programs, called by a measurement: in its throw-away checkout, and gone when it is given up.

use std::{ffi::OsStr, process::Stdio};

use serde_json::Value;
use tokio::process::Command;
use xtask_contract::{
    Context, Result,
    command::{Failure, outcome},
};

use super::Bench;

impl Bench<'_> {
    /// A program that ends when nobody waits for it any more.
    pub(super) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.place.folder())
            .env("TMPDIR", self.place.temporary())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a program, which must succeed, and gives back its standard output.
    pub(super) async fn call(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Result<Vec<u8>> {
        self.call_with(program, args, &[]).await
    }

    /// The same with these variables, in which there may be passwords.
    pub(super) async fn call_with(
        &self,
        program: impl AsRef<OsStr>,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Vec<u8>> {
        let program = program.as_ref();
        let name = program.to_string_lossy().rsplit('/').next().unwrap_or_default().to_owned();
        let doing = || format!("running {name} {}", args.join(" "));
        let mut command = self.program(program);
        command.args(args).envs(variables.iter().copied());
        captured(&mut command).await.map_err(|failure| failure.error(doing()))
    }

    /// Calls this program in the throw-away checkout, as a person would, and gives back its JSON document.
    pub(super) async fn xtask(&self, args: &[&str]) -> Result<Value> {
        let program = std::env::current_exe().doing(|| "looking for this program")?;
        let text = self.call(program, &[args, &["--json"]].concat()).await?;
        serde_json::from_slice(&text).doing(|| format!("reading what xtask {} says", args.join(" ")))
    }

    /// Why a program cannot be used here, if it cannot.
    pub(super) async fn lacks(&self, program: &str, args: &[&str]) -> Option<String> {
        let failure = captured(self.program(program).args(args)).await.err()?;
        Some(failure.why().lines().next().unwrap_or_default().to_owned())
    }
}

/// Runs a command to its end.
pub(super) async fn captured(command: &mut Command) -> std::result::Result<Vec<u8>, Failure> {
    let output = command.output().await;
    outcome(&command.as_std().get_program().to_string_lossy(), output)
}
