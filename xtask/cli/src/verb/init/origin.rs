//! Where the toolchain's crates come from.

use std::path::{Path, PathBuf};

use xtask_contract::{Error, Result};

/// The folder of this crate where it was compiled.
const COMPILED_IN: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the crates `xtask-cli` and `xtask-cluster` come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A registry, in a version that fits this one.
    Version(String),
    /// A Git repository.
    Repository(String),
    /// The top folder of a checkout.
    Folder(PathBuf),
}

impl Origin {
    /// As somebody has named it, relative to this folder; else where this program's came from.
    pub(super) fn of(named: Option<&str>, folder: &Path) -> Result<Self> {
        let Some(named) = named else { return Ok(Self::compiled(Path::new(COMPILED_IN))) };
        if named.contains("://") {
            return Ok(Self::Repository(named.to_owned()));
        }
        if named.starts_with(|c: char| c.is_ascii_digit() || "^~=".contains(c)) {
            return Ok(Self::Version(named.to_owned()));
        }
        let checkout = folder.join(named);
        match checkout.canonicalize() {
            Ok(checkout) if checkout.join("xtask/cli/Cargo.toml").is_file() => Ok(Self::Folder(checkout)),
            _ => {
                let why = format!("there is no xtask/cli in {}", checkout.display());
                Err(Error::usage(format!("taking the toolchain from {named}"), why)
                    .next("name a checkout's top folder, a version such as 0.1, or a repository's URL"))
            }
        }
    }

    /// Cargo unpacks what comes from elsewhere below its home, in folders that are nobody's checkout.
    fn compiled(folder: &Path) -> Self {
        let checkout = folder.ancestors().nth(2).filter(|top| top.join("xtask/cli/Cargo.toml").is_file());
        let unpacked =
            folder.ancestors().any(|it| it.ends_with("registry/src") || it.ends_with("git/checkouts"));
        match checkout.filter(|_| !unpacked) {
            Some(top) => Self::Folder(top.to_owned()),
            None => Self::Version(VERSION.to_owned()),
        }
    }

    /// The keys of a dependency on one of its crates.
    pub(super) fn keys(&self, name: &str) -> String {
        let text = |text: &str| toml::Value::from(text).to_string();
        match self {
            Self::Version(version) => format!("version = {}", text(version)),
            Self::Repository(url) => format!("git = {}", text(url)),
            Self::Folder(top) => format!("path = {}", text(&top.join("xtask").join(name).to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_version_a_repository_or_a_folder() {
        let here = Path::new("/");
        let keys = |named: &str| Origin::of(Some(named), here).unwrap().keys("cli");
        assert_eq!(keys("0.2"), r#"version = "0.2""#);
        assert_eq!(keys("=0.2.1"), r#"version = "=0.2.1""#);
        assert_eq!(keys("https://example.com/t"), r#"git = "https://example.com/t""#);
        let top = Path::new(COMPILED_IN).ancestors().nth(2).unwrap();
        assert_eq!(keys(top.to_str().unwrap()), format!("path = \"{}/xtask/cli\"", top.display()));
        let wrong = Origin::of(Some("/nowhere"), here).unwrap_err();
        assert_eq!(wrong.why, ["there is no xtask/cli in /nowhere"]);
    }

    #[test]
    fn what_cargo_has_unpacked_is_a_version_and_a_checkout_is_a_folder() {
        let top = Path::new(COMPILED_IN).ancestors().nth(2).unwrap();
        assert_eq!(Origin::compiled(Path::new(COMPILED_IN)), Origin::Folder(top.to_owned()));
        let unpacked = Path::new("/home/a/.cargo/registry/src/index/xtask-cli-0.1.0");
        assert_eq!(Origin::compiled(unpacked), Origin::Version(VERSION.to_owned()));
    }
}
