//! Each experiment made on a service that breaks its factor: it must come out red, for that reason.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xtask_contract::{Callee, Context, Digest, Error, Progress, Repo, Result, throw_away};

use crate::{
    Wanted,
    stage::free_port,
    store,
    toolchain::Toolchain,
    violations::{KNOWN_ADDRESS, NO_COMMIT, NO_VARIABLE, OTHER_VERSION, VIOLATIONS, Violation},
    violator,
};

/// Another version of the violator's backing service.
const LATER: &str = "2.0";

/// The file of the violator's deploy.
const DEPLOY: &str = "k8s/envs/local.toml";
/// That of another one, and how it begins.
const OTHER: &str = "k8s/envs/other.toml";
const OTHER_BEGINS: &str = "schema = 1\n[target]\nkind = 'local'\n[policy]\ndirty = true\n[config]\n";

/// What became of all violations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// When.
    pub at: DateTime<Utc>,
    /// The digest of the toolchain's program that made the experiments.
    pub toolchain: Digest,
    /// What the violator was found to break while it was told to break nothing: a factor, a cause and its words each.
    pub false_alarms: Vec<String>,
    /// What came of each violation.
    pub violations: Vec<Caught>,
}

/// What became of one violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// Its name.
    pub violation: String,
    /// The name of the factor that it breaks.
    pub factor: String,
    /// In words, after "a service that".
    pub words: String,
    /// The cause by which it is to be named.
    pub cause: String,
    /// The causes that its experiment has named.
    pub found: Vec<String>,
}

impl Caught {
    /// Whether it was named for what it is.
    pub fn is(&self) -> bool {
        self.found.contains(&self.cause)
    }
}

impl Calibration {
    /// Whether each violation was caught, and nothing else was.
    pub fn holds(&self) -> bool {
        self.false_alarms.is_empty() && self.violations.iter().all(Caught::is)
    }
}

/// Makes each experiment on a service that breaks its factor.
///
/// # Errors
///
/// When the violator cannot be built, or its experiments cannot be made at all.
pub fn calibrate(wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Calibration> {
    let Wanted { repo, program, stop, .. } = wanted;
    let (at, toolchain) = (Utc::now(), crate::digest_of(program)?);
    progress.step("building a service that breaks the factors");
    let bench = Bench::set(repo, program.clone())?;
    progress.step("all factors, while none is broken");
    let false_alarms = bench.false_alarms(stop)?;
    let mut violations = Vec::new();
    for violation in VIOLATIONS {
        if stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        progress.step(&format!("{}: a service that {}", violation.factor.title(), violation.words));
        bench.arrange(&violation)?;
        let found = bench.found(&violation, stop)?;
        bench.put_back(&violation)?;
        violations.push(Caught {
            violation: violation.name.to_owned(),
            factor: violation.factor.to_string(),
            words: violation.words.to_owned(),
            cause: violation.cause.to_owned(),
            found,
        });
    }
    Ok(Calibration { at, toolchain, false_alarms, violations })
}

fn interrupted() -> Error {
    Error::failed("calibrating", "it was interrupted").next("the same command begins anew")
}

/// The violator's workspace, which is deleted when this is dropped.
struct Bench {
    folder: PathBuf,
    toolchain: Toolchain,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = throw_away::remove(&self.folder);
    }
}

impl Bench {
    fn set(repo: &Repo, program: PathBuf) -> Result<Self> {
        let folder = repo.rebuildable().join("violator");
        let workspace = folder.join("workspace");
        let doing = || format!("making {}", folder.display());
        throw_away::remove(&folder).doing(doing)?;
        let store = store::begin(store::VERSION).doing(|| "starting the violator's backing service")?;
        violator::write(&workspace, free_port()?, &store).doing(doing)?;
        fs::create_dir_all(folder.join("home")).doing(doing)?;
        let toolchain = Toolchain { program, folder: workspace, home: folder.join("home") };
        let bench = Self { folder, toolchain };
        bench.commit()?;
        bench.toolchain.done(&["build"], "")?;
        bench.toolchain.done(&["config", "set", "--secret", "TOKEN"], violator::TOKEN)?;
        Ok(bench)
    }

    /// Begins a repository with what is there.
    fn commit(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.toolchain.folder.join(".git"));
        for args in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &[
                "-c",
                "user.name=violator",
                "-c",
                "user.email=violator@localhost",
                "-c",
                "commit.gpgsign=false",
                "commit",
                "--quiet",
                "--message",
                "All of it",
            ],
        ] {
            let doing = || format!("calling git {}", args.join(" "));
            let status = Callee::Git.command("git").args(args).current_dir(&self.toolchain.folder).status();
            if !status.doing(doing)?.success() {
                return Err(Error::failed(doing(), "it has failed"));
            }
        }
        Ok(())
    }

    fn arrange(&self, violation: &Violation) -> Result<()> {
        match violation.name {
            NO_COMMIT => {
                self.write("more", "something else")?;
                self.commit()
            }
            KNOWN_ADDRESS => {
                let deploy = self.deploy()?;
                let port = free_port()?;
                let services = format!("[services.postgres]\nvariable = 'DATABASE_URL'\nport = {port}\n");
                self.write(DEPLOY, &format!("{deploy}{services}"))
            }
            NO_VARIABLE => {
                self.another("nowhere")?;
                self.write(OTHER, OTHER_BEGINS)
            }
            OTHER_VERSION => self.another(&store::begin(LATER).doing(|| "starting another backing service")?),
            name => self.toolchain.done(&["config", "set", &format!("VIOLATION={name}")], "").map(drop),
        }
    }

    /// Another deploy with a release, which keeps what it is told there.
    fn another(&self, store: &str) -> Result<()> {
        self.write(OTHER, &format!("{OTHER_BEGINS}PORT = 1\nSTORE = '{store}'\n"))?;
        self.toolchain.done(&["release", "--env", "other"], "").map(drop)
    }

    fn put_back(&self, violation: &Violation) -> Result<()> {
        match violation.name {
            KNOWN_ADDRESS => {
                let deploy = self.deploy()?;
                let (before, _) = deploy.split_once("[services.postgres]").unwrap_or((&deploy, ""));
                self.write(DEPLOY, before)
            }
            NO_COMMIT | NO_VARIABLE | OTHER_VERSION => Ok(()),
            _ => self.toolchain.done(&["config", "unset", "VIOLATION"], "").map(drop),
        }
    }

    fn deploy(&self) -> Result<String> {
        crate::stage::read(&self.toolchain.folder.join(DEPLOY))
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.toolchain.folder.join(path);
        fs::write(&path, text).doing(|| format!("writing {}", path.display()))
    }

    /// What is found where nothing is broken.
    fn false_alarms(&self, stop: &AtomicBool) -> Result<Vec<String>> {
        let proof = self.prove(&[], stop)?;
        let alarm = |(factor, problem): (&str, &Value)| {
            let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            format!("{factor}: {}: {}", part("cause"), part("text"))
        };
        Ok(problems(&proof).map(alarm).collect())
    }

    /// The causes that the experiment names of its factor.
    fn found(&self, violation: &Violation, stop: &AtomicBool) -> Result<Vec<String>> {
        let proof = self.prove(&[violation.factor.name()], stop)?;
        let cause = |(_, problem): (&str, &Value)| problem["cause"].as_str().map(str::to_owned);
        Ok(problems(&proof).filter_map(cause).collect())
    }

    fn prove(&self, factors: &[&str], stop: &AtomicBool) -> Result<Value> {
        let args = [&["prove", "--json"], factors].concat();
        let called = self.toolchain.call_until(&args, stop)?;
        if stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        let doing = || format!("calling `cargo xtask {}` on the violator", args.join(" "));
        serde_json::from_str(&called.stdout)
            .map_err(|_| Error::failed(doing(), called.stderr.trim().to_owned()))
    }
}

/// Each problem of a proof, with its factor.
fn problems(proof: &Value) -> impl Iterator<Item = (&str, &Value)> {
    proof["panels"].as_array().into_iter().flatten().flat_map(|panel| {
        let factor = panel["factor"].as_str().unwrap_or_default();
        panel["problems"].as_array().into_iter().flatten().map(move |problem| (factor, problem))
    })
}
