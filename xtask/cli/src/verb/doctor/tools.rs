//! The tools that are looked for, and how each says which version it is.

use std::{path::Path, process::Stdio};

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use xtask_contract::{
    Callee, Repo,
    command::{self, Failure},
};

/// What a tool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Need {
    /// Every deploy: an image has to be built.
    Build,
    /// Local deploys.
    Local,
    /// Deploys on a kind cluster of this machine.
    Kind,
    /// Nothing but `cargo xtask test`.
    Checks,
}

impl Need {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Build => "to build",
            Self::Local => "to run here",
            Self::Kind => "to use kind",
            Self::Checks => "to test",
        }
    }
}

/// What brings a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A role of ansible/setup.yaml, by its tag.
    Role(&'static str),
    /// A package of Debian and Ubuntu.
    Package(&'static str),
}

/// How a tool is asked for its version.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// By a command, which prints it.
    Command(&'static [&'static str]),
    /// By a command that says nothing of it, but succeeds.
    Presence(&'static [&'static str]),
    /// The compiler that rust-toolchain.toml names.
    Rust,
    /// The library that is linked into the program.
    StaticLibrary,
    /// The newest server programs, wherever they are.
    Postgres,
}

/// A tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) source: Source,
    ask: Ask,
}

const fn tool(name: &'static str, need: Need, source: Source, ask: Ask) -> Tool {
    Tool { name, need, source, ask }
}

const fn check(name: &'static str, package: &'static str, ask: Ask) -> Tool {
    tool(name, Need::Checks, Source::Package(package), ask)
}

/// The version of the engine itself, not of its client.
const ENGINE: [&str; 4] = ["docker", "version", "--format", "{{.Server.Version}}"];

/// All tools, in the order in which they are told.
pub(super) const TOOLS: [Tool; 28] = [
    tool("git", Need::Build, Source::Role("base"), Ask::Command(&["git", "--version"])),
    tool("C compiler", Need::Build, Source::Role("base"), Ask::Command(&["cc", "-dumpfullversion"])),
    tool("C library, static", Need::Build, Source::Role("base"), Ask::StaticLibrary),
    tool("Rust", Need::Build, Source::Role("rust"), Ask::Rust),
    tool("PostgreSQL server", Need::Local, Source::Role("postgresql"), Ask::Postgres),
    tool("Docker Engine", Need::Kind, Source::Role("docker"), Ask::Command(&ENGINE)),
    tool("kind", Need::Kind, Source::Role("kind"), Ask::Command(&["kind", "version"])),
    tool("rustfmt", Need::Checks, Source::Role("rust"), Ask::Command(&["cargo", "fmt", "--version"])),
    tool("clippy", Need::Checks, Source::Role("rust"), Ask::Command(&["cargo", "clippy", "--version"])),
    check("chromium", "chromium", Ask::Command(&["chromium", "--version"])),
    check("chromedriver", "chromium-driver", Ask::Command(&["chromedriver", "--version"])),
    check("gdb", "gdb", Ask::Command(&["gdb", "--version"])),
    check("strace", "strace", Ask::Command(&["strace", "--version"])),
    check("openssl", "openssl", Ask::Command(&["openssl", "version"])),
    check("skopeo", "skopeo", Ask::Command(&["skopeo", "--version"])),
    check("age", "age", Ask::Command(&["age", "--version"])),
    check("docker-registry", "docker-registry", Ask::Command(&["docker-registry", "--version"])),
    check("htpasswd", "apache2-utils", Ask::Presence(&["htpasswd", "-nbB", "somebody", "password"])),
    // Not on everybody's PATH.
    check("pgbouncer", "pgbouncer", Ask::Command(&["/usr/sbin/pgbouncer", "--version"])),
    check("rsyslogd", "rsyslog", Ask::Command(&["/usr/sbin/rsyslogd", "-v"])),
    check("curl", "curl", Ask::Command(&["curl", "--version"])),
    check("zsh", "zsh", Ask::Command(&["zsh", "--version"])),
    check("fish", "fish", Ask::Command(&["fish", "--version"])),
    check("iptables", "iptables", Ask::Command(&["iptables", "--version"])),
    check("ip", "iproute2", Ask::Command(&["ip", "-Version"])),
    check("debootstrap", "debootstrap", Ask::Command(&["debootstrap", "--version"])),
    check("shellcheck", "shellcheck", Ask::Presence(&["shellcheck", "--version"])),
    check("python3 -m venv", "python3-venv", Ask::Presence(&["python3", "-c", "import ensurepip"])),
];

impl Tool {
    /// Its version, or why it does not do.
    pub(super) async fn look(&self, repo: &Repo) -> Result<String, String> {
        match self.ask {
            Ask::Command(command) => said(command, repo.root()).await.map(|said| version(&said)),
            Ask::Presence(command) => said(command, repo.root()).await.map(|_| "there".into()),
            Ask::Rust => rust(repo).await,
            Ask::StaticLibrary => static_library(repo).await,
            Ask::Postgres => {
                let programs = xtask_local::postgres_programs().map_err(|error| error.why.concat())?;
                let program = programs.join("postgres").display().to_string();
                said(&[&program, "--version"], repo.root()).await.map(|said| version(&said))
            }
        }
    }
}

/// The first line that a command prints.
async fn said(call: &[&str], folder: &Path) -> Result<String, String> {
    let output = Command::from(Callee::Asked.command(call[0]))
        .args(&call[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await;
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    match command::outcome(call[0], output) {
        Ok(output) => Ok(first_line(&String::from_utf8_lossy(&output))),
        Err(failure @ Failure::Ended { .. }) => {
            Err(format!("`{}` failed: {}", call.join(" "), first_line(&failure.why())))
        }
        Err(failure) => Err(failure.why()),
    }
}

/// The number in a line such as `git version 2.47.3`; the whole line, if there is none.
fn version(line: &str) -> String {
    let is_number =
        |word: &&str| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.');
    let mut words = line.split([' ', ',']).map(|word| word.trim_start_matches(['v', '(']));
    words.find(is_number).unwrap_or(line.trim()).to_owned()
}

#[derive(Deserialize)]
struct ToolchainFile {
    toolchain: Toolchain,
}

#[derive(Deserialize)]
struct Toolchain {
    channel: String,
}

async fn rust(repo: &Repo) -> Result<String, String> {
    let found = said(&["rustc", "--version"], repo.root()).await.map(|said| version(&said))?;
    let text = std::fs::read_to_string(repo.root().join("rust-toolchain.toml"))
        .map_err(|error| error.to_string())?;
    let wanted: ToolchainFile = toml::from_str(&text).map_err(|error| error.to_string())?;
    let wanted = wanted.toolchain.channel;
    if found == wanted {
        Ok(found)
    } else {
        Err(format!("it is {found}; rust-toolchain.toml names {wanted}"))
    }
}

async fn static_library(repo: &Repo) -> Result<String, String> {
    let path = said(&["cc", "-print-file-name=libc.a"], repo.root()).await?;
    // A compiler that has not found it repeats what it was asked for.
    if Path::new(&path).is_absolute() {
        Ok("there".into())
    } else {
        Err("the C compiler finds no libc.a".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_number_in_what_a_tool_says() {
        for (line, wanted) in [
            ("git version 2.47.3", "2.47.3"),
            ("kind v0.33.0 go1.19.8 linux/amd64", "0.33.0"),
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
            ("rustc 1.95.0 (59807616e 2026-04-14)", "1.95.0"),
            ("ip utility, iproute2-6.1.0, libbpf 1.1.2", "1.1.2"),
            ("12.2.0", "12.2.0"),
            ("(devel)", "(devel)"),
        ] {
            assert_eq!(version(line), wanted, "{line}");
        }
    }
}
