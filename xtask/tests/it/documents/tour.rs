//! README.md and docs/operating.md, typed from the first line to the last in one checkout, with `dev` on a real cluster.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rustix::process::Signal;
use xtask_contract::Digest;

use super::blocks::{self, Block};
use crate::{
    cluster::Story,
    support::{
        LONG_PATIENCE,
        checkout::Checkout,
        command::{Outcome, PROGRAM, Xtask},
        foreground::Foreground,
        kind::CLUSTER,
        terminal::Terminal,
    },
};

/// Lines that are not typed, by what is in them, and why. (A whole block says `sh not-run`: those take a cluster, a
/// registry or an administrator of the reader's own, or a release that fails.)
const NOT_TYPED: [(&str, &str); 8] = [
    ("cargo xtask test", "it is what types this"),
    ("cargo xtask bench", "it takes a quiet machine, and longer than all the rest"),
    (
        "cargo xtask down --env dev",
        "a node takes a minute or two to come back, and `kind` among the checks does that",
    ),
    ("services down postgres", "some images' servers wait a minute for their clients"),
    ("migrate --to", "the database is further"),
    ("build --verify", "it compiles everything anew, and `build` among the checks does that"),
    ("registry.example.com", "a registry of the reader's own"),
    ("prod", "a cluster of the reader's own"),
];

#[test]
fn commands_of_the_documents_do_what_these_promise() {
    Story::goes_on(|story| {
        let mut tour = Tour::begin(&story.checkout);
        for document in ["README.md", "docs/operating.md"] {
            for block in blocks::of(&tour.checkout.path(document)).iter().filter(|block| block.mark == "sh") {
                for line in &block.lines {
                    tour.types(line);
                }
                tour.comes_back(block);
            }
        }
        assert!(tour.failed.is_empty(), "{}", tour.failed.join("\n"));
        assert!(tour.typed > 60, "only {} lines were typed", tour.typed);
    });
}

struct Tour<'a> {
    /// `cargo xtask up` in the other terminal.
    up: Option<Foreground>,
    checkout: &'a Checkout,
    typed: usize,
    /// What did not work, with what was said: all of it is told in the end.
    failed: Vec<String>,
}

impl<'a> Tour<'a> {
    fn begin(checkout: &'a Checkout) -> Self {
        let tools = checkout.around().join("tools");
        fs::create_dir_all(&tools).unwrap();
        // The toolchain under test is compiled already.
        let cargo = format!(
            "#!/bin/sh\n[ \"$1\" = xtask ] && shift && exec '{PROGRAM}' \"$@\"\nPATH=${{PATH#*:}}; exec cargo \"$@\"\n"
        );
        program(&tools.join("cargo"), &cargo);
        program(&tools.join("an-editor"), "#!/bin/sh\necho '# looked at' >>\"$1\"\n");
        fs::write(checkout.path("script"), "todos.list()\n").unwrap();
        // A second release of `dev`, at least: which of them is meant is told from others.
        let tour = Self { up: None, checkout, typed: 0, failed: Vec::new() };
        tour.run("cargo xtask config set LOG_LEVEL=warn --env dev && cargo xtask up --env dev").done();
        tour
    }

    /// Types a line as it stands, but for names that are this machine's.
    fn types(&mut self, line: &str) {
        if NOT_TYPED.iter().any(|(what, _)| line.contains(what)) {
            return;
        }
        self.typed += 1;
        let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
        let (line, command) = (self.here(line), command.trim_end());
        if command == "cargo xtask up" {
            let mut up = self.shell(&line).start();
            up.prints("http://localhost:");
            self.up = Some(up);
        } else if command.ends_with("--follow") {
            let mut logs = self.shell(&line).start();
            logs.prints("");
            logs.signal(Signal::INT);
            logs.ends_within(LONG_PATIENCE);
        } else if command.contains("config edit") {
            let mut terminal = Terminal::new();
            let edit = self.shell(&format!("exec {line}")).start_at(&terminal);
            terminal.shows("+# looked at");
            terminal.types("y\r");
            let (status, shown) = terminal.sees_end_of(edit);
            assert!(status.success(), "{line}: {shown}");
        } else {
            let outcome = self.run(&line);
            let promised = comment
                .split("exit code ")
                .nth(1)
                .and_then(|code| code.split([' ', ':']).next()?.parse().ok());
            let code = outcome.status.code();
            // Only logs may be empty.
            let says_nothing = line.contains("xtask")
                && !line.contains("xtask logs")
                && outcome.stdout.is_empty()
                && outcome.stderr.is_empty();
            if says_nothing || code != Some(0) && (promised.is_none() || code != promised) {
                self.failed.push(format!("{line}: {outcome:#?}"));
            }
        }
    }

    /// What a reader would do before going on: end what is in the other terminal, and start again what was stopped.
    fn comes_back(&mut self, block: &Block) {
        let has = |what: &str| block.lines.iter().any(|line| line.contains(what));
        if has("localhost:30000")
            && let Some(up) = self.up.take()
        {
            up.stops().done();
        }
        if has("services attach") || has("services down") {
            self.run("cargo xtask services up postgres --env dev && cargo xtask up --env dev").done();
        }
    }

    /// The line with the releases, the image, the ports and the cluster that there are here.
    fn here(&self, line: &str) -> String {
        let id = self.checkout.ids("dev").iter().rev().nth(1).map(ToString::to_string).unwrap_or_default();
        let image: Digest = self.checkout.releases("dev").last().unwrap().release.image.digest;
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for word in words.iter_mut().filter(|word| word.starts_with("sha256:")) {
            *word = image.to_string();
        }
        let line = words.join(" ").replace("2011-04-06-20:32:17", &id);
        line.replace(
            "2011-04-06-20-32-17",
            &self.checkout.newest("dev").file_name().unwrap().to_string_lossy().replace(':', "-"),
        )
        .replace("localhost:30000", &format!("localhost:{}", self.checkout.port()))
        .replace("todo-api.kubeconfig", &format!("{CLUSTER}.kubeconfig"))
        .replace("todo-api-dev", &format!("{CLUSTER}-dev"))
    }

    fn run(&self, line: &str) -> Outcome {
        let own_url = || self.checkout.secret("dev", "DATABASE_URL").expose().to_owned();
        let answer = match line {
            line if line.contains("--secret DATABASE_URL") => {
                self.checkout.secret("dev", "DATABASE_URL").expose().to_owned()
            }
            line if line.contains("--secret WEBHOOK_URL") => "http://127.0.0.1:9/hooks".into(),
            line if line.contains("--secret WEBHOOK_SECRET") => format!("whsec_{}", "QUJD".repeat(8)),
            // The same server by another name.
            line if line.contains("services attach") => {
                own_url().replace("@postgres", &format!("@postgres.{CLUSTER}-dev.svc"))
            }
            line if line.contains("-- shell") => "help()\n".into(),
            _ => String::new(),
        };
        self.shell(line).input(&answer).run()
    }

    fn shell(&self, line: &str) -> Xtask {
        let path = std::env::var_os("PATH").unwrap();
        let tools = self.checkout.around().join("tools");
        let path =
            std::env::join_paths(std::iter::once(tools.clone()).chain(std::env::split_paths(&path))).unwrap();
        Xtask::with(Path::new("bash"), &self.checkout.root, &self.checkout.home)
            .args(["-euc", line])
            .env("PATH", path)
            .env("EDITOR", "an-editor")
            .with_engine()
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
