//! The first start, in a fresh clone: the toolchain and the service are compiled, an image and a release are made, and a
//! database, until the local deploy answers.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use xtask_contract::{Progress, Result, command, deploy::Text};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    place,
    process::{Patience, Running, free_port},
};
use crate::ui::Ui;

const FIRST: What = What::least("first start", Unit::Seconds, Goal::Value(300.0));

/// Even a busy machine is done after this.
const PATIENCE: Patience = Patience { all: Duration::from_hours(2), pause: Duration::from_millis(100) };

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    if let Err(error) = xtask_local::postgres_programs() {
        bench.skip("all of it", &format!("it takes PostgreSQL: {}", error.why.join("; ")));
        return Ok(Vec::new());
    }
    bench.ui.step("measuring the first start, which compiles everything");
    let (from, clone) = (bench.repo.root().display().to_string(), bench.place.path("clone"));
    bench.call("git", &["clone", "--quiet", "--shared", &from, &clone.display().to_string()]).await?;
    let (port, postgres) = (free_port()?, free_port()?);
    place::edit(&clone, "local", |deploy| {
        deploy.config.insert("PORT".into(), Text(port.to_string()));
        deploy.services.postgres.iter_mut().for_each(|own| own.port = postgres);
    })?;
    let started = Instant::now();
    let mut up = Up::start(&clone, &bench.place.temporary(), port, bench.ui)?;
    up.running.until_ready("todo-api in a fresh clone", "/readyz", PATIENCE).await?;
    let seconds = started.elapsed().as_secs_f64();
    drop(up);
    bench.note("measured once, of the commit alone, with all crates downloaded before".to_owned());
    Ok(FIRST.of(&[seconds]).into_iter().collect())
}

/// `cargo xtask up` in a clone. Dropped, it ends in good order, and its data go.
struct Up<'a> {
    running: Running,
    clone: PathBuf,
    ui: &'a Ui,
}

impl<'a> Up<'a> {
    fn start(clone: &Path, temporary: &Path, port: u16, ui: &'a Ui) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["xtask", "up"])
            .current_dir(clone)
            .env("TMPDIR", temporary)
            .env_remove("CARGO_TARGET_DIR");
        place::without_cargos_own(&mut cargo);
        let running = Running::start_group("cargo xtask up", &mut cargo, port)?;
        Ok(Self { running, clone: clone.to_owned(), ui })
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.running.stop_group();
        // Root's data are outside of the clone. Where nothing was compiled yet, there are none.
        let program = self.clone.join("target/debug/xtask");
        if program.exists()
            && let Err(failure) =
                command::run(Command::new(program).args(["down", "--data", "--yes"]).current_dir(&self.clone))
        {
            self.ui.note(&failure.error("deleting the database of the first start").to_string());
        }
    }
}
