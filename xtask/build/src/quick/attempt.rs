//! One call of cargo that may be ended before it is done.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread,
};

use xtask_contract::{Context, Error, Result};

use super::{Diagnosis, Stopper};
use crate::compile::listen;

/// How a call of cargo has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Well; the compiler may have warnings.
    Done(Diagnosis),
    /// It cannot be compiled, or its tests fail.
    Failed(Diagnosis),
    /// It was stopped before it ended.
    Stopped,
}

/// A call of cargo that is about to be made.
#[derive(Debug)]
pub struct Call {
    pub(super) cargo: Command,
    pub(super) doing: &'static str,
}

impl Call {
    /// Runs cargo until it ends or is stopped; `tell` hears which crate is at hand. It takes a thread of its own.
    pub fn run(mut self, colours: bool, stopper: &Stopper, tell: &dyn Fn(&str)) -> Result<Attempt> {
        let format = if colours { "json-diagnostic-rendered-ansi" } else { "json" };
        self.cargo.args(["--message-format", format]);
        run(self.cargo, self.doing, stopper, tell)
    }
}

fn run(mut cargo: Command, doing: &str, stopper: &Stopper, tell: &dyn Fn(&str)) -> Result<Attempt> {
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // With its compilers in a group of its own, which ends as a whole, and does not hear the terminal's Ctrl-C.
        .process_group(0)
        .spawn()
        .doing(|| doing)?;
    stopper.took(&child);
    let streams = child.stdout.take().zip(child.stderr.take());
    let (stdout, stderr) = streams.ok_or_else(|| Error::failed(doing, "cargo has no output"))?;
    // Cargo writes to both at once: an unread pipe would block it.
    let (found, said) = thread::scope(|scope| {
        let found = scope.spawn(|| find(BufReader::new(stdout)));
        let said = listen(BufReader::new(stderr), tell);
        (found.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), said)
    });
    stopper.let_go();
    let status = child.wait().doing(|| doing)?;
    let ((mut found, rest), said) = (found, said.trim_end());
    if status.success() {
        return Ok(Attempt::Done(found));
    }
    if stopper.is_stopped() {
        return Ok(Attempt::Stopped);
    }
    if status.code().is_none() {
        return Err(Error::failed(doing, format!("cargo was stopped: {status}")));
    }
    // What is wrong may be no source file, but a manifest, or a crate that is not here; or it is a test.
    let parts = [found.text.trim_end(), rest.trim_end(), if found.headline.is_none() { said } else { "" }];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    let first = || said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("cargo failed");
    let headline = found.headline.take().unwrap_or_else(|| first().to_owned());
    Ok(Attempt::Failed(Diagnosis { headline: Some(headline), text }))
}

/// What the compiler has found, and what else was written: by tests, that is.
fn find(stdout: impl BufRead) -> (Diagnosis, String) {
    let (mut found, mut rest) = (Diagnosis::default(), String::new());
    for line in stdout.lines().map_while(std::result::Result::ok) {
        if line.starts_with('{') {
            found.hear(&line);
        } else {
            rest = rest + &line + "\n";
        }
    }
    (found, rest)
}
