//! What a test needs of the machine. What is missing is named as skipped, or fails the test where
//! `XTASK_E2E=required` lets nothing be skipped.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    process::{Command, Stdio},
};

use super::record::test_name;

/// A Docker Engine that answers, and the `kind` command.
pub(crate) fn docker_and_kind() -> bool {
    has("a Docker Engine", &["docker", "version"]) && has("the `kind` command", &["kind", "version"])
}

/// A Docker Engine that answers.
pub(crate) fn docker() -> bool {
    has("a Docker Engine", &["docker", "version"])
}

/// The `skopeo` command.
pub(crate) fn skopeo() -> bool {
    has("the `skopeo` command", &["skopeo", "--version"])
}

/// The `strace` command, and the right to trace.
pub(crate) fn strace() -> bool {
    has("the `strace` command", &["strace", "--", "true"])
}

/// The `setpriv` command, and to be root: root can call programs with fewer rights.
pub(crate) fn root_and_setpriv() -> bool {
    root() && has("the `setpriv` command", &["setpriv", "--version"])
}

/// The `gdb` command.
pub(crate) fn gdb() -> bool {
    has("the `gdb` command", &["gdb", "--version"])
}

/// The `openssl` command.
pub(crate) fn openssl() -> bool {
    has("the `openssl` command", &["openssl", "version"])
}

/// The `docker-registry` command, and `htpasswd` for its users.
pub(crate) fn registry() -> bool {
    has("the `docker-registry` command", &["docker-registry", "--version"])
        && has("the `htpasswd` command", &["htpasswd", "-nbB", "somebody", "password"])
}

/// The `rsyslogd` command, which is not on everybody's PATH.
pub(crate) fn rsyslogd() -> bool {
    has("the `rsyslogd` command", &["sh", "-c", "PATH=$PATH:/usr/sbin rsyslogd -v"])
}

/// The `age` command.
pub(crate) fn age() -> bool {
    has("the `age` command", &["age", "--version"])
}

/// What `ansible/tests/run` takes to make a fresh system: root's rights, `debootstrap`, and what looks at scripts.
pub(crate) fn fresh_system() -> bool {
    has("the right of root", &["sh", "-c", "test $(id -u) = 0"])
        && has("the `debootstrap` command", &["debootstrap", "--version"])
        && has("the `shellcheck` command", &["shellcheck", "--version"])
        && has("Python's `ensurepip`", &["python3", "-c", "import ensurepip"])
        && has("the `kind` command", &["kind", "version"])
}

/// This shell.
pub(crate) fn shell(name: &str) -> bool {
    has(&format!("the shell `{name}`"), &[name, "-c", "true"])
}

/// Whether the tests run as root.
pub(crate) fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The number of the user that every system has for those with no rights.
pub(crate) fn nobody() -> u32 {
    let output = Command::new("id").args(["-u", "nobody"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn has(what: &str, command: &[&str]) -> bool {
    let try_it = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let there = try_it.is_ok_and(|status| status.success());
    if !there {
        assert!(
            env::var("XTASK_E2E").as_deref() != Ok("required"),
            "{what} is missing, and XTASK_E2E=required lets nothing be skipped"
        );
        // Past the test harness, which shows what is printed only if the test fails.
        let _ = writeln!(io::stderr(), "skipped: {what} is missing");
        if let Ok(list) = env::var("XTASK_TEST_SKIPPED") {
            let list = OpenOptions::new().create(true).append(true).open(list);
            list.and_then(|mut list| writeln!(list, "{}\t{what}", test_name())).unwrap();
        }
    }
    there
}
