//! From source to a static binary that is the same wherever it is compiled.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use xtask_contract::{Context, Error, Progress, Repo, Result, service};

/// Where the compiler leaves the service's program for a target triple.
pub(crate) fn program(repo: &Repo, target: &str) -> PathBuf {
    target_dir(repo).join(target).join("release").join(service::NAME)
}

fn target_dir(repo: &Repo) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repo.root().join("target"), |folder| repo.root().join(folder))
}

/// Compiles the service for a target triple.
pub(crate) fn compile(repo: &Repo, target: &str, progress: &dyn Progress) -> Result<()> {
    let target_dir = target_dir(repo);
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(repo.root())
        .args(["build", "--locked", "--release", "--package", service::NAME, "--bin", service::NAME])
        .args(["--target", target])
        .arg("--target-dir")
        .arg(&target_dir)
        .env_clear()
        .envs(env::vars_os().filter(|(name, _)| passes(&name.to_string_lossy())))
        .env("CARGO_ENCODED_RUSTFLAGS", flags(repo, &target_dir))
        .env(linker_variable(target), "cc")
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .env("LC_ALL", "C");
    run(cargo, progress)
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
fn run(mut cargo: Command, progress: &dyn Progress) -> Result<()> {
    let doing = || "compiling the service";
    let mut child =
        cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().doing(doing)?;
    let mut said = String::new();
    let mut crates = 0_usize;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
            match line.trim_start().strip_prefix("Compiling ") {
                Some(name) => {
                    crates += 1;
                    progress.detail(&format!("{crates} crates, now {name}"));
                }
                None => said = said + &line + "\n",
            }
        }
    }
    if child.wait().doing(doing)?.success() {
        return Ok(());
    }
    Err(Error::failed(doing(), format!("cargo says:\n{}", said.trim_end()))
        .next("mend what cargo names and run the same command again"))
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
