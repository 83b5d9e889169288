//! The playbook that sets machines up, on a fresh system: what `ansible/tests/run` looks at, one line for each.

use std::{path::Path, process::Command};

use crate::support::needs;

#[test]
fn the_playbook_sets_a_fresh_system_up() {
    if !needs::fresh_system() {
        return;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let status = Command::new(repository.join("ansible/tests/run")).status().unwrap();
    assert!(status.success(), "ansible/tests/run: {status}");
}
