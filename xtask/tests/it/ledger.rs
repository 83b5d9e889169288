//! The ledger: releases appear whole or not at all, in one chain, and never change.

mod going_back;
mod promoting;
mod reading;
mod releasing;
mod secrets;
mod setting_aside;
mod showing;
mod signing;
mod state;
mod tampering;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use xtask_contract::ledger::Verified;

const RELEASE: [&str; 3] = ["release", "--env", "local"];

#[track_caller]
fn assert_is_a_chain(releases: &[Verified]) {
    for (place, verified) in releases.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| &releases[place]);
        assert_eq!(verified.release.sequence, place as u64 + 1);
        assert_eq!(verified.release.previous, before.map(Verified::link));
        assert!(before.is_none_or(|before| before.release.id < verified.release.id));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Makes a folder and all in it writable, as somebody does who means to alter it.
fn writable(path: &Path) {
    run_in(path, &["chmod", "-R", "u+w", "."]);
}

/// Runs a command in a folder to its good end and gives back what it printed.
#[track_caller]
fn run_in(folder: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command:?} in {}: {output:?}", folder.display());
    String::from_utf8(output.stdout).unwrap()
}
