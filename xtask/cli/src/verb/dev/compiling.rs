//! What cargo does for the loop: it compiles and tests until it is done, or something is saved that makes that pointless.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};
use xtask_build::quick::{Attempt, Call, Diagnosis, Stopper, WAITS};
use xtask_contract::{Context, Progress, Result};
use xtask_run::DevBackend;

use super::{
    keys::Key,
    screen::State,
    session::{Session, Then},
};

/// How a call of cargo has ended.
enum Ended {
    Attempt(Attempt),
    /// Something was saved.
    Changed,
    Quit,
}

/// Ends a call of cargo if nobody waits for it any more.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Session<'_> {
    /// Compiles what is there, and again whatever is saved before that is done.
    pub(super) async fn compile(
        &mut self,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Option<Then>> {
        loop {
            // Until it has ended well, nobody knows what cargo has left there.
            (self.compiled, self.image) = (None, None);
            let now = self.current.clone();
            // Where nothing was tried yet, cargo knows best what is newer than what it has.
            let last = self.tried.replace((now.clone(), SystemTime::now()));
            let newer = last.as_ref().map(|(since, _)| now.changed_since(since)).unwrap_or_default();
            if newer.iter().any(|path| says_what_there_is(path)) {
                self.look_for_sources()?;
            }
            let at = last.map_or(SystemTime::UNIX_EPOCH, |(_, at)| at);
            let call = self.stage.quick.compile(&newer, at)?;
            let attempt = match self.call(call, backend, changed).await? {
                Ended::Attempt(attempt) => attempt,
                Ended::Changed => continue,
                Ended::Quit => return Ok(Some(Then::Quit)),
            };
            // What was saved while the compiler read is in it, or is not.
            self.watch.also_look_at(self.stage.quick.read().unwrap_or_default());
            if self.look(changed)? {
                continue;
            }
            match attempt {
                Attempt::Done(found) => {
                    self.warn(&found);
                    self.compiled = Some(now);
                    return Ok(None);
                }
                Attempt::Failed(found) => return self.not_compiled(backend, &found, changed).await.map(Some),
                Attempt::Stopped => {}
            }
        }
    }

    /// Shows what the compiler has found, and waits for another save.
    async fn not_compiled(
        &mut self,
        backend: &dyn DevBackend,
        found: &Diagnosis,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Then> {
        self.screen.ui.finish_step();
        self.screen.ui.compiler(&found.text);
        let headline = found.headline.as_deref().unwrap_or("it cannot be compiled");
        self.tell_failure(backend, headline, &found.text).await;
        self.idle(backend, changed).await
    }

    /// Shows warnings, unless the last build had the same.
    fn warn(&mut self, found: &Diagnosis) {
        if found.text != self.warnings {
            self.screen.ui.finish_step();
            self.screen.ui.compiler(&found.text);
            self.warnings.clone_from(&found.text);
        }
    }

    /// Runs the service's tests, if that is asked for, until they end or something is saved.
    pub(super) async fn tested(
        &mut self,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Option<Then>> {
        if !self.flags.test {
            return Ok(None);
        }
        self.status(backend, "serving, testing");
        match self.call(self.stage.quick.test(), backend, changed).await? {
            Ended::Attempt(Attempt::Done(_)) => {
                let tested = State::Tested { passed: true, headline: None };
                self.screen.happened("the tests pass", &tested);
                self.status(backend, "serving, tests pass");
            }
            Ended::Attempt(Attempt::Failed(found)) => {
                self.screen.ui.compiler(&found.text);
                let tested = State::Tested { passed: false, headline: found.headline.as_deref() };
                self.screen.happened("the tests fail", &tested);
                self.status(backend, "serving, TESTS FAIL");
            }
            Ended::Attempt(Attempt::Stopped) => {}
            Ended::Changed => return Ok(Some(Then::Build)),
            Ended::Quit => return Ok(Some(Then::Quit)),
        }
        Ok(None)
    }

    /// Calls cargo, until it ends or something is saved that makes it pointless.
    async fn call(
        &mut self,
        call: Call,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Ended> {
        let stopper = StopOnDrop(Stopper::default());
        let (tell, mut told) = unbounded_channel();
        let (theirs, colours) = (stopper.0.clone(), self.screen.ui.has_colours());
        let mut work = spawn_blocking(move || {
            let tell = |what: &str| drop(tell.send(what.to_owned()));
            call.run(colours, &theirs, &tell)
        });
        loop {
            tokio::select! {
                biased;
                ended = &mut work => {
                    let attempt = ended.doing(|| "calling cargo")?;
                    return attempt.map(Ended::Attempt);
                }
                Some(what) = told.recv() => {
                    // That may take as long as it likes.
                    if what.starts_with(WAITS) {
                        self.screen.ui.note(&what);
                    }
                    self.status(backend, &format!("building: {what}"));
                }
                key = self.keys.next() => match key {
                    Key::Quit => return Ok(Ended::Quit),
                    key => self.press(key),
                },
                () = self.watch.changed() => {
                    if self.look(changed)? {
                        stopper.0.stop();
                        // Two of them would wait for one another.
                        let _ = work.await;
                        return Ok(Ended::Changed);
                    }
                }
            }
        }
    }
}

/// Whether a file says which others there are.
fn says_what_there_is(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    matches!(name, "Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml" | "config.toml")
}
