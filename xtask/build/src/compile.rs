//! From source to a static binary that is the same wherever it is compiled.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use xtask_contract::{Context, Error, Progress, Repo, Result, command, service};

use crate::{
    crates::{self, Compiled, Graph},
    toolchain::{Chooser, RUSTUP_TOOLCHAIN},
};

/// Cargo, for one checkout and one target triple.
pub(crate) struct Cargo<'a> {
    repo: &'a Repo,
    target: &'a str,
    target_dir: PathBuf,
    chooser: Chooser,
}

impl<'a> Cargo<'a> {
    /// As the caller would use it: what was compiled earlier, in the target folder that they chose, is used.
    pub(crate) fn of_caller(repo: &'a Repo, target: &'a str) -> Self {
        let target_dir = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| repo.root().join("target"), |folder| repo.root().join(folder));
        Self { repo, target, target_dir, chooser: Chooser::Caller }
    }

    /// With nothing but what is in the checkout.
    pub(crate) fn of_checkout(repo: &'a Repo, target: &'a str) -> Self {
        Self { repo, target, target_dir: repo.root().join("target"), chooser: Chooser::Checkout }
    }

    /// The target triple that it compiles for.
    pub(crate) fn target(&self) -> &str {
        self.target
    }

    /// Where the service's program is left.
    pub(crate) fn program(&self) -> PathBuf {
        self.target_dir.join(self.target).join("release").join(service::NAME)
    }

    /// Compiles the service, and tells of which crates.
    pub(crate) fn compile(&self, progress: &dyn Progress) -> Result<Compiled> {
        let mut cargo = self.command();
        cargo
            .args(["build", "--locked", "--release", "--package", service::NAME, "--bin", service::NAME])
            .args(["--target", self.target, "--message-format", "json-render-diagnostics"])
            .arg("--target-dir")
            .arg(&self.target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(self.repo, &self.target_dir))
            .env(linker_variable(self.target), "cc");
        run(cargo, self.target, progress)
    }

    /// A package's crates as cargo knows them, down to this depth.
    pub(crate) fn graph(&self, package: &str, depth: &str) -> Result<Graph> {
        let mut cargo = self.command();
        cargo
            .args(["tree", "--quiet", "--locked", "--package", package, "--target", self.target])
            .args(["--edges", "normal,build", "--depth", depth])
            .args(crates::TREE);
        let tree = command::read(cargo.stdin(Stdio::null()));
        tree.map(|tree| crates::graph(&tree))
            .map_err(|failure| failure.error(format!("asking cargo for the crates of {package}")))
    }

    /// Cargo in an environment in which nothing changes what is compiled.
    fn command(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(self.repo.root())
            .env_clear()
            .envs(env::vars_os().filter(|(name, _)| passes(&name.to_string_lossy())))
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .env("LC_ALL", "C");
        if self.chooser == Chooser::Checkout {
            cargo.env_remove(RUSTUP_TOOLCHAIN);
        }
        cargo
    }
}

/// The compiler's flags: a static binary, and no folder of this machine in its bits (panic messages name
/// source files: those of dependencies below cargo's home, generated ones below the target folder).
fn flags(repo: &Repo, target_dir: &Path) -> OsString {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let mut flags = OsString::from("-Ctarget-feature=+crt-static");
    // The last one that fits wins, so the inner folders come last.
    for (from, to) in [(home.as_path(), "/cargo"), (repo.root(), "/source"), (target_dir, "/target")] {
        let real = fs::canonicalize(from).unwrap_or_else(|_| from.to_owned());
        for folder in [from, real.as_path()] {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(folder);
            flags.push(format!("={to}"));
        }
    }
    flags
}

/// Whether a variable of the caller's environment may reach the compiler: not if it changes what is
/// compiled. What it takes to find and fetch things (rustup, registries, proxies, certificates) may.
fn passes(name: &str) -> bool {
    const COMPILERS: [&str; 13] = [
        "CC",
        "CXX",
        "AR",
        "AS",
        "LD",
        "NM",
        "RANLIB",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "CPATH",
        "LIBRARY_PATH",
    ];
    const FETCHING: [&str; 5] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_COLOR"];
    let bare = name.trim_start_matches("HOST_").trim_start_matches("TARGET_");
    let compiler = COMPILERS
        .iter()
        .any(|tool| bare.strip_prefix(tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')));
    let cargo = name.starts_with("CARGO") && !FETCHING.iter().any(|prefix| name.starts_with(prefix));
    let rustc = name.starts_with("RUST") && !name.starts_with("RUSTUP_");
    let lang = name.starts_with("LC_") || name == "LANG" || name == "TZ" || name == "SOURCE_DATE_EPOCH";
    !(compiler || cargo || rustc || lang)
}

fn linker_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"))
}

/// Runs cargo, telling each crate as it is compiled, and keeps what it said for the case that it fails.
fn run(mut cargo: Command, target: &str, progress: &dyn Progress) -> Result<Compiled> {
    let doing = || "compiling the service";
    let mut child =
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing(doing)?;
    let streams = child.stdout.take().zip(child.stderr.take());
    let (stdout, stderr) = streams.ok_or_else(|| Error::failed(doing(), "cargo has no output"))?;
    // Cargo writes to both at once, and would wait for whoever does not read.
    let (compiled, said) = thread::scope(|scope| {
        let compiled = scope.spawn(|| crates::compiled(BufReader::new(stdout), target));
        let said = listen(BufReader::new(stderr), progress);
        (compiled.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), said)
    });
    let status = child.wait().doing(doing)?;
    if status.success() {
        return compiled;
    }
    if status.code().is_none() {
        return Err(
            Error::failed(doing(), format!("cargo was stopped: {status}")).next("run the same command again")
        );
    }
    Err(Error::failed(doing(), format!("cargo says:\n{}", said.trim_end()))
        .next("mend what cargo names and run the same command again"))
}

/// Tells the progress, and gives back all else that was said.
fn listen(stderr: impl BufRead, progress: &dyn Progress) -> String {
    let mut said = String::new();
    let mut crates = 0_usize;
    for line in stderr.lines().map_while(std::result::Result::ok) {
        match line.trim_start().strip_prefix("Compiling ") {
            Some(name) => {
                crates += 1;
                progress.detail(&format!("{crates} crates, now {name}"));
            }
            None => said = said + &line + "\n",
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_bits_does_not_reach_the_compiler() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_INCREMENTAL",
            "RUSTC_WRAPPER",
            "CFLAGS",
            "CFLAGS_x86_64_unknown_linux_gnu",
            "HOST_CC",
            "CC",
            "LC_ALL",
            "TZ",
        ] {
            assert!(!passes(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_HTTP_PROXY",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "https_proxy",
            "SSL_CERT_FILE",
            "TMPDIR",
            "ASDF_DIR",
        ] {
            assert!(passes(name), "{name}");
        }
    }
}
