//! A deploy of the experiments' own: the config of one of the project's, in a folder of its own, with databases of its own.
//! There is neither source nor compiler in that folder.

use std::thread;

use xtask_contract::{EnvName, Progress, Result, deploy::Postgres};

use super::place::Place;
use crate::{
    ground::Ground,
    toolchain::{Staying, Toolchain},
};

/// The two database servers of the deploy, as deploys of their own that have nothing else.
pub(crate) const SERVERS: [&str; 2] = ["server-a", "server-b"];

/// The deploy, which is taken away when this is dropped.
pub(super) struct Own {
    pub(super) run: Option<Staying>,
    env: EnvName,
    toolchain: Toolchain,
    place: Place,
}

impl Own {
    /// Makes it, and starts it.
    pub(super) fn start(
        env: &EnvName,
        toolchain: &Toolchain,
        place: Place,
        ground: &mut dyn Ground,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut own = Self { run: None, env: env.clone(), toolchain: toolchain.clone(), place };
        own.seal()?;
        if own.has_database() {
            for server in SERVERS {
                progress.step(&format!("starting {server}"));
                toolchain.done(&["services", "up", "postgres", "--env", server], "")?;
                ground.meets(server)?;
            }
            own.attach(SERVERS[0], ground)?;
        }
        toolchain.release(env)?;
        progress.step("starting it");
        let run = ["run", "--env", env.as_str(), "--json"];
        if own.place.stays {
            own.run = Some(toolchain.stays(&run, &own.place.tools)?);
        } else {
            toolchain.done_with(&run, &own.place.tools)?;
        }
        Ok(own)
    }

    /// Seals what the project's deploy has sealed, for this one's own identity.
    fn seal(&self) -> Result<()> {
        for (name, secret) in &self.place.secrets {
            let env = self.env.as_str();
            self.toolchain.done(&["config", "set", "--secret", name, "--env", env], secret.expose())?;
        }
        Ok(())
    }

    /// Whether it has a database that its file names the variable of.
    pub(super) fn has_database(&self) -> bool {
        self.place.database.is_some()
    }

    /// The URL of one of its servers' database, as that server's own deploy has it.
    pub(super) fn url(&self, server: &str) -> Result<Option<String>> {
        let Some(Postgres { variable, .. }) = &self.place.database else { return Ok(None) };
        let url = self.toolchain.done(&["config", "get", variable, "--reveal", "--env", server], "")?;
        Ok(Some(url.trim().to_owned()))
    }

    /// Points it at one of its servers, from its next release on.
    pub(super) fn attach(&self, server: &str, ground: &dyn Ground) -> Result<()> {
        let Some(url) = self.url(server)? else { return Ok(()) };
        let args = ["services", "attach", "postgres", "-", "--env", self.env.as_str()];
        self.toolchain.done(&args, &ground.there(server, &url)).map(drop)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.run = None;
        take_away(&self.env, &self.toolchain);
    }
}

/// Takes away all that runs of such a deploy, and of its servers.
pub(super) fn take_away(env: &EnvName, toolchain: &Toolchain) {
    let down = |env: &str| {
        if toolchain.folder.join(format!("k8s/envs/{env}.toml")).exists() {
            let _ = toolchain.call(&["down", "--env", env, "--data", "--yes"], "");
        }
    };
    // The servers last: what is connected to them ends first.
    down(env.as_str());
    thread::scope(|scope| {
        for server in SERVERS {
            scope.spawn(move || down(server));
        }
    });
}
