//! `cargo xtask dev`: serves the work tree while it is written. Each save that makes a difference is built quickly and
//! brought to the deploy; what cannot be leaves the last good build serving.

mod compiling;
mod debugger;
mod keys;
mod screen;
mod session;
mod stage;
mod watch;

use xtask_build::quick::{Compiler, Quick};
use xtask_contract::{Deploy, EnvName, Error, Progress, Repo, Result};
use xtask_run::Options;

use self::{
    keys::Keys,
    screen::Screen,
    session::{Left, Session},
    stage::Stage,
    watch::Watch,
};
use super::runtime;
use crate::{backends::Known, cli, ui::Ui};

pub(crate) fn dev(repo: &Repo, args: &cli::Dev, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let env = &args.env;
    if !Deploy::read(repo, env)?.policy.dirty {
        let why = "its rules allow no build of what is not committed";
        return Err(Error::refused(format!("running quick builds of {env}"), why).next(format!(
            "name another deploy with `--env`, or allow it: `policy.dirty = true` in k8s/envs/{env}.toml"
        )));
    }
    let runtime = runtime()?;
    runtime.block_on(xtask_run::preflight(repo, env, backends))?;
    ui.step("looking for the source");
    let record = super::record(repo, env, backends, ui)?;
    let compiler = Compiler::of_this_machine(repo)?;
    let quick = Quick::of(repo, &compiler)?;
    let screen = Screen::new(ui);
    let watch = Watch::new(quick.target_folder())?;
    let stage = Stage::new(repo, env, quick, record);
    let mut session = Session::new(&screen, stage, watch, Keys::listen()?, args);
    let result = runtime.block_on(xtask_run::dev(repo, env, &mut session, backends, &screen));
    ui.finish_step();
    let left = session.left.take();
    drop(session);
    result.and(left.map_or(Ok(()), |left| end(repo, env, left, backends, ui)))
}

/// Goes back from what the loop has left, or says how that is done.
fn end(repo: &Repo, env: &EnvName, left: Left, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let Left { mark, before, goes_back } = left;
    match before {
        Some(before) if goes_back => {
            super::run::start(repo, env, Some(before), &Options::default(), backends, ui)
        }
        Some(before) => {
            ui.tell(format!(
                "{mark} runs on; `cargo xtask run {before} --env {env}` goes back to that release"
            ));
            Ok(())
        }
        None => {
            ui.tell(format!("{mark} runs on; `cargo xtask down --env {env}` stops it, `up` makes a release"));
            Ok(())
        }
    }
}
