//! The data of a deploy's own PostgreSQL server, made once and copied: each test would spend a second on making them.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{
    checkout::Checkout,
    template::{copy, shared_target},
};

/// What makes the data.
const MAKER: &str = include_str!("../../../run/local/src/postgres.rs");

/// The file in which a deploy's state says where its data are.
const HOME: &str = "postgres-home";

/// Nothing here has to outlive the machine; a server that is killed loses nothing.
const SETTINGS: &str = "fsync = off\nfull_page_writes = off\n";

/// A folder with a server's data, in which nobody has written anything. It is deleted with this.
pub(crate) struct Database(TempDir);

impl Database {
    /// A copy of the one that was made first.
    pub(crate) fn copy() -> Self {
        let template = shared_target().join("database");
        fs::create_dir_all(&template).unwrap();
        let lock = File::create(shared_target().join("database.lock")).unwrap();
        lock.lock().unwrap();
        let (stamp, known) = (stamp(), template.join("stamp"));
        if fs::read_to_string(&known).ok() != Some(stamp.clone()) {
            fs::remove_dir_all(&template).unwrap();
            fs::create_dir(&template).unwrap();
            make(&template);
            fs::write(&known, stamp).unwrap();
        }
        lock.unlock().and_then(|()| lock.lock_shared()).unwrap();
        let folder = tempfile::Builder::new().prefix("xtask-data-").tempdir().unwrap();
        // The user that the server runs as, if root runs the tests, has to come to it.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        let database = Self(folder);
        fs::create_dir(database.home()).unwrap();
        copy(&template.join("data"), &database.home());
        database
    }

    /// Makes it that of the deploy with this state.
    pub(crate) fn belongs_to(&self, state: &Path) {
        fs::create_dir_all(state).unwrap();
        fs::write(state.join(HOME), format!("{}\n", self.home().display())).unwrap();
    }

    /// Whether the deploy with this state still has it, and no server runs on it.
    pub(crate) fn is_idle_in(&self, state: &Path) -> bool {
        let home = fs::read_to_string(state.join(HOME)).unwrap_or_default();
        home.trim_end() == self.home().display().to_string()
            && !self.home().join("data/postmaster.pid").exists()
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }
}

/// Has the toolchain make data, and puts them into a folder.
fn make(template: &Path) {
    let checkout = Checkout::without_source();
    checkout.xtask(["services", "up", "postgres"]).run().done();
    checkout.xtask(["services", "down", "postgres"]).run().done();
    let state = checkout.path(".xtask/local");
    let home = fs::read_to_string(state.join(HOME)).unwrap();
    let data = state.join(home.trim_end()).join("data");
    let mut settings = OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
    settings.write_all(SETTINGS.as_bytes()).unwrap();
    copy(&data, template);
}

/// What the data depend on.
fn stamp() -> String {
    let programs = xtask_local::postgres_programs().unwrap();
    let version = Command::new(programs.join("postgres")).arg("--version").output().unwrap();
    let mut hasher = DefaultHasher::new();
    (MAKER, SETTINGS).hash(&mut hasher);
    format!("{:x} {}", hasher.finish(), String::from_utf8_lossy(&version.stdout))
}
