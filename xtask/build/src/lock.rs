//! Cargo.lock: where each crate comes from, and the checksum of what was downloaded.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;
use xtask_contract::{Context, Digest, Repo, Result};

use crate::crates::Package;

/// The registry whose crates `pkg:cargo/NAME@VERSION` names.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What Cargo.lock says.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The file's digest.
    pub(crate) digest: Digest,
    /// The SHA-256 checksums of the crates from crates.io, in hexadecimal digits.
    checksums: BTreeMap<Package, String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    package: Package,
    source: Option<String>,
    checksum: Option<String>,
}

impl Lock {
    /// The checkout's.
    pub(crate) fn of(repo: &Repo) -> Result<Self> {
        let doing = || "reading Cargo.lock";
        Self::parse(&fs::read_to_string(repo.root().join("Cargo.lock")).doing(doing)?)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).doing(|| "reading Cargo.lock")?;
        let of_crates_io =
            file.package.into_iter().filter(|entry| entry.source.as_deref() == Some(CRATES_IO));
        let checksums = of_crates_io.filter_map(|entry| Some((entry.package, entry.checksum?))).collect();
        Ok(Self { digest: Digest::of(text), checksums })
    }

    /// The checksum of a crate from crates.io; nothing for crates from elsewhere.
    pub(crate) fn checksum(&self, package: &Package) -> Option<&str> {
        self.checksums.get(package).map(String::as_str)
    }
}
