//! What a test did, to find out why it failed: `target/xtask/test/NAME`. `cargo xtask test` deletes the records of
//! tests that passed.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use super::command::Outcome;

/// The name of the test that this thread runs.
pub(crate) fn test_name() -> String {
    // nextest runs one in a process, on its main thread.
    let of_thread = || thread::current().name().unwrap_or("unknown").to_owned();
    env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| of_thread())
}

/// The folder of the test's own, emptied at its first use.
pub(crate) fn folder() -> PathBuf {
    static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let name = test_name().replace("::", ".");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("xtask").join("test").join(&name);
    if USED.lock().unwrap().insert(name) {
        let _ = fs::remove_dir_all(&folder);
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Notes a command and what became of it.
pub(crate) fn command(command: &str, outcome: &Outcome) {
    let Outcome { status, stdout, stderr } = outcome;
    let text = format!("$ {command}\n{stdout}{stderr}[{status}]\n\n");
    let file = OpenOptions::new().create(true).append(true).open(folder().join("commands"));
    file.and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
}

/// Copies a file or folder beside that, if it is there.
pub(crate) fn keep(path: &Path) {
    if path.exists() {
        let _ = Command::new("cp").arg("-aL").arg(path).arg(folder()).status();
    }
}

/// Keeps what a command prints, whether or not it succeeds.
pub(crate) fn keep_output(name: &str, command: &mut Command) {
    if let Ok(file) = File::create(folder().join(name)) {
        let _ = command.stdout(file).status();
    }
}
