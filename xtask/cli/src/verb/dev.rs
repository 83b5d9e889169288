//! `cargo xtask dev`: serves the work tree while it is written. Each save that makes a difference is built quickly and
//! brought to the deploy; what cannot be leaves the last good build serving.

mod keys;
mod screen;
mod stage;
mod watch;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use async_trait::async_trait;
use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};
use xtask_build::quick::{Attempt, Call, Compiler, Diagnosis, Quick, Stopper};
use xtask_contract::{
    Callee, Context, Deploy, Error, Layout, Progress, Record, ReleaseId, Repo, Result, release::Image,
};
use xtask_run::{Cause, DevLoop, DevPlace, Options};

use self::{
    keys::{Key, Keys},
    screen::{Screen, State, Took},
    stage::{Stage, millis, shown},
    watch::{Snapshot, Watch},
};
use super::runtime;
use crate::{
    backends::Known,
    cli,
    ui::{Text, Ui},
};

pub(crate) fn dev(repo: &Repo, args: &cli::Dev, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let env = &args.env;
    if !Deploy::read(repo, env)?.policy.dirty {
        let why = "its rules allow no build of what is not committed";
        return Err(Error::refused(format!("running quick builds of {env}"), why).next(format!(
            "name another deploy with `--env`, or allow it: `policy.dirty = true` in k8s/envs/{env}.toml"
        )));
    }
    let runtime = runtime()?;
    runtime.block_on(xtask_run::preflight(repo, env, backends))?;
    ui.step("looking for the source");
    let record = super::record(repo, env, backends, ui)?;
    let compiler = Compiler::of_this_machine(repo)?;
    let quick = Quick::of(repo, &compiler)?;
    let screen = Screen::new(ui);
    let watch = Watch::new(quick.target_folder())?;
    let stage = Stage { repo, env, quick, record, last: None, number: 0 };
    stage.forget_but(0);
    let mut session = Session {
        screen: &screen,
        options: args.options(),
        test: args.test,
        stage,
        watch,
        keys: Keys::listen()?,
        seen: Snapshot::default(),
        compiled: None,
        image: None,
        served: None,
        failing: false,
        warnings: String::new(),
    };
    let result = runtime.block_on(xtask_run::dev(repo, env, &mut session, backends, &screen));
    session.stage.forget_but(0);
    ui.finish_step();
    result
}

/// The loop, from one round to the next.
struct Session<'a> {
    screen: &'a Screen<'a>,
    options: Options,
    /// Whether the service's tests are run after each change.
    test: bool,
    stage: Stage<'a>,
    watch: Watch,
    keys: Keys,
    /// All that was there when it was looked at last.
    seen: Snapshot,
    /// What the program was compiled from that cargo has left.
    compiled: Option<Snapshot>,
    /// The image of that program.
    image: Option<(Layout, Image)>,
    /// What runs.
    served: Option<Served>,
    /// Whether what was saved last could not be served.
    failing: bool,
    /// What the compiler warned of last.
    warnings: String,
}

/// What runs.
struct Served {
    mark: String,
    url: String,
}

/// What ends a wait.
enum Then {
    /// There is something to build.
    Build,
    Quit,
}

/// Ends a call of cargo if nobody waits for it any more.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[async_trait(?Send)]
impl DevLoop for Session<'_> {
    async fn go(&mut self, place: &dyn DevPlace) -> Result<()> {
        self.look_for_sources()?;
        self.seen = self.watch.read()?;
        let mut changed = Vec::new();
        loop {
            let began = Instant::now();
            let then = match self.round(place, &mut changed, began).await {
                Ok(Some(then)) => then,
                Ok(None) => self.idle(place, &mut changed).await?,
                Err(error) => {
                    self.failed(place, error);
                    self.idle(place, &mut changed).await?
                }
            };
            if matches!(then, Then::Quit) {
                return Ok(());
            }
        }
    }
}

impl Session<'_> {
    /// Brings what is there now to the deploy. What is saved meanwhile is taken up: nothing that is out of date is started.
    async fn round(
        &mut self,
        place: &dyn DevPlace,
        changed: &mut Vec<PathBuf>,
        began: Instant,
    ) -> Result<Option<Then>> {
        let mut took = Took::default();
        let names: Vec<String> = changed.iter().map(|path| shown(self.stage.repo, path)).collect();
        self.screen.happened(Text::default(), &State::Building { changed: &names });
        // That takes long, and nothing else is to be seen.
        if self.compiled.is_none() && self.must_compile() {
            self.screen.ui.step("compiling the service");
        }
        self.stand(place, "building");
        if self.must_compile() {
            let from = Instant::now();
            if let Some(then) = self.compile(place, changed).await? {
                return Ok(Some(then));
            }
            took.compile = millis(from.elapsed());
        }
        let from = Instant::now();
        let (layout, image) = match &self.image {
            Some(image) => image.clone(),
            None => self.image.insert(self.stage.image()?).clone(),
        };
        took.image = millis(from.elapsed());
        let from = Instant::now();
        let wanted = self.stage.wanted(&layout, &image)?;
        // Credentials that the deploy lacked were made: that is no change to take up.
        if self.served.is_none() {
            let secrets = self.stage.repo.secrets_file(self.stage.env);
            self.seen.take_up(&secrets);
            changed.retain(|path| *path != secrets);
        }
        let job = wanted.job(self.stage.repo, self.stage.env, &self.options, self.screen);
        took.config = millis(from.elapsed());
        let mark = job.mark();
        if self.served.as_ref().is_some_and(|served| served.mark == mark) {
            self.served_already(place, changed, took)?;
            return self.tested(place, changed).await;
        }
        let from = Instant::now();
        let ran = place.bring(&job).await?;
        took.migrate = ran.migration_ms;
        took.start = millis(from.elapsed()).saturating_sub(ran.migration_ms);
        took.total = millis(began.elapsed());
        place.show("")?;
        self.stage.forget_but(self.stage.number);
        let is_first = self.served.is_none();
        self.failing = false;
        let served = self.served.insert(Served { mark, url: ran.url });
        let names: Vec<String> = changed.drain(..).map(|path| shown(self.stage.repo, &path)).collect();
        let words = served_in_words(&served.url, is_first, &names, took);
        let (mark, url) = (served.mark.as_str(), served.url.as_str());
        let state = State::Serving { mark, url, processes: place.processes(), changed: &names, took };
        self.screen.happened(words, &state);
        self.stand(place, "serving");
        self.tested(place, changed).await
    }

    /// What is there is what runs: an edit was taken back, or made no difference.
    fn served_already(&mut self, place: &dyn DevPlace, changed: &mut Vec<PathBuf>, took: Took) -> Result<()> {
        place.show("")?;
        changed.clear();
        if let (true, Some(Served { mark, url })) = (self.failing, &self.served) {
            let state = State::Serving { mark, url, processes: place.processes(), changed: &[], took };
            self.screen.happened("what is there is what is served, as before", &state);
        }
        self.failing = false;
        self.stand(place, "serving");
        Ok(())
    }

    /// Whether anything but the deploy's config is not as it was compiled.
    fn must_compile(&self) -> bool {
        let config = self.stage.config_places();
        self.compiled.as_ref().is_none_or(|compiled| {
            self.seen.changed_since(compiled).iter().any(|path| !config.contains(path))
        })
    }

    /// Compiles what is there, and again whatever is saved before that is done.
    async fn compile(&mut self, place: &dyn DevPlace, changed: &mut Vec<PathBuf>) -> Result<Option<Then>> {
        self.image = None;
        loop {
            let now = self.seen.clone();
            let since = self.compiled.take().unwrap_or_default();
            let of_source = now.changed_since(&since);
            if of_source.iter().any(|path| says_what_there_is(path)) {
                self.look_for_sources()?;
                self.seen = self.watch.read()?;
            }
            // Where nothing was compiled yet, cargo knows best what is newer than what it has.
            let newer: &[PathBuf] = if since == Snapshot::default() { &[] } else { &of_source };
            let call = self.stage.quick.compile(newer)?;
            let attempt = match self.call(call, place, changed).await? {
                Ended::Attempt(attempt) => attempt,
                Ended::Changed => {
                    self.compiled = Some(since);
                    continue;
                }
                Ended::Quit => return Ok(Some(Then::Quit)),
            };
            // What was saved while the compiler read is in it, or is not.
            self.watch.also_look_at(self.stage.quick.read().unwrap_or_default());
            if self.look(changed)? {
                self.compiled = Some(since);
                continue;
            }
            match attempt {
                Attempt::Done(found) => {
                    self.warn(&found);
                    self.compiled = Some(now);
                    return Ok(None);
                }
                Attempt::Failed(found) => {
                    self.compiled = Some(since).filter(|since| *since != Snapshot::default());
                    return self.not_compiled(place, &found, changed).await.map(Some);
                }
                Attempt::Stopped => self.compiled = Some(since),
            }
        }
    }

    /// Shows what the compiler has found, and waits for another save.
    async fn not_compiled(
        &mut self,
        place: &dyn DevPlace,
        found: &Diagnosis,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Then> {
        self.screen.ui.finish_step();
        self.screen.ui.compiler(&found.text);
        let headline = found.headline.as_deref().unwrap_or("it cannot be compiled");
        self.tell_failure(place, headline, &found.text);
        self.idle(place, changed).await
    }

    /// Shows warnings, unless the last build had the same.
    fn warn(&mut self, found: &Diagnosis) {
        if found.text != self.warnings {
            self.screen.ui.finish_step();
            self.screen.ui.compiler(&found.text);
            self.warnings.clone_from(&found.text);
        }
    }

    /// Shows an error, and that what was served before still is.
    fn failed(&mut self, place: &dyn DevPlace, error: Error) {
        let error = if error.cause.as_deref() == Some(Cause::MigrationFailed.name()) {
            error.next(format!(
                "if a migration was edited that has run here already: take that back and write a new one, or begin with an \
                 empty database (quit, `cargo xtask down --env {} --data`, and the same command again)",
                self.stage.env
            ))
        } else {
            error
        };
        let text = Text::of_error(&error);
        self.screen.ui.tell(text.clone());
        let headline = format!("{}: {}", error.doing, error.why.first().map_or("", String::as_str));
        let headline = headline.lines().next().unwrap_or_default().to_owned();
        self.tell_failure(place, &headline, &text.words());
    }

    fn tell_failure(&mut self, place: &dyn DevPlace, headline: &str, text: &str) {
        self.failing = true;
        let serving = self.served.is_some();
        let words = match &self.served {
            Some(served) => format!("the last good build serves on at {}", served.url),
            None => "nothing is served yet; the next save tries again".to_owned(),
        };
        if let Err(error) = place.show(headline) {
            self.screen.ui.note(&error.to_string());
        }
        self.screen.happened(words, &State::Failed { headline, text, serving });
        self.stand(place, &format!("failed: {headline}"));
    }

    /// Waits until there is something to do, and does what the keys ask for.
    async fn idle(&mut self, place: &dyn DevPlace, changed: &mut Vec<PathBuf>) -> Result<Then> {
        let mut rests = false;
        loop {
            tokio::select! {
                biased;
                release = place.taken_over(), if !rests => {
                    rests = true;
                    self.rest(place, release);
                }
                key = self.keys.next() => match key {
                    Key::Quit => return Ok(Then::Quit),
                    Key::Rebuild => {
                        (self.compiled, self.image, self.served) = (None, None, None);
                        self.look(changed)?;
                        return Ok(Then::Build);
                    }
                    key => self.press(key),
                },
                () = self.watch.changed(), if !rests => {
                    if self.look(changed)? {
                        return Ok(Then::Build);
                    }
                }
            }
        }
    }

    /// Looks at what there is, and tells whether that is not what it was.
    fn look(&mut self, changed: &mut Vec<PathBuf>) -> Result<bool> {
        let now = self.watch.read()?;
        let since = now.changed_since(&self.seen);
        self.seen = now;
        for path in &since {
            if !changed.contains(path) {
                changed.push(path.clone());
            }
        }
        Ok(!since.is_empty())
    }

    /// Another command has brought the deploy to a release.
    fn rest(&mut self, place: &dyn DevPlace, release: ReleaseId) {
        self.served = None;
        let key =
            if self.keys.are_there() { "r builds again" } else { "stop this and start it again to go on" };
        let words = format!("{release} has taken over, and is kept running from here; {key}");
        self.screen.happened(words, &State::TakenOver { release: &release.to_string() });
        self.stand(place, &format!("resting: {release} runs"));
    }

    fn press(&self, key: Key) {
        match key {
            Key::Open => {
                if let Some(served) = &self.served {
                    open(&served.url, self.screen.ui);
                }
            }
            Key::OnlyErrors => self.screen.toggle_errors(),
            Key::Clear => self.screen.clear(),
            Key::Rebuild | Key::Quit => {}
        }
    }

    /// Runs the service's tests, if that is asked for, until they end or something is saved.
    async fn tested(&mut self, place: &dyn DevPlace, changed: &mut Vec<PathBuf>) -> Result<Option<Then>> {
        if !self.test {
            return Ok(None);
        }
        self.stand(place, "serving, testing");
        match self.call(self.stage.quick.test(), place, changed).await? {
            Ended::Attempt(Attempt::Done(_)) => {
                let tested = State::Tested { passed: true, headline: None };
                self.screen.happened("the tests pass", &tested);
                self.stand(place, "serving, tests pass");
            }
            Ended::Attempt(Attempt::Failed(found)) => {
                self.screen.ui.compiler(&found.text);
                let tested = State::Tested { passed: false, headline: found.headline.as_deref() };
                self.screen.happened("the tests fail", &tested);
                self.stand(place, "serving, TESTS FAIL");
            }
            Ended::Attempt(Attempt::Stopped) => {}
            Ended::Changed => return Ok(Some(Then::Build)),
            Ended::Quit => return Ok(Some(Then::Quit)),
        }
        Ok(None)
    }

    /// Calls cargo, until it ends or something is saved that makes it pointless.
    async fn call(&mut self, call: Call, place: &dyn DevPlace, changed: &mut Vec<PathBuf>) -> Result<Ended> {
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
                Some(what) = told.recv() => self.stand(place, &format!("building: {what}")),
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

    /// Watches what cargo is going to read, and the deploy's config.
    fn look_for_sources(&mut self) -> Result<()> {
        let mut places = self.stage.quick.sources()?;
        places.extend(self.stage.config_places());
        self.watch.look_at(places);
        Ok(())
    }

    fn stand(&self, place: &dyn DevPlace, state: &str) {
        let url = self.served.as_ref().map(|served| format!("  {}", served.url)).unwrap_or_default();
        let processes = match place.processes() {
            1 => "1 process".to_owned(),
            many => format!("{many} processes"),
        };
        let keys = if self.keys.are_there() { "  [r o l c q]" } else { "" };
        let based_on = match &self.stage.record {
            Record::Known(Some(last)) => format!("  after {}", last.id),
            _ => String::new(),
        };
        self.screen.stand(format!("{state}{url}  {processes}{based_on}{keys}"));
    }
}

/// How a call of cargo has ended.
enum Ended {
    Attempt(Attempt),
    /// Something was saved.
    Changed,
    Quit,
}

/// Whether a file says which others there are.
fn says_what_there_is(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    matches!(name, "Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml" | "config.toml")
}

/// One line: what is served, and where the time went.
fn served_in_words(url: &str, is_first: bool, changed: &[String], took: Took) -> String {
    let seconds = |millis: u64| format!("{}.{:02} s", millis / 1000, millis % 1000 / 10);
    let parts = [
        ("compile", took.compile),
        ("image", took.image),
        ("config", took.config),
        ("migrate", took.migrate),
        ("start", took.start),
    ];
    let parts: Vec<String> = parts
        .iter()
        .map(|(part, millis)| format!("{part} {}", seconds(*millis).trim_end_matches(" s")))
        .collect();
    let what = match changed {
        _ if is_first => String::new(),
        [] => String::new(),
        [one] => format!("{one}: "),
        [one, more @ ..] => format!("{one} and {} more: ", more.len()),
    };
    let at = if is_first { format!(" at {url}") } else { String::new() };
    format!("{what}served in {}{at} ({})", seconds(took.total), parts.join(", "))
}

/// Opens a page in the browser.
fn open(url: &str, ui: &Ui) {
    let mut browser = Callee::Editor.command("xdg-open");
    let silent = browser.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = silent.spawn() {
        ui.note(&format!("opening {url}: xdg-open cannot be run: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_was_saved_and_where_the_time_went() {
        let took = Took { compile: 912, image: 71, config: 9, migrate: 30, start: 205, total: 1263 };
        let words = |first: bool, changed: &[&str]| {
            let changed: Vec<String> = changed.iter().map(|name| (*name).to_owned()).collect();
            served_in_words("http://localhost:30000", first, &changed, took)
        };
        let parts = "(compile 0.91, image 0.07, config 0.00, migrate 0.03, start 0.20)";
        assert_eq!(words(true, &[]), format!("served in 1.26 s at http://localhost:30000 {parts}"));
        assert_eq!(words(false, &["a.rs"]), format!("a.rs: served in 1.26 s {parts}"));
        assert_eq!(words(false, &["a.rs", "b.rs"]), format!("a.rs and 1 more: served in 1.26 s {parts}"));
    }
}
