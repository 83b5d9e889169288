//! Another service in todo-api's place, as docs/your-own-service.md puts it there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::blocks;
use crate::support::{
    checkout::Checkout,
    command::{Xtask, tool_home},
    http, ports,
    template::{copy, shared_target},
};

#[test]
fn another_service_takes_its_place_step_by_step() {
    let checkout = Checkout::fresh();
    compile_quickly(&checkout);
    let target = toolchain_compiled_before();
    let port = ports::free();
    for block in blocks::of(&checkout.path("docs/your-own-service.md")) {
        if let Some(file) = block.file() {
            let path = checkout.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // As the text has it, but for what is somebody else's on this machine.
            fs::write(path, block.text().replace("PORT = 30000", &format!("PORT = {port}"))).unwrap();
            continue;
        }
        if block.mark != "sh" {
            continue;
        }
        for line in block.lines.iter().filter(|line| *line != "cargo xtask up") {
            shell(&checkout, &target, line);
        }
    }

    let xtask = |args: &[&str]| {
        let program = Xtask::with(&target.join("debug/xtask"), &checkout.root, &checkout.home);
        program.env("CARGO_TARGET_DIR", &target).args(args)
    };
    let mut up = xtask(&["up", "--json"]).start();
    assert_eq!(up.announces()["url"], format!("http://localhost:{port}"));
    let answer = http::Connection::open(port).unwrap().request("GET /", "", false).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "Hello from this machine"));
    xtask(&["status"]).run().done();
    assert!(xtask(&["logs"]).run().done().stdout.contains("listening"));
    up.stops().done();

    xtask(&["release", "--env", "dev"]).run().done();
    let objects = fs::read_to_string(checkout.newest("dev").join("objects.yaml")).unwrap();
    assert!(objects.contains("serviceAccountName: greeter") && !objects.contains("todo"), "{objects}");
}

/// How fast the service is and how small does not matter here, so the compiler takes no time for that.
fn compile_quickly(checkout: &Checkout) {
    let manifest = checkout.path("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (before, after) = text.split_once("[profile.release]\ncodegen-units = 1\nlto = \"thin\"\n").unwrap();
    fs::write(manifest, format!("{before}[profile.release]\nopt-level = 0\n{after}")).unwrap();
}

/// A target folder in which all but the workspace's own crates is compiled: those come out the same anywhere.
fn toolchain_compiled_before() -> PathBuf {
    let target = shared_target().with_file_name("own-service");
    let (ours, debug) = (shared_target().with_file_name("debug"), target.join("debug"));
    let _ = fs::remove_dir_all(&debug);
    fs::create_dir_all(&debug).unwrap();
    for part in [".fingerprint", "build"] {
        copy(&ours.join(part), &debug);
    }
    // Never written again once they are there, so a second name will do.
    let status = Command::new("cp").arg("-al").arg(ours.join("deps")).arg(&debug).status().unwrap();
    assert!(status.success());
    target
}

/// Types a line.
fn shell(checkout: &Checkout, target: &Path, line: &str) {
    let mut shell = Command::new("bash");
    shell.args(["-euc", line]).current_dir(&checkout.root).env_clear();
    shell.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &checkout.home);
    shell
        .env("CARGO_HOME", tool_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", tool_home("RUSTUP_HOME", ".rustup"));
    // For what is compiled here just once.
    shell.envs([("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "false")]);
    shell.envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@localhost")]);
    shell.envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@localhost")]);
    let output = shell.env("CARGO_TARGET_DIR", target).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}
