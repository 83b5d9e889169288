//! A checkout of a test's own, in a folder that only its owner may enter and whose name has a space. A clone takes its
//! time: what needs neither source nor history has a folder with the deploys' files alone.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use chrono::{TimeDelta, Utc};
use tempfile::TempDir;
use xtask_contract::{
    Deploy, EnvName, Identity, Ledger, Record, ReleaseId, Repo, SealedSecrets, Secret,
    deploy::{KindTarget, Target, Text},
    ledger::Verified,
};
use xtask_release::Draft;

use super::{
    clock::FakeClock,
    command::Xtask,
    database::Database,
    git::git,
    kind::{CLUSTER, cluster_port},
    ports, record,
    template::{Template, shared_target},
};

/// A checkout of the workspace as it is now, with ports of its own.
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
    folder: PathBuf,
    /// Deletes the folder when this is dropped, unless another test goes on with it.
    temporary: Option<TempDir>,
    /// A database that was made before the deploy had one, if it is so.
    database: Option<Database>,
}

impl Checkout {
    /// A clone in which nothing was done yet.
    pub(crate) fn fresh() -> Self {
        Self::cloned(|_, _| ())
    }

    /// A clone in which the image was built.
    pub(crate) fn built() -> Self {
        Self::cloned(Template::copy_build_to)
    }

    /// A clone in which a release of `local` was made, too.
    pub(crate) fn released() -> Self {
        let checkout = Self::built();
        checkout.release("local");
        checkout
    }

    /// No clone, but the deploys' files alone.
    pub(crate) fn without_source() -> Self {
        Self::of(Template::copy_deploys_to)
    }

    /// The deploys' files and an image of the source.
    pub(crate) fn with_image() -> Self {
        Self::of(|template, root| {
            template.copy_deploys_to(root);
            template.copy_build_to(root);
        })
    }

    /// That and a release of `local`.
    pub(crate) fn with_release() -> Self {
        let checkout = Self::with_image();
        checkout.release("local");
        checkout
    }

    /// The same and a database, which nothing has used yet. What is tested with it is not how soon a busy machine opens
    /// another connection to it.
    pub(crate) fn with_database() -> Self {
        let checkout = Self::with_image();
        checkout.configure("local", "DATABASE_ACQUIRE_TIMEOUT", "5s");
        checkout.release("local");
        checkout.and_database()
    }

    /// Gives `local` a database, which the first `run` would take a second to make.
    pub(crate) fn and_database(mut self) -> Self {
        let database = self.database.insert(Database::copy());
        database.belongs_to(&self.folder.join("a checkout/.xtask/local"));
        self
    }

    fn cloned(prepare: impl FnOnce(&Template, &Path)) -> Self {
        let checkout = Self::of(|template, root| {
            template.clone_to(root);
            prepare(template, root);
        });
        checkout.commit_all("Places of this test's own");
        checkout
    }

    fn of(make: impl FnOnce(&Template, &Path)) -> Self {
        let temporary = tempfile::Builder::new().prefix("end to end ").tempdir().unwrap();
        let checkout = Self::at(temporary.path().to_owned(), Some(temporary));
        fs::create_dir(&checkout.home).unwrap();
        make(&Template::lock(), &checkout.root);
        checkout.choose_places();
        checkout
    }

    fn at(folder: PathBuf, temporary: Option<TempDir>) -> Self {
        let (root, home) = (folder.join("a checkout"), folder.join("home"));
        Self { root, home, folder, temporary, database: None }
    }

    /// The checkout that a test has left for those after it, by the name of a file that says where.
    pub(crate) fn left_as(name: &str) -> Option<Self> {
        let folder = PathBuf::from(fs::read_to_string(shared_target().join(name)).ok()?);
        folder.exists().then(|| Self::at(folder, None))
    }

    /// Leaves it for the tests after this one.
    pub(crate) fn leave_as(&mut self, name: &str) {
        fs::write(shared_target().join(name), self.folder.to_str().unwrap()).unwrap();
        if let Some(mut temporary) = self.temporary.take() {
            temporary.disable_cleanup(true);
        }
    }

    /// Deletes it when this test is over.
    pub(crate) fn delete_left(self, name: &str) {
        let _ = fs::remove_file(shared_target().join(name));
        let folder = self.folder.clone();
        drop(self);
        let _ = fs::remove_dir_all(folder);
    }

    /// Keeps the deploys apart from all others on this machine.
    fn choose_places(&self) {
        self.edit_deploy("local", |deploy| {
            deploy.config.insert("PORT".into(), Text(ports::free().to_string()));
            deploy.services.postgres.as_mut().unwrap().port = ports::free();
        });
        self.edit_deploy("dev", |deploy| {
            deploy.target = Target::Kind(KindTarget {
                cluster: CLUSTER.to_string(),
                namespace: format!("{CLUSTER}-dev"),
                port: cluster_port(),
            });
        });
    }

    /// Makes a release of a deploy, by way of the library, and tells its ID: a second later than the one before it, and
    /// long ago, so that no command that makes the next one has to wait for its second.
    pub(crate) fn release(&self, env: &str) -> ReleaseId {
        let (repo, env) = (self.repo(), name(env));
        let newest = Ledger::of(&repo, &env).ids().unwrap().pop();
        let long_ago = Utc::now() - TimeDelta::hours(1);
        let clock = FakeClock::at(newest.map_or(long_ago, |newest| newest.time() + TimeDelta::seconds(1)));
        let draft = Draft::of_build(&repo, &env, Deploy::read(&repo, &env).unwrap(), None, &[]).unwrap();
        draft.by_clock(&clock).publish(&Record::default()).unwrap().release.id
    }

    /// The command line under test, called in this checkout.
    pub(crate) fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        Xtask::at(&self.root, &self.home).args(args)
    }

    /// A path in the checkout.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The folder that holds the checkout and the home, and that only its owner may enter.
    pub(crate) fn around(&self) -> &Path {
        &self.folder
    }

    /// Gives all of it to another user, which root can.
    pub(crate) fn belongs_to(&self, user: u32) {
        give(self.around(), user);
    }

    /// Changes a deploy's file.
    pub(crate) fn edit_deploy(&self, env: &str, edit: impl FnOnce(&mut Deploy)) {
        let mut deploy = self.deploy(env);
        edit(&mut deploy);
        fs::write(self.path(&format!("k8s/envs/{env}.toml")), toml::to_string(&deploy).unwrap()).unwrap();
    }

    /// Sets a config variable of a deploy.
    pub(crate) fn configure(&self, env: &str, variable: &str, value: &str) {
        self.edit_deploy(env, |deploy| {
            deploy.config.insert(variable.into(), Text(value.into()));
        });
    }

    /// Changes the newest build's record, for a build of another kind without a compiler run.
    #[track_caller]
    pub(crate) fn edit_record(&self, from: &str, to: &str) {
        let record = fs::canonicalize(self.path("target/xtask/builds/newest.toml")).unwrap();
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(record, text.replace(from, to)).unwrap();
    }

    /// A deploy's file.
    pub(crate) fn deploy(&self, env: &str) -> Deploy {
        Deploy::read(&self.repo(), &name(env)).unwrap()
    }

    /// A secret of a deploy, in the clear.
    pub(crate) fn secret(&self, env: &str, variable: &str) -> Secret {
        let secrets = SealedSecrets::read(&self.repo(), &name(env)).unwrap().unwrap();
        let identity = Identity::at_hand(&self.repo()).unwrap();
        secrets.open(variable, identity.as_ref()).unwrap().unwrap()
    }

    /// Seals a value for a secret of a deploy.
    pub(crate) fn seal(&self, env: &str, variable: &str, value: &str) {
        let identity = Identity::of_this_machine(&self.repo()).unwrap();
        let known = SealedSecrets::read(&self.repo(), &name(env)).unwrap();
        let mut secrets = known.unwrap_or_else(|| SealedSecrets::new(vec![identity.recipient()]).unwrap());
        secrets.insert(variable, &Secret::new(value), Some(&identity)).unwrap();
        secrets.write(&self.repo(), &name(env)).unwrap();
    }

    /// The port at which the local deploy answers.
    pub(crate) fn port(&self) -> u16 {
        self.deploy("local").config["PORT"].0.parse().unwrap()
    }

    /// The checkout as the stages see it.
    pub(crate) fn repo(&self) -> Repo {
        Repo::around(&self.root).unwrap()
    }

    /// All releases of a deploy, oldest first; each one is as it was made.
    #[track_caller]
    pub(crate) fn releases(&self, env: &str) -> Vec<Verified> {
        let ledger = Ledger::of(&self.repo(), &name(env));
        ledger.ids().unwrap().into_iter().map(|id| ledger.load(id).unwrap()).collect()
    }

    /// The IDs of all releases of a deploy, oldest first.
    pub(crate) fn ids(&self, env: &str) -> Vec<ReleaseId> {
        self.releases(env).iter().map(|verified| verified.release.id).collect()
    }

    /// The folder of a deploy's newest release.
    pub(crate) fn newest(&self, env: &str) -> PathBuf {
        let ledger = Ledger::of(&self.repo(), &name(env));
        ledger.folder_of(ledger.newest().unwrap())
    }

    /// Commits all that differs.
    pub(crate) fn commit_all(&self, message: &str) {
        git(&self.root).run(&["add", "--all"]);
        git(&self.root).run(&["commit", "--quiet", "--message", message]);
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if thread::panicking() {
            record::keep(&self.path(".xtask/local/logs"));
            record::keep(&self.path("releases"));
        }
        let state = self.path(".xtask/local");
        let goes_by_itself = self.database.as_ref().is_some_and(|database| database.is_idle_in(&state));
        if state.join("postgres-home").exists() && !goes_by_itself {
            // A data folder of root's is outside of the checkout.
            drop(self.xtask(["down", "--data", "--yes"]).run());
        }
        let releases = fs::read_dir(self.path("releases")).into_iter().flatten().flatten();
        for release in releases.flat_map(|env| fs::read_dir(env.path())).flatten().flatten() {
            let _ = fs::set_permissions(release.path(), Permissions::from_mode(0o755));
        }
    }
}

/// Gives a folder and all in it to a user, which root can.
pub(crate) fn give(folder: &Path, user: u32) {
    let owner = format!("{user}:{user}");
    let status = Command::new("chown").arg("-R").arg(owner).arg(folder).status().unwrap();
    assert!(status.success(), "{} cannot be given away", folder.display());
}

/// A deploy's name.
pub(crate) fn name(env: &str) -> EnvName {
    env.parse().unwrap()
}
