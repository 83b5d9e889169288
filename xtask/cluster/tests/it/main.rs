//! The program with all backends, by itself. What it does on clusters is tested by way of `xtask`, which becomes it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, process::Command};

#[test]
fn it_needs_no_other_program_for_clusters_and_registries() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("xtask-cluster");
    fs::copy(env!("CARGO_BIN_EXE_xtask-cluster"), &program).unwrap();
    fs::create_dir_all(folder.path().join("k8s/envs")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").unwrap();
    let pushed = Command::new(&program)
        .args(["push", "registry.example.com/team/todo-api"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8(pushed.stderr).unwrap();
    assert!(told.contains("build") && !told.contains("xtask-cluster"), "{told}");
    assert_eq!(pushed.status.code(), Some(3), "{told}");
}
