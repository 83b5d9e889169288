//! What a test needs of the machine.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    process::Command,
    thread,
};

/// Whether there is time for what takes minutes: `XTASK_LONG=1`.
pub(crate) fn long() -> bool {
    env::var("XTASK_LONG").as_deref() == Ok("1")
}

/// Names what is skipped, or fails where nothing may be.
pub(crate) fn missing(what: &str) {
    assert!(
        env::var("XTASK_E2E").as_deref() != Ok("required"),
        "{what} is missing, and XTASK_E2E=required lets nothing be skipped"
    );
    // Past the test harness, which shows what is printed only if the test fails.
    let _ = writeln!(io::stderr(), "skipped: {what} is missing");
    if let Ok(list) = env::var("XTASK_TEST_SKIPPED") {
        // nextest runs a test on the main thread of a process of its own.
        let of_thread = || thread::current().name().unwrap_or("unknown").to_owned();
        let test = env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| of_thread());
        let list = OpenOptions::new().create(true).append(true).open(list);
        list.and_then(|mut list| writeln!(list, "{test}\t{what}")).unwrap();
    }
}

/// The number of the user that every system has for those with no rights.
pub(crate) fn nobody() -> u32 {
    let output = Command::new("id").args(["-u", "nobody"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
