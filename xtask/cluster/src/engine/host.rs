//! Which engine the `docker` command of this machine speaks to, which `kind` calls, too: `DOCKER_HOST`, else the context
//! that `DOCKER_CONTEXT` or Docker's config file names.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;
use xtask_contract::{Context, Digest, Error, Result};

const USUAL: &str = "unix:///var/run/docker.sock";

/// The socket of the engine, and what names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) address: String,
    pub(super) named_by: String,
    /// The command after which another one is spoken to: a variable goes before Docker's config file.
    way_out: &'static str,
}

impl Host {
    pub(super) fn of_this_machine(doing: &str) -> Result<Self> {
        let folder = env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = folder.or_else(|| Some(env::home_dir()?.join(".docker"))).unwrap_or_default();
        Self::of(|name| env::var(name).ok(), &folder, doing)
    }

    fn of(variable: impl Fn(&str) -> Option<String>, folder: &Path, doing: &str) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let host = if let Some(address) = set("DOCKER_HOST") {
            Self { address, named_by: "DOCKER_HOST".to_owned(), way_out: "unset DOCKER_HOST" }
        } else {
            let (context, way_out) = match set("DOCKER_CONTEXT") {
                Some(context) => (Some(context), "unset DOCKER_CONTEXT"),
                None => (current_context(folder, doing)?, "docker context use default"),
            };
            match context.filter(|context| context != "default") {
                Some(context) => Self::of_context(&context, way_out, folder, doing)?,
                None => Self {
                    address: USUAL.to_owned(),
                    named_by: "Docker's default".to_owned(),
                    way_out: "docker context use default",
                },
            }
        };
        host.of_this_machine_alone(doing)
    }

    /// Whether it is the engine that a system's own service is.
    pub(super) fn is_usual(&self) -> bool {
        self.address == USUAL
    }

    /// What `docker context create` has written. Its folder is named by the digest of the context's name.
    fn of_context(context: &str, way_out: &'static str, folder: &Path, doing: &str) -> Result<Self> {
        let path = folder.join("contexts/meta").join(Digest::of(context).hex()).join("meta.json");
        let refused = |why: String| {
            Err(Error::refused(doing, why)
                .next(format!("`docker context ls` lists those that there are; `{way_out}` goes back")))
        };
        let Ok(text) = fs::read_to_string(&path) else {
            return refused(format!("Docker has no context {context}: there is no {}", path.display()));
        };
        let meta: Value = serde_json::from_str(&text).doing(|| format!("reading {}", path.display()))?;
        match meta["Endpoints"]["docker"]["Host"].as_str() {
            Some(host) if !host.is_empty() => {
                let named_by = format!("the Docker context {context}");
                Ok(Self { address: host.to_owned(), named_by, way_out })
            }
            _ => refused(format!("the Docker context {context} names no engine")),
        }
    }

    /// A kind cluster's ports are at 127.0.0.1 of the machine that its engine is on: from another one they are not
    /// reached.
    fn of_this_machine_alone(self, doing: &str) -> Result<Self> {
        let Self { address, named_by, way_out } = &self;
        let kind = address.split_once("://").map_or("", |(kind, _)| kind);
        if kind == "unix" {
            return Ok(self);
        }
        let why = format!(
            "{named_by} names an engine by {address:?}; understood is a socket of this machine, unix://…, since a kind \
             cluster's ports are at the engine's own 127.0.0.1"
        );
        Err(Error::refused(doing, why).next(format!("`{way_out}`, or work on the engine's machine")))
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current_context: Option<String>,
}

fn current_context(folder: &Path, doing: &str) -> Result<Option<String>> {
    let path = folder.join("config.json");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let config: ConfigFile = serde_json::from_str(&text).map_err(|error| {
        Error::refused(doing, format!("{}: {error}", path.display())).next("mend that file")
    })?;
    Ok(config.current_context.filter(|context| !context.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker's folder with one context, `colima`, and this in its config file.
    fn folder(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        let add = |name: &str, host: &str| {
            let meta = folder.path().join("contexts/meta").join(Digest::of(name).hex());
            fs::create_dir_all(&meta).unwrap();
            let text = format!(
                r#"{{"Name": "{name}", "Metadata": {{}}, "Endpoints": {{"docker": {{"Host": "{host}"}}}}}}"#
            );
            fs::write(meta.join("meta.json"), text).unwrap();
        };
        add("colima", "unix:///home/a/.colima/docker.sock");
        add("far", "ssh://somebody@far");
        folder
    }

    fn of(config: &str, variables: &[(&str, &str)]) -> std::result::Result<String, String> {
        let folder = folder(config);
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let host = Host::of(|name| Some(find(name)?.1.to_owned()), folder.path(), "looking");
        host.map(|host| host.address).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_the_engine_that_the_docker_command_speaks_to() {
        let colima = "unix:///home/a/.colima/docker.sock";
        let current = r#"{"auths": {}, "currentContext": "colima"}"#;
        assert_eq!(of("{}", &[]).unwrap(), USUAL);
        assert_eq!(of(current, &[]).unwrap(), colima);
        assert_eq!(of("{}", &[("DOCKER_CONTEXT", "colima")]).unwrap(), colima);
        assert_eq!(of(current, &[("DOCKER_CONTEXT", "default")]).unwrap(), USUAL);
        assert_eq!(
            of(current, &[("DOCKER_HOST", "unix:///x"), ("DOCKER_CONTEXT", "far")]).unwrap(),
            "unix:///x"
        );
        assert_eq!(of(current, &[("DOCKER_HOST", "")]).unwrap(), colima);
    }

    #[test]
    fn what_is_not_understood_is_named_with_the_way_out() {
        for (variables, why, next) in [
            (
                &[("DOCKER_HOST", "tcp://10.0.0.1:2375")][..],
                "DOCKER_HOST names an engine by",
                "unset DOCKER_HOST",
            ),
            (&[("DOCKER_HOST", "ssh://far")], "ssh://far", "unset DOCKER_HOST"),
            (&[("DOCKER_CONTEXT", "far")], "the Docker context far names", "`unset DOCKER_CONTEXT`"),
            (&[("DOCKER_CONTEXT", "gone")], "no context gone", "docker context ls"),
            (&[("DOCKER_CONTEXT", "gone")], "no context gone", "`unset DOCKER_CONTEXT`"),
        ] {
            let told = of("{}", variables).unwrap_err();
            assert!(told.contains(why) && told.contains(next), "{told}");
        }
        for current in ["far", "gone"] {
            let told = of(&format!(r#"{{"currentContext": "{current}"}}"#), &[]).unwrap_err();
            assert!(told.contains("`docker context use default`"), "{told}");
        }
        assert!(of("{", &[]).unwrap_err().contains("config.json"));
    }
}
