//! A deploy's config: listed, set, sealed, edited. What is written is what was asked for and nothing else, and no
//! secret shows.

mod clear;
mod editing;
mod sealed;

use std::fs;

use crate::support::checkout::Checkout;

/// The text of a file of the checkout.
#[track_caller]
fn text(checkout: &Checkout, path: &str) -> String {
    fs::read_to_string(checkout.path(path)).unwrap()
}

/// The names of the deploys' files and of whatever else is beside them.
fn beside_the_deploys(checkout: &Checkout) -> Vec<String> {
    let entries = fs::read_dir(checkout.path("k8s/envs")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
