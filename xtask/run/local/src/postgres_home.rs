//! Where a deploy's own PostgreSQL server lives on this machine: its data, its user, its programs.

use std::{
    env, fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use xtask_contract::{Callee, Context, EnvName, Error, Repo, Result, Secret, durable};

use crate::{child::User, lock};

/// A server's home.
#[derive(Debug)]
pub(crate) struct Home {
    /// The folder that holds the data folder.
    pub(crate) folder: PathBuf,
    /// Who the server runs as, if not as who we are: PostgreSQL refuses to be root.
    pub(crate) user: Option<User>,
}

impl Home {
    /// The home of a deploy's server, made if it is missing.
    pub(crate) fn of(repo: &Repo, env: &EnvName) -> Result<Self> {
        let doing = || format!("making a home for the PostgreSQL server of {env}");
        let user =
            if rustix::process::geteuid().is_root() { Some(unprivileged().doing(doing)?) } else { None };
        let folder = match known(repo, env) {
            Some(folder) => folder,
            None => choose(repo, env, user.is_some())?,
        };
        fs::create_dir_all(&folder).doing(doing)?;
        if let Some(User { uid, gid }) = user {
            chown(&folder, Some(uid), Some(gid)).doing(doing)?;
        }
        Ok(Self { folder, user })
    }

    /// The server's data folder. It appears when it is complete.
    pub(crate) fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    /// What a server writes that no `run` has started.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The file that notes for which URL user and database were made. It goes where the data go.
    pub(crate) fn provisioned(&self) -> PathBuf {
        self.folder.join("provisioned")
    }

    /// The programs of the version that made the data, or of the newest one.
    pub(crate) fn programs(&self) -> Result<PathBuf> {
        let version =
            fs::read_to_string(self.data().join("PG_VERSION")).ok().map(|text| text.trim().to_owned());
        let mut found = all_programs()?;
        match version {
            None => Ok(found.swap_remove(0)),
            Some(version) => found.iter().find(|folder| makes(folder, &version)).cloned().ok_or_else(|| {
                Error::refused(
                    "looking for PostgreSQL",
                    format!(
                        "the data in {} were made by version {version}, which is not on this machine",
                        self.data().display()
                    ),
                )
                .next(format!(
                    "install PostgreSQL {version}, or start over without the data: `cargo xtask down --data`"
                ))
            }),
        }
    }
}

/// The data folder in a home.
pub(crate) fn data(home: &Path) -> PathBuf {
    home.join("data")
}

/// Deletes a deploy's data.
pub(crate) fn delete(repo: &Repo, env: &EnvName) -> Result<()> {
    let Some(folder) = known(repo, env) else { return Ok(()) };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(pointer(repo, env)),
    }
    .doing(|| format!("deleting the database in {}", folder.display()))
}

/// The file that says where the home is, so that a checkout can be moved without losing its data.
fn pointer(repo: &Repo, env: &EnvName) -> PathBuf {
    lock::folder(repo, env).join("postgres-home")
}

/// The folder of the home, if there is one already.
pub(crate) fn known(repo: &Repo, env: &EnvName) -> Option<PathBuf> {
    let text = fs::read_to_string(pointer(repo, env)).ok()?;
    let folder = Path::new(text.trim_end_matches('\n'));
    // A path below the checkout is kept relative to it.
    Some(lock::folder(repo, env).join(folder))
}

fn choose(repo: &Repo, env: &EnvName, as_root: bool) -> Result<PathBuf> {
    // The unprivileged user may not be able to enter the checkout: its folders may be open to root alone.
    let folder = if as_root {
        // There may be no release yet: the name is the one that the command line was called for.
        Path::new("/var/lib")
            .join(repo.service()?.as_str())
            .join(format!("{env}-{}", Secret::random::<4>()?.expose()))
    } else {
        PathBuf::from("postgres")
    };
    let path = pointer(repo, env);
    durable::replace(&path, format!("{}\n", folder.display()).as_bytes(), 0o644)
        .doing(|| format!("writing {}", path.display()))?;
    Ok(lock::folder(repo, env).join(folder))
}

/// The user that PostgreSQL's packages make, or `nobody`.
pub(crate) fn unprivileged() -> io::Result<User> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let line = accounts.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .ok_or_else(|| io::Error::other("PostgreSQL refuses to run as root, and there is no user `nobody`"))
}

/// The folder of the newest server programs of this machine.
pub fn newest_programs() -> Result<PathBuf> {
    Ok(all_programs()?.swap_remove(0))
}

/// All folders with server programs; at least one.
fn all_programs() -> Result<Vec<PathBuf>> {
    let mut found = candidates();
    found.retain(|folder| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file()));
    if found.is_empty() {
        let why = "its server programs are not on this machine";
        return Err(Error::refused("looking for PostgreSQL", why).next(
            "install them (`apt-get install postgresql`, or your system's like), or put their folder on PATH",
        ));
    }
    Ok(found)
}

/// Where server programs may be, the newest version first.
fn candidates() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/lib64", "pgsql-"), ("/opt", "pgsql-")]
    {
        let entries = Path::new(parent).read_dir().into_iter().flatten().flatten();
        versions.extend(entries.filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        }));
    }
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/pgsql/bin", "/usr/libexec/postgresql", "/usr/bin"].map(PathBuf::from);
    env::split_paths(&path).chain(versions.into_iter().map(|(_, folder)| folder)).chain(usual).collect()
}

/// Whether the programs in this folder are of this major version.
fn makes(folder: &Path, version: &str) -> bool {
    let output = Callee::Bare.command(folder.join("postgres")).arg("--version").output();
    output.is_ok_and(|output| {
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split(' ')
            .nth(2)
            .and_then(|number| number.split('.').next())
            .is_some_and(|major| major.trim() == version)
    })
}
