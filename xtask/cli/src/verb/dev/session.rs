//! The loop, from one round to the next: what is saved is brought to the deploy, or is named.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use xtask_contract::{Callee, Error, Layout, Progress, Record, ReleaseId, Result, release::Image};
use xtask_run::{Cause, DevBackend, DevLoop, Options};

use super::{
    debugger,
    keys::{Key, Keys},
    screen::{Screen, State, Took, served_in_words},
    stage::{Stage, millis, shown},
    watch::{Snapshot, Watch},
};
use crate::{
    cli,
    ui::{Text, Ui},
};

/// The loop, from one round to the next.
pub(super) struct Session<'a> {
    pub(super) screen: &'a Screen<'a>,
    pub(super) options: Options,
    pub(super) flags: LoopOptions,
    /// What the loop has left, and what becomes of it.
    pub(super) left: Option<Left>,
    pub(super) stage: Stage<'a>,
    pub(super) watch: Watch,
    pub(super) keys: Keys,
    /// All that was there when it was looked at last.
    pub(super) current: Snapshot,
    /// What was there when cargo was called last, and when that was.
    pub(super) tried: Option<(Snapshot, SystemTime)>,
    /// What the program was compiled from that cargo has left, if that is known.
    pub(super) compiled: Option<Snapshot>,
    /// The image of that program.
    pub(super) image: Option<(Layout, Image)>,
    /// What runs.
    pub(super) served: Option<Served>,
    /// Whether what was saved last could not be served.
    pub(super) failing: bool,
    /// What the compiler warned of last.
    pub(super) warnings: String,
}

/// What is wanted of a loop beside the loop itself.
pub(super) struct LoopOptions {
    /// Whether the service's tests are run after each change.
    pub(super) test: bool,
    /// Whether it is told how a debugger is attached.
    debugger: bool,
    /// Whether what the loop leaves is to give way to the release before.
    restore: bool,
}

/// What runs.
pub(super) struct Served {
    mark: String,
    url: String,
}

/// A quick build that runs on without the loop.
pub(super) struct Left {
    pub(super) mark: String,
    /// The release that the deploy was on before.
    pub(super) before: Option<ReleaseId>,
    /// Whether it is to go back there.
    pub(super) goes_back: bool,
}

/// What ends a wait.
pub(super) enum Then {
    /// There is something to build.
    Build,
    Quit,
}

impl<'a> Session<'a> {
    /// One that has done nothing yet.
    pub(super) fn new(
        screen: &'a Screen<'a>,
        stage: Stage<'a>,
        watch: Watch,
        keys: Keys,
        args: &cli::Dev,
    ) -> Self {
        Self {
            screen,
            options: args.options(),
            flags: LoopOptions { test: args.test, debugger: args.debugger, restore: args.restore },
            left: None,
            stage,
            watch,
            keys,
            current: Snapshot::default(),
            tried: None,
            compiled: None,
            image: None,
            served: None,
            failing: false,
            warnings: String::new(),
        }
    }
}

#[async_trait(?Send)]
impl DevLoop for Session<'_> {
    async fn go(&mut self, backend: &dyn DevBackend) -> Result<()> {
        self.stage.begin()?;
        self.look_for_sources()?;
        self.current = self.watch.read()?;
        let mut changed = Vec::new();
        loop {
            let began = Instant::now();
            let then = match self.round(backend, &mut changed, began).await {
                Ok(Some(then)) => then,
                Ok(None) => self.idle(backend, &mut changed).await?,
                Err(error) => {
                    self.failed(backend, error).await;
                    self.idle(backend, &mut changed).await?
                }
            };
            if matches!(then, Then::Quit) {
                return Ok(());
            }
        }
    }

    async fn runs_on(&mut self, mark: &str) {
        let before = match &self.stage.record {
            Record::Known(last) => last.as_ref().map(|last| last.id),
            Record::Unknown => None,
        };
        let goes_back = match before {
            Some(before) if !self.flags.restore => self.agrees(before).await,
            before => before.is_some(),
        };
        self.left = Some(Left { mark: mark.to_owned(), before, goes_back });
    }
}

impl Session<'_> {
    /// Whether somebody at the keys wants the deploy to go back to a release.
    async fn agrees(&mut self, before: ReleaseId) -> bool {
        if !self.keys.are_there() {
            return false;
        }
        self.screen.status(format!("go back to {before}? [y/N]"));
        tokio::select! {
            key = self.keys.next() => key == Key::Yes,
            _ = xtask_run::interrupted() => false,
        }
    }

    /// Brings what is there now to the deploy. What is saved meanwhile is taken up: nothing that is out of date is started.
    async fn round(
        &mut self,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
        began: Instant,
    ) -> Result<Option<Then>> {
        let mut took = Took::default();
        let names: Vec<String> = changed.iter().map(|path| shown(self.stage.repo, path)).collect();
        self.screen.happened(Text::default(), &State::Building { changed: &names });
        // That takes long, and nothing else is to be seen.
        if self.served.is_none() && self.must_compile() {
            self.screen.ui.step("compiling the service");
        }
        self.status(backend, "building");
        if self.must_compile() {
            let from = Instant::now();
            if let Some(then) = self.compile(backend, changed).await? {
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
            self.current.take_up(&secrets);
            changed.retain(|path| *path != secrets);
        }
        let job = wanted.job(self.stage.repo, self.stage.env, &self.options, self.screen);
        took.config = millis(from.elapsed());
        let mark = wanted.verified.mark();
        if self.served.as_ref().is_some_and(|served| served.mark == mark) {
            self.served_already(backend, changed, took).await?;
            return self.tested(backend, changed).await;
        }
        let from = Instant::now();
        let ran = backend.bring(&job).await?;
        took.migrate = ran.migration_ms;
        took.start = millis(from.elapsed()).saturating_sub(ran.migration_ms);
        took.total = millis(began.elapsed());
        backend.show("").await?;
        self.stage.forget_others();
        let is_first = self.served.is_none();
        self.failing = false;
        let served = self.served.insert(Served { mark, url: ran.url });
        let names: Vec<String> = changed.drain(..).map(|path| shown(self.stage.repo, &path)).collect();
        let words = served_in_words(&served.url, is_first, &names, took);
        let (mark, url) = (served.mark.as_str(), served.url.as_str());
        let state = State::Serving { mark, url, processes: backend.processes(), changed: &names, took };
        self.screen.happened(words, &state);
        self.tell_debuggers(backend);
        self.status(backend, "serving");
        self.tested(backend, changed).await
    }

    /// Says how a debugger is attached to what runs, if that is asked for.
    fn tell_debuggers(&self, backend: &dyn DevBackend) {
        if !self.flags.debugger {
            return;
        }
        let (program, root) = (self.stage.quick.program(), self.stage.repo.root());
        let configuration =
            |(name, process): &(String, u32)| debugger::configuration(name, *process, &program, root);
        let configurations: Vec<_> = backend.process_ids().iter().map(configuration).collect();
        let words = configurations.iter().map(debugger::words).collect::<Vec<_>>().join("\n");
        self.screen.happened(Text::block(&words), &State::Debuggable { configurations: &configurations });
    }

    /// What is there is what runs: an edit was taken back, or made no difference.
    async fn served_already(
        &mut self,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
        took: Took,
    ) -> Result<()> {
        backend.show("").await?;
        changed.clear();
        if let (true, Some(Served { mark, url })) = (self.failing, &self.served) {
            let state = State::Serving { mark, url, processes: backend.processes(), changed: &[], took };
            self.screen.happened("what is there is what is served, as before", &state);
        }
        self.failing = false;
        self.status(backend, "serving");
        Ok(())
    }

    /// Whether anything but the deploy's config is not as it was compiled.
    fn must_compile(&self) -> bool {
        let config = self.stage.config_places();
        self.compiled.as_ref().is_none_or(|compiled| {
            self.current.changed_since(compiled).iter().any(|path| !config.contains(path))
        })
    }

    /// Shows an error, and that what was served before still is.
    async fn failed(&mut self, backend: &dyn DevBackend, error: Error) {
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
        self.tell_failure(backend, &headline, &text.words()).await;
    }

    pub(super) async fn tell_failure(&mut self, backend: &dyn DevBackend, headline: &str, text: &str) {
        self.failing = true;
        let serving = self.served.is_some();
        let words = match &self.served {
            Some(served) => format!("the last good build serves on at {}", served.url),
            None => "nothing is served yet; the next save tries again".to_owned(),
        };
        if let Err(error) = backend.show(headline).await {
            self.screen.ui.note(&error.to_string());
        }
        self.screen.happened(words, &State::Failed { headline, text, serving });
        self.status(backend, &format!("failed: {headline}"));
    }

    /// Waits until there is something to do, and does what the keys ask for.
    pub(super) async fn idle(
        &mut self,
        backend: &dyn DevBackend,
        changed: &mut Vec<PathBuf>,
    ) -> Result<Then> {
        let mut rests = false;
        loop {
            tokio::select! {
                biased;
                release = backend.taken_over(), if !rests => {
                    rests = true;
                    self.rest(backend, release);
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
    pub(super) fn look(&mut self, changed: &mut Vec<PathBuf>) -> Result<bool> {
        let now = self.watch.read()?;
        let since = now.changed_since(&self.current);
        self.current = now;
        for path in &since {
            if !changed.contains(path) {
                changed.push(path.clone());
            }
        }
        Ok(!since.is_empty())
    }

    /// Another command has brought the deploy to a release.
    fn rest(&mut self, backend: &dyn DevBackend, release: ReleaseId) {
        self.served = None;
        let key =
            if self.keys.are_there() { "r builds again" } else { "stop this and start it again to go on" };
        let words = format!("{release} has taken over, and is kept running from here; {key}");
        self.screen.happened(words, &State::TakenOver { release: &release.to_string() });
        self.status(backend, &format!("resting: {release} runs"));
    }

    pub(super) fn press(&self, key: Key) {
        match key {
            Key::Open => {
                if let Some(served) = &self.served {
                    open(&served.url, self.screen.ui);
                }
            }
            Key::OnlyErrors => self.screen.toggle_errors(),
            Key::Clear => self.screen.clear(),
            Key::Rebuild | Key::Quit | Key::Yes | Key::None => {}
        }
    }

    /// Watches what cargo is going to read, and the deploy's config.
    pub(super) fn look_for_sources(&mut self) -> Result<()> {
        let mut places = self.stage.quick.sources()?;
        places.extend(self.stage.config_places());
        self.watch.look_at(places);
        Ok(())
    }

    pub(super) fn status(&self, backend: &dyn DevBackend, state: &str) {
        let url = self.served.as_ref().map(|served| format!("  {}", served.url)).unwrap_or_default();
        let processes = match backend.processes() {
            1 => "1 process".to_owned(),
            many => format!("{many} processes"),
        };
        let keys = if self.keys.are_there() { "  [r o l c q]" } else { "" };
        let based_on = match &self.stage.record {
            Record::Known(Some(last)) => format!("  after {}", last.id),
            _ => String::new(),
        };
        self.screen.status(format!("{state}{url}  {processes}{based_on}{keys}"));
    }
}

/// Opens a page in the browser.
fn open(url: &str, ui: &Ui) {
    let mut browser = Callee::Editor.command("xdg-open");
    let silent = browser.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = silent.spawn() {
        ui.note(&format!("opening {url}: xdg-open cannot be run: {error}"));
    }
}
