//! Sudden death at every step, by strace's fault injection.

use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt};

use super::{checkout::Checkout, command::Xtask};

/// The system calls by which files change, or are waited for. Those marked exist on some machines only.
const CALLS: [&str; 17] = [
    "?chmod",
    "?fchmod",
    "?fchmodat",
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "?mkdir",
    "mkdirat",
    "openat",
    "?rename",
    "?renameat",
    "renameat2",
    "?symlink",
    "symlinkat",
    "?unlink",
    "unlinkat",
];
const WRITES: [&str; 1] = ["write"];

/// A moment in the life of a process: just before a system call, by the call's name and number.
#[derive(Debug)]
pub(crate) struct Moment {
    call: String,
    number: usize,
}

/// All moments at which a command is about to do something to the checkout's files. It is run once to see them.
pub(crate) fn moments<const N: usize>(checkout: &Checkout, args: [&str; N]) -> Vec<Moment> {
    moments_of(checkout, |xtask| xtask.args(args))
}

/// The same for a command that takes more than arguments.
pub(crate) fn moments_of(checkout: &Checkout, prepare: impl Fn(Xtask) -> Xtask) -> Vec<Moment> {
    let trace = checkout.around().join("trace");
    let (output, calls) = (trace.display().to_string(), [&CALLS[..], &WRITES].concat().join(","));
    prepare(strace(checkout, ["strace", "-f", "-y", "-o", &output, "-e", &format!("trace={calls}")]))
        .run()
        .done();
    let root = checkout.root.display().to_string();
    let mut counts = BTreeMap::new();
    let text = fs::read_to_string(trace).unwrap();
    let mut moments = Vec::new();
    for line in text.lines().filter_map(|line| line.split_once(' ')).map(|(_, line)| line.trim_start()) {
        let Some((call, arguments)) = line.split_once('(') else { continue };
        let number = counts.entry(call.to_owned()).or_insert(0);
        *number += 1;
        // The current folder is named in many calls that are about something else.
        let arguments = arguments.replace(&format!("AT_FDCWD<{root}>"), "");
        if arguments.contains(&root) {
            moments.push(Moment { call: call.to_owned(), number: *number });
        }
    }
    moments
}

/// Runs a command and kills it at this moment.
#[track_caller]
pub(crate) fn killed_at<const N: usize>(checkout: &Checkout, moment: &Moment, args: [&str; N]) {
    prepared_killed_at(checkout, moment, |xtask| xtask.args(args));
}

/// The same for a command that takes more than arguments.
#[track_caller]
pub(crate) fn prepared_killed_at(checkout: &Checkout, moment: &Moment, prepare: impl Fn(Xtask) -> Xtask) {
    let Moment { call, number } = moment;
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let outcome = prepare(strace(checkout, ["strace", "-f", "-o", "/dev/null", "-e", &inject])).run();
    assert_eq!(outcome.status.signal(), Some(9), "it did not come to {moment:?}: {outcome:?}");
}

fn strace<const N: usize>(checkout: &Checkout, command: [&str; N]) -> Xtask {
    Xtask::through(&command, &checkout.root, &checkout.home)
}
