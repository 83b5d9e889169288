//! What a test needs of the machine.

use std::{
    env,
    io::{self, Write},
};

/// Names what is skipped, or fails where nothing may be.
pub(crate) fn missing(what: &str) {
    assert!(
        env::var("XTASK_E2E").as_deref() != Ok("required"),
        "{what} is missing, and XTASK_E2E=required lets nothing be skipped"
    );
    // Past the test harness, which shows what is printed only if the test fails.
    let _ = writeln!(io::stderr(), "skipped: {what} is missing");
}
