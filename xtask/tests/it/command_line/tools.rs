//! A machine that lacks a tool: which one, and the one command that brings it.

use std::{env, fs, os::unix::fs::symlink, path::Path};

use crate::support::checkout::Checkout;

#[test]
fn whatever_a_kind_cluster_lacks_is_told_at_once_and_before_anything_is_made() {
    let checkout = Checkout::without_source();
    let nothing = checkout.around().join("no-programs");
    fs::create_dir(&nothing).unwrap();
    let _port = std::net::TcpListener::bind(("127.0.0.1", kind_port(&checkout)));
    let refused = checkout.xtask(["up", "--env", "dev"]).env("PATH", &nothing).run();
    let refused = refused.refused("looking for what the kind cluster ").says(": 4 problems\n");
    for said in [
        "looking for the Docker Engine: ",
        "there is no command `kind` on this machine\n",
        "looking for the command that kind calls: there is no command `docker` on this machine\n",
        "for the cluster: another program listens there\n",
        "`cargo xtask setup --tags kind` installs it",
        "`cargo xtask setup --tags docker` installs it",
    ] {
        assert!(refused.stderr.contains(said), "{said:?} is not in {}", refused.stderr);
    }
    assert!(!checkout.path("releases/dev").exists() && !checkout.path(".xtask/kind").exists());
    let status = checkout.xtask(["status", "--env", "dev"]).env("PATH", &nothing).run();
    status.done();
}

fn kind_port(checkout: &Checkout) -> u16 {
    checkout.deploy("dev").target.node_port().unwrap()
}

#[test]
fn each_tool_of_a_build_is_missed_by_name_with_the_command_that_brings_it() {
    let checkout = Checkout::fresh();
    for (program, role) in [("rustc", "rust"), ("git", "base"), ("cc", "base")] {
        let others = checkout.around().join(format!("without-{program}"));
        all_but(program, &others);
        // As one that was not started by rustup's cargo, which says where the compiler is.
        let failed = checkout.xtask(["build"]).env("PATH", &others).env("RUSTUP_TOOLCHAIN", "").run();
        failed.exits(1).says(&format!(
            "there is no command `{program}` on this machine\n  next: `cargo xtask setup --tags {role}` installs it"
        ));
    }
}

/// Makes a folder with all programs of this machine but one.
fn all_but(program: &str, folder: &Path) {
    fs::create_dir(folder).unwrap();
    for place in env::split_paths(&env::var_os("PATH").unwrap()) {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            if entry.file_name() != program {
                // The first one of a name is the one that is found.
                let _ = symlink(entry.path(), folder.join(entry.file_name()));
            }
        }
    }
}
