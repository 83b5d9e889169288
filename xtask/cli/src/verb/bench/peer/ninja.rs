//! The same service with django-ninja, in `bench/peers/django-ninja`.

use std::{fs, path::PathBuf, process::Command};

use xtask_contract::{Context, Progress, Result};

use super::{super::Bench, Peer};

/// Where it is, below the repository's root.
const SOURCE: &str = "bench/peers/django-ninja";

/// Installs it below `target`, unless that was done before, and gives back the program that runs it; none where there is no
/// Python or no package index.
pub(super) async fn install(bench: &Bench<'_>) -> Result<Option<PathBuf>> {
    if let Some(why) = bench.lacks("python3", &["-c", "import venv, ensurepip"]).await {
        Peer::Ninja.skip(bench, &format!("it takes python3 and its venv, python3-venv on Debian: {why}"));
        return Ok(None);
    }
    let folder = bench.repo.rebuildable().join("bench-peer");
    let program = folder.join("bin/uvicorn");
    let requirements = bench.repo.root().join(SOURCE).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).doing(|| format!("reading {}", requirements.display()))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(program));
    }
    bench.ui.step("installing django-ninja");
    let [environment, requirements] = [&folder, &requirements].map(|path| path.display().to_string());
    bench.call("python3", &["-m", "venv", "--clear", &environment]).await?;
    let args = ["install", "--quiet", "--disable-pip-version-check", "--requirement", &requirements];
    if let Err(error) = bench.call(folder.join("bin/pip"), &args).await {
        let why = error.why.concat();
        let why = why.lines().last().unwrap_or_default();
        Peer::Ninja.skip(bench, &format!("pip does not install it: {why}"));
        return Ok(None);
    }
    fs::write(&installed, wanted).doing(|| format!("writing {}", installed.display()))?;
    Ok(Some(program))
}

/// Tells uvicorn what to run, and how.
pub(super) fn configure(bench: &Bench<'_>, command: &mut Command, port: u16) {
    command.current_dir(bench.repo.root().join(SOURCE)).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["service:app", "--loop", "uvloop", "--http", "httptools"]);
    command.args(["--no-access-log", "--log-level", "warning", "--port", &port.to_string()]);
}
