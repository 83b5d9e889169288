//! What Tab makes of a command line, in each shell: typed at a real terminal, where `cargo` shows what it was given.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    process::Command,
};

use crate::support::{checkout::Checkout, command::PROGRAM, needs, terminal::Terminal};

const NEWER: &str = "2011-04-06-20:32:17";
const OLDER: &str = "2011-04-06-19:00:00";

/// A checkout that has compiled the toolchain, and has two releases of `local` by name.
fn checkout() -> Checkout {
    let checkout = Checkout::fresh();
    for id in [OLDER, NEWER] {
        fs::create_dir_all(checkout.path("releases/local").join(id)).unwrap();
    }
    fs::create_dir_all(checkout.path("target/debug")).unwrap();
    symlink(PROGRAM, checkout.path("target/debug/xtask")).unwrap();
    checkout
}

#[track_caller]
fn candidates(checkout: &Checkout, words: &[&str]) -> Vec<String> {
    let outcome = checkout.xtask(["complete", "--", "xtask"]).args(words).run().done();
    let words = outcome.stdout.lines().map(|line| line.split('\t').next().unwrap().to_owned());
    words.filter(|word| !word.is_empty() && !word.starts_with('-')).collect()
}

#[test]
fn what_can_follow_is_known_from_the_grammar_and_the_checkout() {
    let checkout = checkout();
    let follows =
        |words: &[&str], expected: &[&str]| assert_eq!(candidates(&checkout, words), expected, "{words:?}");
    follows(&["rel"], &["release", "releases"]);
    follows(&["release", "--env", ""], &["dev", "local", "prod"]);
    follows(&["run", ""], &[NEWER, OLDER]);
    follows(&["rollback", "--env", "dev", ""], &[]);
    follows(&["rollback", "--env", "local", "2011-04-06-1"], &[OLDER]);
    follows(&["promote", "--from", "d"], &["dev"]);
    follows(&["scale", "w"], &["web=", "worker="]);
    follows(&["config", "set", "L"], &["LOG_LEVEL="]);
    follows(&["config", "unset", "L"], &["LOG_LEVEL"]);
    follows(&["services", "up", ""], &["postgres", "logging"]);
    follows(&["completions", "f"], &["fish"]);
    assert!(candidates(&checkout, &["test", ""]).contains(&"layering".to_owned()));
    assert!(!candidates(&checkout, &["com"]).contains(&"complete".to_owned()), "it is the scripts' own");
}

#[test]
fn outside_of_a_checkout_there_is_nothing_to_name_and_nothing_to_complain_of() {
    let checkout = checkout();
    let outcome =
        checkout.xtask(["complete", "--", "xtask", "run", "2"]).from(checkout.around()).run().done();
    assert_eq!((outcome.stdout.trim(), &*outcome.stderr), ("", ""));
}

/// A shell and how it is told what a test needs.
struct Shell {
    name: &'static str,
    args: &'static [&'static str],
    /// Before the script is read.
    before: &'static str,
    /// Makes `cargo` show what it was given.
    show: &'static str,
}

const BASH: Shell = Shell {
    name: "bash",
    args: &["--norc", "--noprofile", "-i"],
    before: "true",
    show: "cargo() { printf '<%s>' \"$@\"; }",
};
const ZSH: Shell = Shell {
    name: "zsh",
    args: &["-f", "-i"],
    before: "autoload -U compinit && compinit -u -D",
    show: "cargo() { printf '<%s>' \"$@\"; }",
};
const FISH: Shell = Shell {
    name: "fish",
    args: &["--no-config", "--interactive", "--init-command", "function fish_prompt; echo -n 'ready> '; end"],
    before: "true",
    show: "function cargo; printf '<%s>' $argv; end",
};

impl Shell {
    /// Types each command line, in which Tab and Enter are keys, and looks at what `cargo` is given.
    fn completes(&self, typed: &[(&str, &str)]) {
        if !needs::shell(self.name) {
            return;
        }
        let checkout = checkout();
        let script = checkout.xtask(["completions", self.name]).run().done().stdout;
        fs::write(checkout.path("script"), script).unwrap();
        let mut terminal = Terminal::new();
        let mut shell = self.start(&checkout, &terminal);
        for line in [self.before, "source ./script", self.show] {
            terminal.shows("ready> ");
            terminal.types(&format!("{line}\r"));
        }
        for (line, given) in typed {
            terminal.shows("ready> ");
            terminal.types(&format!("{line}\r"));
            terminal.shows(&format!("<{}>", given.replace(' ', "><")));
        }
        terminal.types("\rexit\r");
        let code = shell.wait().unwrap();
        assert!(code.success(), "{code}");
    }

    fn start(&self, checkout: &Checkout, terminal: &Terminal) -> std::process::Child {
        let [input, output, errors] = [(); 3].map(|()| terminal.side_of_the_process());
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "--wait", self.name]).args(self.args).current_dir(&checkout.root).env_clear();
        shell.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &checkout.home);
        shell.envs([
            ("TERM", "dumb"),
            ("PS1", "ready> "),
            ("LC_ALL", "C.UTF-8"),
            ("LINES", "50"),
            ("COLUMNS", "200"),
        ]);
        shell.stdin(input).stdout(output).stderr(errors).process_group(0).spawn().unwrap()
    }
}

/// Bash and zsh break words at `:`, which each release has in its ID.
const LINES: [(&str, &str); 6] = [
    ("cargo xtask stat\t", "xtask status"),
    ("cargo xtask run --env l\t2011-04-06-20\t", "xtask run --env local 2011-04-06-20:32:17"),
    ("cargo xtask run 2011-04-06-20:3\t", "xtask run 2011-04-06-20:32:17"),
    ("cargo xtask run --env=lo\t2011-04-06-1\t", "xtask run --env=local 2011-04-06-19:00:00"),
    ("cargo xtask scale wo\t3", "xtask scale worker=3"),
    ("cargo xtask config set LO\tdebug", "xtask config set LOG_LEVEL=debug"),
];

#[test]
fn in_bash() {
    BASH.completes(&LINES);
}

#[test]
fn in_zsh() {
    ZSH.completes(&LINES);
}

#[test]
fn in_fish() {
    FISH.completes(&LINES);
}
