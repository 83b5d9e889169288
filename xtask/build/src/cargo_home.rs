//! A home of cargo's own for the service's compile: the user's downloads, and of their configuration only what says
//! where crates come from. A `[profile.release]`, a `rustc-wrapper` or a `[patch]` in a configuration file outside of the
//! repository would change the image, and no commit has it.
//!
//! Cargo looks for configuration in the folder in which it is called, in all folders above, and in its home. It is
//! therefore called in `/` ([`PLACE`]), and the repository's own file is handed to it by name.

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use toml::{Table, Value};
use xtask_contract::{Context, Error, Repo, Result, durable};

/// Where cargo is called: no user's configuration is above.
pub(crate) const PLACE: &str = "/";

/// The tables of a user's configuration that say where crates come from and how to get there. What is in them cannot
/// change what is compiled: Cargo.lock has each crate's checksum or commit.
const TABLES: [&str; 6] = ["credential-alias", "http", "net", "registries", "registry", "source"];

/// What is shared with the user's home: downloads, the locks and the index over them, and who the user is at registries.
const SHARED: [&str; 7] = [
    "registry",
    "git",
    ".package-cache",
    ".package-cache-mutate",
    ".global-cache",
    "credentials.toml",
    "credentials",
];

/// The home of the service's compile.
#[derive(Debug)]
pub(crate) struct CargoHome {
    folder: PathBuf,
    users: PathBuf,
}

impl CargoHome {
    /// The one of a checkout, made as the user's is now.
    pub(crate) fn of(repo: &Repo) -> Result<Self> {
        let home = Self { folder: repo.rebuildable().join("cargo"), users: users() };
        let doing = || format!("making a cargo home in {}", home.folder.display());
        fs::create_dir_all(&home.folder).doing(doing)?;
        for name in SHARED {
            home.share(name).doing(doing)?;
        }
        let config = Config::outside_of(repo, &home.users)?;
        durable::replace(&home.folder.join("config.toml"), config.to_string().as_bytes(), 0o600)
            .doing(doing)?;
        Ok(home)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// All folders by which a crate's source may be named.
    pub(crate) fn folders(&self) -> [&Path; 2] {
        [&self.users, &self.folder]
    }

    fn share(&self, name: &str) -> io::Result<()> {
        let (to, link) = (self.users.join(name), self.folder.join(name));
        if name == "registry" || name == "git" {
            // Cargo would make a folder in the place of a link that leads nowhere.
            fs::create_dir_all(&to)?;
        }
        if fs::read_link(&link).is_ok_and(|known| known == to) {
            return Ok(());
        }
        // Two builds at once may do this at once: each replaces the link whole.
        let new = self.folder.join(format!("{name}.{}", std::process::id()));
        symlink(to, &new)?;
        fs::rename(new, link)
    }
}

#[cfg(test)]
impl CargoHome {
    /// One that nobody has made.
    pub(crate) fn nowhere() -> Self {
        Self { folder: "/nowhere/cargo".into(), users: "/nowhere/home".into() }
    }
}

/// The user's own home of cargo.
fn users() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default()
}

/// A folder's configuration file for cargo, by its present or its old name, if there is one.
pub(crate) fn config_file(folder: &Path) -> Option<PathBuf> {
    // The old name goes first with cargo, too.
    ["config", "config.toml"].map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

/// What is taken over of configuration that is not the repository's.
struct Config(Table);

impl Config {
    /// Of the folders above the repository, the nearest first, then of the user's home: as cargo merges them.
    fn outside_of(repo: &Repo, home: &Path) -> Result<Self> {
        let above = repo.root().ancestors().skip(1).map(|folder| folder.join(".cargo"));
        let mut merged = Table::new();
        let mut seen = Vec::new();
        for folder in above.chain([home.to_owned()]) {
            if seen.contains(&folder) {
                continue;
            }
            if let Some(file) = config_file(&folder) {
                let config = read(&file)?;
                if folder == Path::new(PLACE).join(".cargo") {
                    refuse_what_cannot_be_kept_out(&file, &config)?;
                }
                merge(&mut merged, taken(config, folder.parent().unwrap_or(&folder)));
            }
            seen.push(folder);
        }
        Ok(Self(merged))
    }
}

impl std::fmt::Display for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn read(file: &Path) -> Result<Table> {
    let doing = || format!("reading cargo's configuration {}", file.display());
    toml::from_str(&fs::read_to_string(file).doing(doing)?).doing(doing)
}

/// Cargo reads the root folder's configuration wherever it is called.
fn refuse_what_cannot_be_kept_out(file: &Path, config: &Table) -> Result<()> {
    let Some(other) = config.keys().find(|name| !is_taken(name)) else { return Ok(()) };
    let why = format!(
        "cargo reads {} wherever it is called, and its `{other}` may change the image",
        file.display()
    );
    Err(Error::refused("looking for cargo's configuration", why).next(format!(
        "move the file into a user's home, or what the service needs of it into the repository: {}",
        file.display()
    )))
}

/// The tables that are taken over, with paths that still lead where they led: they are relative to the folder that
/// holds `.cargo`.
fn taken(mut config: Table, base: &Path) -> Table {
    config.retain(|name, _| is_taken(name));
    let absolute = |value: Option<&mut Value>| {
        if let Some(Value::String(path)) = value {
            *path = base.join(&*path).display().to_string();
        }
    };
    if let Some(Value::Table(http)) = config.get_mut("http") {
        absolute(http.get_mut("cainfo"));
    }
    if let Some(Value::Table(sources)) = config.get_mut("source") {
        for source in sources.iter_mut().filter_map(|(_, source)| source.as_table_mut()) {
            for key in ["directory", "local-registry"] {
                absolute(source.get_mut(key));
            }
        }
    }
    config
}

fn is_taken(table: &str) -> bool {
    TABLES.contains(&table)
}

/// Adds what is not there yet.
fn merge(nearer: &mut Table, farther: Table) {
    for (key, value) in farther {
        match (nearer.get_mut(&key), value) {
            (Some(Value::Table(nearer)), Value::Table(farther)) => merge(nearer, farther),
            (Some(_), _) => {}
            (None, value) => drop(nearer.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    /// What is taken over where a repository is at `src/repo` below the user's folder.
    fn taken_over(files: &[(&str, &str)]) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let home = folder.path().join("home/.cargo");
        let config = Config::outside_of(&Repo::at(folder.path().join("src/repo")), &home)?;
        let text = config.to_string().replace(&folder.path().display().to_string(), "/");
        Ok(table(&text))
    }

    #[test]
    fn what_changes_the_image_is_not_taken_over() {
        let text = "[build]\nrustc-wrapper = 'sccache'\n[profile.release]\nopt-level = 0\n[env]\nA = 'b'\n\
                    [patch.crates-io]\nx.path = 'x'\n[target.'cfg(unix)']\nrustflags = ['-g']\n[unstable]\nx = true\n";
        assert_eq!(
            taken_over(&[("home/.cargo/config.toml", text), ("src/.cargo/config", text)]).unwrap(),
            Table::new()
        );
    }

    #[test]
    fn where_crates_come_from_is_taken_over_the_nearest_first() {
        let home = "[source.crates-io]\nreplace-with = 'mirror'\n[source.mirror]\ndirectory = 'mirror'\n\
                    [http]\ncainfo = '/etc/ca.pem'\nproxy = 'far'\n[net]\nretry = 9\n";
        let near = "[http]\nproxy = 'near'\n[registries.acme]\nindex = 'sparse+https://acme.example/'\n";
        let expected = "[source.crates-io]\nreplace-with = 'mirror'\n[source.mirror]\ndirectory = '//home/mirror'\n\
                        [http]\ncainfo = '/etc/ca.pem'\nproxy = 'near'\n[net]\nretry = 9\n\
                        [registries.acme]\nindex = 'sparse+https://acme.example/'\n";
        let files = [("home/.cargo/config.toml", home), ("src/.cargo/config.toml", near)];
        assert_eq!(taken_over(&files).unwrap(), table(expected));
    }

    #[test]
    fn the_repositorys_own_configuration_is_not_taken_over_but_read_where_it_is() {
        let own = ("src/repo/.cargo/config.toml", "[http]\nproxy = 'own'\n");
        assert_eq!(taken_over(&[own]).unwrap(), Table::new());
    }

    #[test]
    fn what_is_in_the_root_folder_cannot_be_kept_out_so_it_is_refused() {
        let file = Path::new("/.cargo/config.toml");
        refuse_what_cannot_be_kept_out(file, &table("[http]\nproxy = 'x'\n")).unwrap();
        let error =
            refuse_what_cannot_be_kept_out(file, &table("[profile.release]\nlto = false\n")).unwrap_err();
        assert!(error.to_string().contains("`profile`"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_toml_is_named() {
        let error = taken_over(&[("home/.cargo/config.toml", "[")]).unwrap_err();
        assert!(error.doing.contains("config.toml"), "{error}");
    }
}
