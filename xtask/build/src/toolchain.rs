//! The toolchain of a build: the compiler, the linker and the C library that is linked into the binary.
//! Each leaves its mark on the bits, so each is part of the build's key and of its record.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use xtask_contract::{
    Callee, Digest, Error, Repo, Result,
    command::{self, Failure},
};

/// The programs and libraries that a build uses.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// Each one with its version or digest.
    pub(crate) lines: Vec<String>,
    /// The target triple: this machine's, spelled out so that cargo keeps host and target flags apart.
    pub(crate) target: String,
    /// The compiler, whose standard library is linked into the program.
    pub(crate) rust: Rust,
    /// The C library that is, too.
    pub(crate) libc: CLibrary,
}

/// The Rust compiler.
#[derive(Debug)]
pub(crate) struct Rust {
    pub(crate) version: String,
    /// The commit of its source, if it tells.
    pub(crate) commit: String,
}

/// The static C library, libc.a.
#[derive(Debug)]
pub(crate) struct CLibrary {
    pub(crate) digest: Digest,
    path: PathBuf,
}

impl CLibrary {
    /// What it says of itself, if it is the GNU C Library: its name, its distributor's version, its own.
    pub(crate) fn banner(&self) -> Option<String> {
        let library = fs::read(&self.path).ok()?;
        let text = String::from_utf8_lossy(&library);
        let banner = &text[text.find("GNU C Library (")?..];
        banner.split(['\n', '\0']).next().map(str::to_owned)
    }
}

/// What chooses the Rust toolchain that compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chooser {
    /// The caller: with `cargo +NAME`, or by rustup's variable.
    Caller,
    /// The checkout's rust-toolchain.toml alone.
    Checkout,
}

/// The variables by which rustup tells its children which toolchain was chosen, and where all of them are.
pub(crate) const RUSTUP_TOOLCHAIN: &str = "RUSTUP_TOOLCHAIN";
const RUSTUP_HOME: &str = "RUSTUP_HOME";

impl Toolchain {
    /// The toolchain that `cargo build` would use here.
    pub(crate) fn of_this_machine(repo: &Repo, chooser: Chooser) -> Result<Self> {
        let (rustc, c) = std::thread::scope(|scope| {
            let c = scope.spawn(|| CToolchain::of_this_machine(repo));
            let rustc = rustc(repo, chooser, &["-vV"]);
            (rustc, c.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (rustc, c) = (rustc?, c?);
        let field = |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let rust = Rust { version: field("release: ").to_owned(), commit: field("commit-hash: ").to_owned() };
        Ok(Self {
            lines: vec![
                format!("rustc {} ({})", rust.version, rust.commit),
                format!("cc: {}", c.cc),
                format!("ld: {}", c.ld),
                format!("libc.a {}", c.libc.digest),
            ],
            target: field("host: ").to_owned(),
            rust,
            libc: c.libc,
        })
    }
}

fn rustc(repo: &Repo, chooser: Chooser, args: &[&str]) -> Result<String> {
    let mut rustc = match chooser {
        Chooser::Caller => Callee::Compiler.command(chosen(|name| env::var_os(name))),
        Chooser::Checkout => Callee::Compiler.command("rustc"),
    };
    if chooser == Chooser::Checkout {
        rustc.env_remove(RUSTUP_TOOLCHAIN);
    }
    command::read(rustc.args(args).current_dir(repo.root())).map_err(|failure| {
        lacking("the Rust compiler", failure, "install Rust with rustup: https://rustup.rs")
    })
}

/// The compiler that rustup's `rustc` would start, where it is known by these variables: that one needs longer to choose it
/// than the compiler to answer.
fn chosen(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let known = variable(RUSTUP_HOME).zip(variable(RUSTUP_TOOLCHAIN));
    // What is no toolchain's full name has no folder: the first part of one, as a user may type it.
    known
        .map(|(home, name)| Path::new(&home).join("toolchains").join(name).join("bin/rustc"))
        .filter(|rustc| rustc.is_file())
        .unwrap_or_else(|| "rustc".into())
}

/// The folder of the Rust toolchain that is used in a checkout.
pub(crate) fn rust_folder(repo: &Repo, chooser: Chooser) -> Result<String> {
    rustc(repo, chooser, &["--print", "sysroot"])
}

/// What links the program, and the C library in it.
struct CToolchain {
    cc: String,
    ld: String,
    libc: CLibrary,
}

impl CToolchain {
    fn of_this_machine(repo: &Repo) -> Result<Self> {
        let says = |program: &str, arg: &str| {
            let said = command::read(Callee::Compiler.command(program).arg(arg).current_dir(repo.root()));
            let hint = "install a C compiler: `apt-get install gcc libc6-dev`, or your system's like";
            said.map_err(|failure| lacking(&format!("`{program}`"), failure, hint))
        };
        let version = |program: &str| -> Result<String> {
            Ok(says(program, "--version")?.lines().next().unwrap_or_default().to_owned())
        };
        let (cc, ld) = (version("cc")?, version("ld")?);
        let path = PathBuf::from(says("cc", "-print-file-name=libc.a")?);
        let libc = fs::read(&path).map_err(|error| {
            missing("the static C library, libc.a", error, "install it: `apt-get install libc6-dev`")
        })?;
        Ok(Self { cc, ld, libc: CLibrary { digest: Digest::of(libc), path } })
    }
}

/// A program that is not there is brought by the command that is known for it.
fn lacking(what: &str, failure: Failure, hint: &str) -> Error {
    match failure {
        Failure::Missing { .. } => failure.error(format!("looking for {what}")),
        failure => missing(what, failure.why(), hint),
    }
}

fn missing(what: &str, why: impl Display, hint: &str) -> Error {
    Error::failed(format!("looking for {what}"), why).next(hint)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A toolchain that is nobody's.
    pub(crate) fn toolchain() -> Toolchain {
        let commit = "59807616e1fa2540724bfbac14d7976d7e4a3860";
        let digest = Digest::of("libc");
        Toolchain {
            lines: vec![
                format!("rustc 1.95.0 ({commit})"),
                "cc: cc (Debian 12.2.0-14) 12.2.0".into(),
                format!("libc.a {digest}"),
            ],
            target: "x86_64-unknown-linux-gnu".into(),
            rust: Rust { version: "1.95.0".into(), commit: commit.into() },
            libc: CLibrary { digest, path: PathBuf::new() },
        }
    }

    #[test]
    fn the_compiler_that_rustup_has_chosen_is_called_itself_where_it_is_known() {
        let home = tempfile::tempdir().unwrap();
        let rustc = home.path().join("toolchains/1.95.0-x86_64-unknown-linux-gnu/bin/rustc");
        fs::create_dir_all(rustc.parent().unwrap()).unwrap();
        fs::write(&rustc, "").unwrap();
        let of = |name: Option<&str>| {
            chosen(|variable| match variable {
                RUSTUP_HOME => Some(home.path().into()),
                _ => name.map(OsString::from),
            })
        };
        assert_eq!(of(Some("1.95.0-x86_64-unknown-linux-gnu")), rustc);
        for unknown in [None, Some(""), Some("1.95.0")] {
            assert_eq!(of(unknown), Path::new("rustc"), "{unknown:?}");
        }
    }
}
