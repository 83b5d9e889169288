//! All that `release` writes to, to be restored.

use std::fs;

use tempfile::TempDir;

use super::writable;
use crate::support::{checkout::Checkout, template::copy};

/// All that `release` writes to, saved beside the checkout.
pub(super) struct State<'a> {
    checkout: &'a Checkout,
    saved: TempDir,
}

impl<'a> State<'a> {
    const PARTS: [&'static str; 3] = ["releases", ".xtask", "k8s"];

    pub(super) fn save(checkout: &'a Checkout) -> Self {
        let saved = TempDir::new_in(checkout.around()).unwrap();
        let parts = Self::PARTS.map(|part| checkout.path(part));
        parts.iter().filter(|part| part.exists()).for_each(|part| copy(part, saved.path()));
        Self { checkout, saved }
    }

    pub(super) fn restore(&self) {
        for part in Self::PARTS {
            let path = self.checkout.path(part);
            if path.exists() {
                writable(&path);
                fs::remove_dir_all(&path).unwrap();
            }
            if self.saved.path().join(part).exists() {
                copy(&self.saved.path().join(part), &self.checkout.root);
            }
        }
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        writable(self.saved.path());
    }
}
