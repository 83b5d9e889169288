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

use xtask_contract::{Callee, Context, Error, Progress, Repo, Result, ServiceName, command};

use crate::{
    cargo_home::{CargoHome, PLACE, config_file},
    crates::{self, Compiled, Graph},
    dep_info,
    lto::Lto,
    program::{self, Program},
    toolchain::{Chooser, RUSTUP_TOOLCHAIN, rust_folder},
};

/// With what effort a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the project's release profile says.
    Release,
    /// So that it is there soon. The project's manifest need not know of it.
    Quick,
}

impl Profile {
    /// What cargo calls it, and the folder in which it leaves what it compiled.
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Quick => "quick",
        }
    }
}

/// Cargo, for one checkout and one target triple. It sees the repository's configuration alone, and downloads only
/// while it runs nothing that was downloaded.
pub(crate) struct Cargo<'a> {
    service: &'a ServiceName,
    program: Program,
    root: PathBuf,
    target: &'a str,
    profile: Profile,
    target_dir: PathBuf,
    home: CargoHome,
    /// The toolchain's folder, for rustup: where cargo is called, no rust-toolchain.toml is found.
    rust: String,
    /// That of a release, where it is the linker's.
    lto: Option<Lto>,
}

impl<'a> Cargo<'a> {
    /// As the caller would use it: what was compiled earlier, in the target folder that they chose, is used.
    pub(crate) fn of_caller(repo: &'a Repo, target: &'a str) -> Result<Self> {
        Self::of(repo, target, &callers_target_dir(repo), Chooser::Caller)
    }

    /// With nothing but what is in the checkout.
    pub(crate) fn of_checkout(repo: &'a Repo, target: &'a str) -> Result<Self> {
        Self::of(repo, target, Path::new("target"), Chooser::Checkout)
    }

    fn of(repo: &'a Repo, target: &'a str, target_dir: &Path, chooser: Chooser) -> Result<Self> {
        let service = repo.service()?;
        let root = repo.root().canonicalize().doing(|| "looking for the checkout")?;
        let target_dir = root.join(target_dir);
        let (home, rust) = (CargoHome::of(repo)?, rust_folder(repo, chooser)?);
        let (program, profile) = (Program::default(), Profile::Release);
        let lto = Lto::of(&root, Path::new(&rust), target, &target_dir.join(target).join(profile.name()));
        let mut cargo = Self { service, program, root, target, profile, target_dir, home, rust, lto };
        cargo.program = program::find(&cargo.metadata()?, service)?;
        Ok(cargo)
    }

    /// The same, in another profile.
    pub(crate) fn with(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The target triple that it compiles for.
    pub(crate) fn target(&self) -> &str {
        self.target
    }

    /// Where the service's program is left.
    pub(crate) fn program(&self) -> PathBuf {
        self.target_dir.join(self.target).join(self.profile.name()).join(&self.program.name)
    }

    /// Where all that it makes is left.
    pub(crate) fn target_dir(&self) -> &Path {
        &self.target_dir
    }

    /// The workspace's packages and what is made of them.
    fn metadata(&self) -> Result<Vec<u8>> {
        let mut cargo = self.command(Callee::Downloads, "metadata");
        cargo.args(["--quiet", "--no-deps", "--format-version", "1"]);
        command::run(cargo.stdin(Stdio::null())).map_err(|failure| {
            failure
                .error("asking cargo for the workspace's packages")
                .next("mend what cargo names and run the same command again")
        })
    }

    /// The service's crates as cargo knows them. Those that are not on this machine are downloaded.
    pub(crate) fn graph(&self) -> Result<Graph> {
        let mut cargo = self.command(Callee::Downloads, "tree");
        cargo
            .args(["--quiet", "--package", self.service.as_str(), "--target", self.target])
            .args(["--edges", "normal,build"])
            .args(crates::TREE);
        let tree = command::read(cargo.stdin(Stdio::null()));
        tree.map(|tree| crates::graph(&tree)).map_err(|failure| {
            failure
                .error(format!("asking cargo for the crates of {}", self.service))
                .next("mend what cargo names and run the same command again")
        })
    }

    /// Compiles the service, and tells of which crates. All of them must be on this machine.
    pub(crate) fn compile(&self, progress: &dyn Progress) -> Result<Compiled> {
        run(self.build(), self.target, progress)
    }

    fn build(&self) -> Command {
        let mut cargo = self.command(Callee::Compiles, "build");
        cargo.args([
            "--offline",
            "--release",
            "--package",
            self.service.as_str(),
            "--bin",
            &self.program.name,
        ]);
        cargo.args(["--target", self.target, "--message-format", "json-render-diagnostics"]);
        self.place(&mut cargo);
        cargo
    }

    /// Cargo, to compile quickly: `verb` is `build` or `test`.
    pub(crate) fn quickly(&self, verb: &str) -> Command {
        let mut cargo = self.command(Callee::Compiles, verb);
        cargo
            .args(["--offline", "--profile", Profile::Quick.name(), "--package", self.service.as_str()])
            .args(["--target", self.target])
            .args(["--config", "profile.quick.inherits='dev'"])
            // Enough for a backtrace with the lines of what is written here; the rest takes the linker longer than the
            // compiler, and makes an image that takes long to write.
            .args(["--config", "profile.quick.debug='line-tables-only'"])
            .args(["--config", "profile.quick.package.'*'.debug=false"]);
        self.place(&mut cargo);
        cargo
    }

    /// The service's program, among all that its package may have.
    pub(crate) fn of_package(&self) -> &Program {
        &self.program
    }

    /// Where cargo leaves what it makes, and with what it makes it.
    fn place(&self, cargo: &mut Command) {
        cargo
            .arg("--target-dir")
            .arg(&self.target_dir)
            .arg("--config")
            .arg(format!("target.{}.linker='cc'", self.target))
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags());
    }

    /// The files of the repository that the last compile has read.
    pub(crate) fn read(&self) -> Result<Vec<PathBuf>> {
        dep_info::read_for(&self.program(), &self.root)
    }

    /// Cargo, with no configuration but the repository's.
    fn command(&self, callee: Callee, verb: &str) -> Command {
        let mut cargo = callee.command("cargo");
        cargo.current_dir(PLACE).arg(verb);
        // While a program is written its manifest may be ahead of Cargo.lock.
        if self.profile == Profile::Release {
            cargo.arg("--locked");
        }
        cargo.arg("--manifest-path").arg(self.root.join("Cargo.toml"));
        if let Some(config) = config_file(&self.root.join(".cargo")) {
            cargo.arg("--config").arg(config);
        }
        cargo
            .env("CARGO_HOME", self.home.folder())
            // What the user's own cargo would miss is not for this one to clear away.
            .env("CARGO_CACHE_AUTO_CLEAN_FREQUENCY", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .env("LC_ALL", "C")
            .env(RUSTUP_TOOLCHAIN, &self.rust);
        cargo
    }

    /// The compiler's flags: a static binary, and no folder of this machine in its bits (panic messages name
    /// source files: those of dependencies below cargo's home, generated ones below the target folder).
    fn flags(&self) -> OsString {
        let [users, own] = self.home.folders();
        let mut flags = OsString::from("-Ctarget-feature=+crt-static");
        // No static program finds a symbol by its name: the crate of this name would read /dev/urandom each time, and panic
        // where there is none.
        flags.push("\u{1f}--cfg=getrandom_backend=\"linux_getrandom\"");
        if let (Profile::Release, Some(lto)) = (self.profile, &self.lto) {
            for flag in lto.flags() {
                flags.push("\u{1f}");
                flags.push(flag);
            }
        }
        // The last one that fits wins, so the inner folders come last.
        let names =
            [(users, "/cargo"), (&self.root, "/source"), (&self.target_dir, "/target"), (own, "/cargo")];
        for (from, to) in names {
            let real = fs::canonicalize(from).unwrap_or_else(|_| from.to_owned());
            for folder in [from, real.as_path()] {
                flags.push("\u{1f}--remap-path-prefix=");
                flags.push(folder);
                flags.push(format!("={to}"));
            }
        }
        flags
    }
}

fn callers_target_dir(repo: &Repo) -> PathBuf {
    repo.root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Runs cargo, telling each crate as it is compiled, and keeps what it said for the case that it fails.
fn run(mut cargo: Command, target: &str, progress: &dyn Progress) -> Result<Compiled> {
    let doing = || "compiling the service";
    let mut child =
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing(doing)?;
    let streams = child.stdout.take().zip(child.stderr.take());
    let (stdout, stderr) = streams.ok_or_else(|| Error::failed(doing(), "cargo has no output"))?;
    // Both streams are read at once: cargo writes to both, and blocks on one that is full.
    let (compiled, said) = thread::scope(|scope| {
        let compiled = scope.spawn(|| crates::compiled(BufReader::new(stdout), target));
        let said = listen(BufReader::new(stderr), &|what| progress.detail(what));
        (compiled.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), said)
    });
    let status = child.wait().doing(doing)?;
    if status.success() {
        let warnings = warnings(&said);
        if !warnings.is_empty() {
            progress.note(&warnings);
        }
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

/// What the compiler has found in the project's own crates (cargo keeps that of others to itself), without what cargo
/// tells of its progress.
fn warnings(said: &str) -> String {
    let is_progress = |line: &&str| {
        let line = line.trim_start();
        ["Blocking ", "Dirty ", "Finished ", "Fresh "].iter().any(|verb| line.starts_with(verb))
    };
    let lines: Vec<&str> = said.lines().filter(|line| !is_progress(line)).collect();
    lines.join("\n").trim_end().to_owned()
}

/// What is told while another cargo uses the same target folder.
pub const WAITS: &str = "waiting for another cargo to end";

/// Tells the progress, and gives back all else that was said.
pub(crate) fn listen(stderr: impl BufRead, tell: &dyn Fn(&str)) -> String {
    let mut said = String::new();
    let mut crates = 0_usize;
    for line in stderr.lines().map_while(std::result::Result::ok) {
        let words = line.trim_start();
        if let Some(name) = words.strip_prefix("Compiling ") {
            crates += 1;
            tell(&format!("crate {crates}, {name}"));
        } else if let Some(lock) = words.strip_prefix("Blocking waiting for file lock on ") {
            tell(&format!("{WAITS} ({lock})"));
        } else {
            said = said + &line + "\n";
        }
    }
    said
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// How cargo is called for a service that is nowhere: all words, and the compiler's flags.
    pub(crate) fn command() -> Vec<u8> {
        let (service, target) = ("greeter".parse().unwrap(), "x86_64-unknown-linux-gnu");
        let cargo = Cargo {
            service: &service,
            program: Program { name: "served".into(), beside_library: false },
            root: "/nowhere/source".into(),
            target,
            profile: Profile::Release,
            target_dir: "/nowhere/target".into(),
            home: CargoHome::nowhere(),
            rust: "/nowhere/rust".into(),
            lto: Some(Lto::below(Path::new("/nowhere/release"))),
        };
        let build = cargo.build();
        let flags = build.get_envs().find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS").unwrap().1.unwrap();
        let words = build.get_args().chain([flags]);
        words.flat_map(|word| [word.as_encoded_bytes(), b"\n"].concat()).collect()
    }

    #[test]
    fn of_a_compile_that_succeeds_only_warnings_are_told() {
        let progress =
            "    Blocking waiting for file lock on build directory\n    Finished `release` profile\n";
        assert_eq!(warnings(progress), "");
        let warning =
            "warning: unused variable: `x`\n --> greeter/src/main.rs:4:9\n  |\n4 |     let x = 1;\n";
        assert_eq!(warnings(&format!("{warning}\n{progress}")), warning.trim_end());
    }
}
