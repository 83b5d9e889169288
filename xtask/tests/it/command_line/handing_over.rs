//! The program for local deploys, and the one for clusters that it becomes.

use std::{fs, path::Path};

use crate::support::{
    checkout::Checkout,
    command::{PROGRAM, Xtask},
};

#[test]
fn what_touches_no_cluster_needs_no_other_program() {
    let checkout = Checkout::with_release();
    let alone = alone(checkout.around());
    let call = |args: &[&str]| Xtask::with(&alone, &checkout.root, &checkout.home).args(args).run();
    for args in [
        &["status"][..],
        &["releases"],
        &["scale"],
        &["services"],
        &["config", "--env", "dev"],
        &["release", "--env", "local"],
    ] {
        call(args).done();
    }
}

#[test]
fn what_touches_a_cluster_names_the_program_that_it_takes_and_does_nothing_before() {
    let checkout = Checkout::with_release();
    let alone = alone(checkout.around());
    for args in [
        &["status", "--env", "dev"][..],
        &["up", "--env", "dev"],
        &["down", "--env", "dev", "--yes"],
        &["push", "registry.example.com/team/todo-api"],
    ] {
        let told = Xtask::with(&alone, &checkout.root, &checkout.home).args(args).run();
        told.refused("starting the program for deploys on clusters")
            .says("next: `cargo build --package xtask --features clusters --bins` makes both");
    }
    assert!(checkout.ids("dev").is_empty());
}

#[test]
fn beside_the_program_for_clusters_it_becomes_that() {
    let checkout = Checkout::with_release();
    let both = alone(checkout.around());
    fs::copy(env!("CARGO_BIN_EXE_xtask-cluster"), both.with_file_name("xtask-cluster")).unwrap();
    let call = |args: &[&str]| Xtask::with(&both, &checkout.root, &checkout.home).args(args).run();
    assert_eq!(call(&["status", "--env", "dev", "--json"]).done().json()["release"], serde_json::Value::Null);
    call(&["status", "--env", "dev", "--no-such-option"]).exits(2).says("Usage: cargo xtask status");
}

#[test]
fn the_program_for_clusters_needs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("xtask-cluster");
    fs::copy(env!("CARGO_BIN_EXE_xtask-cluster"), &program).unwrap();
    fs::create_dir_all(folder.path().join("k8s/envs")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").unwrap();
    let pushed = Xtask::with(&program, folder.path(), folder.path());
    let told = pushed.args(["push", "registry.example.com/team/todo-api"]).run();
    let told = told.exits(3).says("build");
    assert!(!told.stderr.contains("xtask-cluster"), "{told:?}");
}

/// The program under test in a folder of its own.
fn alone(folder: &Path) -> std::path::PathBuf {
    let folder = folder.join("programs");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("xtask");
    fs::copy(PROGRAM, &program).unwrap();
    program
}
