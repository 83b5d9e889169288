//! The list of certificate authorities that is put into every image: that of the crate which this toolchain was compiled
//! with, whatever the checkout's Cargo.lock has.

use crate::{crates::Package, lock::Lock};

/// The crate whose content, not code, is in the image.
pub(crate) const NAME: &str = "webpki-root-certs";
/// Under which licence it is.
pub(crate) const LICENCE: &str = "CDLA-Permissive-2.0";

/// The lock file that this toolchain was compiled by.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// What the lock file says of the crate: its version and its checksum among it.
pub(crate) fn entry() -> &'static str {
    let entry = LOCK.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{NAME}\"\n")));
    entry.unwrap_or_default()
}

/// The crate in its version, and its checksum.
pub(crate) fn package() -> Option<(Package, String)> {
    let lock = Lock::parse(&format!("[[package]]{}", entry())).ok()?;
    lock.only().map(|(package, checksum)| (package.clone(), checksum.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_crate_its_checksum_and_its_licence_are_those_that_cargo_knows() {
        let (package, checksum) = package().unwrap();
        assert_eq!((package.name.as_str(), checksum.len()), (NAME, 64));
        let tree =
            ["tree", "--locked", "--offline", "--package", NAME, "--depth", "0", "--format", "{p} {l}"];
        let output = Command::new(env!("CARGO")).args(tree).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), format!("{NAME} v{} {LICENCE}", package.version));
    }
}
