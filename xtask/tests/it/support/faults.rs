//! Sudden death at every step, by strace's fault injection.

use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt};

use super::{checkout::Checkout, command::Xtask};

/// The system calls by which files change, and those that bring them to disk, which are the last. Those marked exist on
/// some machines only.
const CALLS: &str = "?chmod,?fchmod,?fchmodat,fdatasync,fsync,ftruncate,?mkdir,mkdirat,openat,?rename,?renameat,\
                     renameat2,?symlink,symlinkat,?unlink,unlinkat,write";

/// A moment in the life of a process: just before a system call, by the call's name and number.
#[derive(Debug)]
pub(crate) struct Moment {
    call: String,
    number: usize,
}

/// All moments at which a command has changed the checkout's files since the one before, the last one when all is done
/// but told: whenever it is killed, it leaves the files as at one of them. It is run once to see them.
pub(crate) fn moments<const N: usize>(checkout: &Checkout, args: [&str; N]) -> Vec<Moment> {
    moments_of(checkout, |xtask| xtask.args(args))
}

/// The same for a command that takes more than arguments.
pub(crate) fn moments_of(checkout: &Checkout, prepare: impl Fn(Xtask) -> Xtask) -> Vec<Moment> {
    let trace = checkout.around().join("trace");
    let (output, calls) = (trace.display().to_string(), format!("trace={CALLS}"));
    prepare(strace(checkout, ["strace", "-f", "-y", "-o", &output, "-e", &calls])).run().done();
    moments_in(&fs::read_to_string(trace).unwrap(), &checkout.root.display().to_string())
}

fn moments_in(trace: &str, root: &str) -> Vec<Moment> {
    let mut counts = BTreeMap::new();
    let mut last = None;
    let mut moments = Vec::new();
    for line in trace.lines().filter_map(|line| line.split_once(' ')).map(|(_, line)| line.trim_start()) {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let number = counts.entry(call.to_owned()).or_insert(0);
        *number += 1;
        // The current folder is named in many calls that are about something else.
        if !rest.replace(&format!("AT_FDCWD<{root}>"), "").contains(root) {
            continue;
        }
        let moment = Moment { call: call.to_owned(), number: *number };
        if changes(call, rest) {
            moments.push(moment);
            last = None;
        } else {
            last = Some(moment);
        }
    }
    moments.extend(last);
    moments
}

/// Whether a call has changed any file.
fn changes(call: &str, rest: &str) -> bool {
    let brings_to_disk = matches!(call, "fsync" | "fdatasync");
    let only_opens = call == "openat" && !rest.contains("O_CREAT") && !rest.contains("O_TRUNC");
    !rest.contains(") = -1 ") && !brings_to_disk && !only_opens
}

/// Runs a command and kills it at this moment.
#[track_caller]
pub(crate) fn killed_at<const N: usize>(checkout: &Checkout, moment: &Moment, args: [&str; N]) {
    prepared_killed_at(checkout, moment, |xtask| xtask.args(args));
}

/// The same for a command that takes more than arguments. Calls are counted for each thread, and which thread makes one
/// differs from run to run: a command that does not come to this moment has come to its end.
#[track_caller]
pub(crate) fn prepared_killed_at(checkout: &Checkout, moment: &Moment, prepare: impl Fn(Xtask) -> Xtask) {
    let Moment { call, number } = moment;
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let outcome = prepare(strace(checkout, ["strace", "-f", "-o", "/dev/null", "-e", &inject])).run();
    let killed = outcome.status.signal() == Some(9);
    assert!(killed || outcome.status.success(), "it did not come to {moment:?}: {outcome:?}");
}

/// How often a command opens this file of the checkout.
pub(crate) fn opened<const N: usize>(checkout: &Checkout, args: [&str; N], file: &str) -> usize {
    let trace = checkout.around().join("trace");
    let output = trace.display().to_string();
    strace(checkout, ["strace", "-f", "-o", &output, "-e", "trace=openat"]).args(args).run().done();
    let file = format!("{}\"", checkout.path(file).display());
    fs::read_to_string(trace).unwrap().lines().filter(|line| line.contains(&file)).count()
}

fn strace<const N: usize>(checkout: &Checkout, command: [&str; N]) -> Xtask {
    Xtask::through(&command, &checkout.root, &checkout.home)
}

#[test]
fn the_moments_are_those_at_which_files_have_changed() {
    let trace = "\
7 openat(AT_FDCWD</a b>, \"/a b/one\", O_RDONLY|O_CLOEXEC) = 3</a b/one>
7 openat(AT_FDCWD</a b>, \"/etc/hosts\", O_WRONLY|O_CREAT, 0600) = 4</etc/hosts>
7 mkdir(\"/a b\", 0777) = -1 EEXIST (File exists)
8 openat(AT_FDCWD</a b>, \"/a b/two\", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 4</a b/two>
8 write(1<pipe:[9]>, \"x\", 1) = 1
8 write(4</a b/two>, \"x\", 1) = 1
8 fsync(4</a b/two>) = 0
8 fsync(5</a b>) = 0
8 +++ exited with 0 +++
";
    let told = moments_in(trace, "/a b");
    let told: Vec<(&str, usize)> = told.iter().map(|one| (one.call.as_str(), one.number)).collect();
    assert_eq!(told, [("openat", 3), ("write", 2), ("fsync", 2)]);
}
