//! The same service with django-ninja, in `bench/peer`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use xshell::cmd;
use xtask_contract::{Context, Progress, Result};

use super::{
    Bench, has, peer,
    process::{Running, free_port, on_one_core},
    service::configured,
};

/// The name that the figures call it by.
pub(super) const NAME: &str = "django-ninja";

/// Installs it below `target`, unless that was done before; none where there is no Python or no package index.
pub(super) fn install(bench: &Bench<'_>) -> Result<Option<PathBuf>> {
    let sh = &bench.place.sh;
    if !has(sh, "python3", &["-c", "import venv, ensurepip"]) {
        bench
            .ui
            .note("skipped: all beside django-ninja (it takes python3 and its venv: python3-venv on Debian)");
        return Ok(None);
    }
    let folder = bench.repo.root().join("target/xtask/bench/peer");
    let wanted = bench.repo.root().join("bench/peer/requirements.txt");
    let wanted = fs::read_to_string(&wanted).doing(|| format!("reading {}", wanted.display()))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(folder));
    }
    bench.ui.step("installing django-ninja");
    let text = folder.display().to_string();
    peer(sh, "python3", &["-m", "venv", "--clear", &text])?;
    let (pip, requirements) = (folder.join("bin/pip"), bench.repo.root().join("bench/peer/requirements.txt"));
    let output = cmd!(sh, "{pip} install --quiet --disable-pip-version-check --requirement {requirements}");
    if output.quiet().ignore_stdout().ignore_stderr().run().is_err() {
        bench.ui.note("skipped: all beside django-ninja (no package index answers pip, or none that has it)");
        return Ok(None);
    }
    fs::write(&installed, wanted).doing(|| format!("writing {}", installed.display()))?;
    Ok(Some(folder))
}

/// Starts it on a core with as many connections to the database, and waits until it answers.
pub(super) fn start(bench: &Bench<'_>, folder: &Path, url: &str, connections: u32) -> Result<Running> {
    let port = free_port()?;
    let mut command: Command = configured(on_one_core(folder.join("bin/uvicorn")), url);
    command.current_dir(bench.repo.root().join("bench/peer"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("CONNECTIONS", connections.to_string());
    command.args(["service:app", "--loop", "uvloop", "--http", "httptools"]);
    command.args(["--no-access-log", "--log-level", "warning", "--port", &port.to_string()]);
    Running::start(NAME, &mut command, port)?.until_ready(NAME, "/api/todos?limit=1")
}
