//! The toolchain of a build: the compiler, the linker and the C library that is linked into the binary.
//! Each leaves its mark on the bits, so each is part of the build's key and of its record.

use std::{fs, path::PathBuf};

use xshell::{Shell, cmd};
use xtask_contract::{Context, Digest, Error, Repo, Result};

/// The programs and libraries that a build uses.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// Each one with its version or digest.
    pub(crate) lines: Vec<String>,
    /// The target triple: this machine's, spelled out so that cargo keeps host and target flags apart.
    pub(crate) target: String,
}

impl Toolchain {
    /// The toolchain that `cargo build` would use here.
    pub(crate) fn of_this_machine(repo: &Repo) -> Result<Self> {
        let shell = || -> Result<Shell> {
            let sh = Shell::new().doing(|| "looking for the compiler")?;
            sh.change_dir(repo.root());
            Ok(sh)
        };
        // Asking rustup's rustc for its version takes as long as all the rest together.
        let (rustc, c) = std::thread::scope(|scope| {
            let c = scope.spawn(|| CToolchain::of_this_machine(&shell()?));
            (
                shell().and_then(|sh| rustc(&sh)),
                c.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        let (rustc, c) = (rustc?, c?);
        let field = |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        Ok(Self {
            lines: vec![
                format!("rustc {} ({})", field("release: "), field("commit-hash: ")),
                format!("cc: {}", c.cc),
                format!("ld: {}", c.ld),
                format!("libc.a {}", c.libc),
            ],
            target: field("host: ").to_owned(),
        })
    }
}

fn rustc(sh: &Shell) -> Result<String> {
    cmd!(sh, "rustc -vV")
        .quiet()
        .read()
        .map_err(|error| missing("the Rust compiler", &error, "install Rust with rustup: https://rustup.rs"))
}

/// What links the program, and the C library in it.
struct CToolchain {
    cc: String,
    ld: String,
    libc: Digest,
}

impl CToolchain {
    fn of_this_machine(sh: &Shell) -> Result<Self> {
        let hint = "install a C compiler: `apt-get install gcc libc6-dev`, or your system's like";
        let (cc, ld) = (first_line(sh, "cc", hint)?, first_line(sh, "ld", hint)?);
        let path =
            cmd!(sh, "cc -print-file-name=libc.a").quiet().read().doing(|| "looking for the C library")?;
        let libc = fs::read(PathBuf::from(path)).map_err(|error| {
            missing("the static C library, libc.a", &error, "install it: `apt-get install libc6-dev`")
        })?;
        Ok(Self { cc, ld, libc: Digest::of(libc) })
    }
}

fn first_line(sh: &Shell, program: &str, hint: &str) -> Result<String> {
    let text = cmd!(sh, "{program} --version").quiet().ignore_stderr().read();
    let text = text.map_err(|error| missing(&format!("`{program}`"), &error, hint))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn missing(what: &str, error: &dyn std::error::Error, hint: &str) -> Error {
    Error::failed(format!("looking for {what}"), error).next(hint)
}
