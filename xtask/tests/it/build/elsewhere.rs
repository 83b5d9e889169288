//! A build in which all is different that must make no difference.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use xtask_contract::Repo;

use crate::support::{
    checkout::give,
    command::{Outcome, Xtask, tool_home},
    needs,
    template::Template,
};

/// The name under which somebody else builds.
pub(crate) const USER: &str = "somebody-else-entirely";
/// What else is in their environment.
pub(crate) const CANARY: &str = "canary-in-the-environment";

/// What they have set: none of it may reach the compiler.
const SETTINGS: [(&str, &str); 13] = [
    ("CARGO_BUILD_RUSTFLAGS", "-Copt-level=0"),
    ("CARGO_PROFILE_RELEASE_LTO", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "false"),
    ("CFLAGS", "-O0 -g"),
    ("CARGO_NET_OFFLINE", "true"),
    ("LANG", "de_DE.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("LOGNAME", USER),
    ("RUSTFLAGS", "-Cdebuginfo=2 -Copt-level=0"),
    ("SOME_VARIABLE", CANARY),
    ("SOURCE_DATE_EPOCH", "1302121937"),
    ("TZ", "Pacific/Kiritimati"),
    ("USER", USER),
];

/// Takes root's rights away, but for reading: the toolchain may be in root's home. (Without the secure bit that
/// right would not count for access(2), by which the linker is looked for.)
const UNPRIVILEGED: &str = "--clear-groups --securebits=+no_setuid_fixup --bounding-set=-all,+dac_read_search \
                            --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search";

/// A checkout whose folder, home, target folder, user, umask, time zone, clock, language and compiler settings
/// are other than the template's, and in which the image was compiled over what the template's build had left.
pub(crate) struct Elsewhere {
    pub(crate) place: Place,
    pub(crate) built: Outcome,
}

impl Elsewhere {
    /// The one for all tests of this program: compiling takes minutes.
    pub(crate) fn lock() -> MutexGuard<'static, Self> {
        static ONE: LazyLock<Mutex<Elsewhere>> = LazyLock::new(|| {
            let place = Place::make();
            let built = place.build(&[]).done();
            Mutex::new(Elsewhere { place, built })
        });
        ONE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folders of somebody else.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
}

impl Place {
    fn make() -> Self {
        // Cleared away when the tests are run again: nothing outlives them to do it.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("else where");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let place = Self { root: folder.join("another checkout"), home: folder.join("another home"), folder };
        fs::create_dir_all(place.cargo_home()).unwrap();
        let template = Template::lock();
        template.clone_to(&place.root);
        // The same downloads, under another path.
        let registry = tool_home("CARGO_HOME", ".cargo").join("registry");
        unix::fs::symlink(registry, place.cargo_home().join("registry")).unwrap();
        fs::create_dir(place.temporary()).unwrap();
        template.copy_leftovers_to(&place.target());
        place.forget_that_build_scripts_ran();
        if needs::root() {
            give(&place.folder, needs::nobody());
        }
        place
    }

    pub(crate) fn repo(&self) -> Repo {
        Repo::around(&self.root).unwrap()
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.join("another target")
    }

    pub(crate) fn cargo_home(&self) -> PathBuf {
        self.home.join("cargo")
    }

    /// Where temporary files go.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join("another tmp")
    }

    /// Has all packages with a build script compiled again, over the files that the scripts left: as after a
    /// change of the compiler's flags, or in a checkout that was moved.
    fn forget_that_build_scripts_ran(&self) {
        let targets = entries(&self.target()).into_iter().map(|target| target.join("release/.fingerprint"));
        let units: Vec<PathBuf> =
            targets.filter(|folder| folder.is_dir()).flat_map(|folder| entries(&folder)).collect();
        // A unit's folder is named after its package, with a hash behind a hyphen.
        let package = |unit: &Path| name(unit).rsplit_once('-').map(|(package, _)| package.to_owned());
        let ran = |unit: &Path| entries(unit).iter().any(|file| name(file).starts_with("run-build-script"));
        let scripted: BTreeSet<_> = units.iter().filter(|unit| ran(unit)).map(|unit| package(unit)).collect();
        assert!(!scripted.is_empty(), "no build script ever ran");
        for unit in units.iter().filter(|unit| scripted.contains(&package(unit))) {
            fs::remove_dir_all(unit).unwrap();
        }
    }

    /// Builds there.
    pub(crate) fn build(&self, args: &[&str]) -> Outcome {
        let mut wrapper = vec!["sh", "-c", "umask 077; exec \"$@\"", "sh"];
        let [user, group] = ["reuid", "regid"].map(|id| format!("--{id}={}", needs::nobody()));
        if needs::root_and_setpriv() {
            wrapper.extend(["setpriv", &user, &group]);
            wrapper.extend(UNPRIVILEGED.split_whitespace());
        }
        // Without that tool, the two builds still happen at two times.
        if Command::new("faketime").arg("--version").output().is_ok() {
            wrapper.extend(["faketime", "-f", "+400d"]);
        }
        let call = Xtask::through(&wrapper, &self.root, &self.home).args(["build", "--json"]).args(args);
        SETTINGS
            .iter()
            .fold(call, |call, (name, value)| call.env(name, value))
            .env("CARGO_HOME", self.cargo_home())
            .env("CARGO_TARGET_DIR", self.target())
            .env("TMPDIR", self.temporary())
            .run()
    }
}

pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
