//! The list of certificate authorities that is put into every image: that of the crate which this toolchain was compiled
//! with, whatever the checkout's Cargo.lock has.

use crate::crates::Package;

/// The crate whose content, not code, is in the image.
pub(crate) const NAME: &str = "webpki-root-certs";
/// Under which licence it is.
pub(crate) const LICENCE: &str = "CDLA-Permissive-2.0";

/// Which release of it, and the checksum of what was downloaded. The manifest asks for no other one, so that this
/// toolchain puts the same list into images, by whichever lock file it was compiled.
const VERSION: &str = "1.0.11";
const CHECKSUM: &str = "e49d0e65abc00c142e8f9428da991da9f1a250c39be97459901eb12b9b49f62a";

/// What the list is, for the key of a build.
pub(crate) fn entry() -> String {
    format!("{NAME} {VERSION} {CHECKSUM}")
}

/// The crate in its version, and its checksum.
pub(crate) fn package() -> (Package, &'static str) {
    (Package { name: NAME.into(), version: VERSION.into() }, CHECKSUM)
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;
    use crate::lock::Lock;

    #[test]
    fn the_crate_its_checksum_and_its_licence_are_those_that_cargo_knows() {
        let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = Lock::parse(&fs::read_to_string(top).unwrap()).unwrap();
        let (package, checksum) = package();
        assert_eq!(lock.checksum(&package), Some(checksum), "say here what Cargo.lock says now");
        let tree =
            ["tree", "--locked", "--offline", "--package", NAME, "--depth", "0", "--format", "{p} {l}"];
        let output = Command::new(env!("CARGO")).args(tree).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), format!("{NAME} v{} {LICENCE}", package.version));
    }
}
