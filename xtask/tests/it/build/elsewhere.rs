//! A caller for whom all is different that must make no difference.

use std::{
    env, fs,
    os::unix,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    checkout::give,
    command::{Outcome, Xtask, tool_home},
    needs,
    template::Template,
};

/// The name under which somebody else builds.
const USER: &str = "somebody-else-entirely";
/// What else is in their environment.
const CANARY: &str = "canary-in-the-environment";

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

/// What they have told cargo for all that they compile.
pub(crate) const CONFIGURATION: &str = "[build]\nrustc-wrapper = '/nowhere/wrapper'\n\
                                        [profile.release]\nopt-level = 0\nstrip = false\nlto = false\n\
                                        [target.x86_64-unknown-linux-gnu]\nlinker = '/nowhere/linker'\n";

/// Takes root's rights away, but for reading: the toolchain may be in root's home. (Without the secure bit that
/// right would not count for access(2), by which the linker is looked for.)
const UNPRIVILEGED: &str = "--clear-groups --securebits=+no_setuid_fixup --bounding-set=-all,+dac_read_search \
                            --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search";

/// A checkout whose folder, home, user, umask, time zone, clock, language and compiler settings are other than the
/// template's. It has the template's image, and nothing was ever compiled there.
pub(crate) struct Elsewhere {
    folder: PathBuf,
    root: PathBuf,
    home: PathBuf,
}

impl Elsewhere {
    pub(crate) fn make() -> Self {
        // Cleared away when the tests are run again: what root gives away is not root's to clear away by a name.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("else where");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let place = Self { root: folder.join("another checkout"), home: folder.join("another home"), folder };
        fs::create_dir_all(place.cargo_home()).unwrap();
        fs::write(place.cargo_home().join("config.toml"), CONFIGURATION).unwrap();
        // For what is called in an environment of its own, such as the compiler.
        fs::write(place.home.join(".faketimerc"), "+400d\n").unwrap();
        let template = Template::lock();
        template.clone_to(&place.root);
        template.copy_build_to(&place.root);
        // The same downloads, under another path.
        let registry = tool_home("CARGO_HOME", ".cargo").join("registry");
        unix::fs::symlink(registry, place.cargo_home().join("registry")).unwrap();
        fs::create_dir(place.temporary()).unwrap();
        if needs::root() {
            give(&place.folder, needs::nobody());
        }
        place
    }

    fn cargo_home(&self) -> PathBuf {
        self.home.join("cargo")
    }

    /// Where temporary files go.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join("another tmp")
    }

    /// Calls the program under test there.
    pub(crate) fn xtask(&self, args: &[&str]) -> Outcome {
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
        let call = Xtask::through(&wrapper, &self.root, &self.home).args(args);
        SETTINGS
            .iter()
            .fold(call, |call, (name, value)| call.env(name, value))
            .env("CARGO_HOME", self.cargo_home())
            .env("CARGO_TARGET_DIR", self.folder.join("another target"))
            .env("TMPDIR", self.temporary())
            .run()
    }
}
