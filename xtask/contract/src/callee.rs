//! The programs that the toolchain calls, and what of its own environment each of them gets: the variables that it
//! needs, by name. What one program gets, each program that it calls gets, too: a build script that a stranger wrote,
//! a hook of git. So no list here names a secret of the toolchain's own, and a new variable reaches nobody by itself.

use std::{
    env,
    ffi::{OsStr, OsString},
    process::Command,
};

/// A program of this machine, by what it is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    /// Git, in the repository of the folder in which it is called. The variables by which git names another one to its
    /// hooks (`git rev-parse --local-env-vars`) do not pass.
    Git,
    /// Cargo while it reads manifests and downloads crates.
    Downloads,
    /// Cargo while it compiles: no network, and nothing that changes what is compiled.
    Compiles,
    /// A compiler or linker that is asked what it is. rustup may have to download it.
    Compiler,
    /// `kind`, and the container engine's command that it calls.
    Kind,
    /// Ansible, and the Python that it is installed with.
    Ansible,
    /// The user's editor or browser: their whole environment, but for the toolchain's own variables.
    Editor,
    /// A program that says who the user is to others, as a credential helper: it may look anywhere in their environment,
    /// but for the toolchain's own variables.
    Credentials,
    /// Cargo when it runs a developer's checks, in the developer's environment: all of it, but for what cargo has told this
    /// program of itself, and the toolchain's own variables that are not for tests.
    Checks,
    /// This program with more of it linked, and the cargo that compiles it: the whole environment.
    Itself,
    /// Any program that is only asked whether it is there.
    Asked,
    /// A program of PostgreSQL or of an image: nothing.
    Bare,
}

/// What every program may need in order to start on this machine, be it by way of a version manager.
const START: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "MISE_CONFIG_DIR",
];

/// Whom a program speaks to, and how.
const PERSON: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "USER",
    "LOGNAME",
    "SHELL",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Proxies and certificate authorities.
const NETWORK: &[&str] = &[
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
];

const SSH: &[&str] = &["SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"];

/// How git reaches others and where its settings are; not which repository it is in.
const GIT: &[&str] = &[
    "GIT_SSH",
    "GIT_SSH_*",
    "GIT_SSL_*",
    "GIT_HTTP_*",
    "GIT_PROXY_*",
    "GIT_ASKPASS",
    "GIT_TERMINAL_PROMPT",
    "GIT_EXEC_PATH",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

const RUSTUP: &[&str] = &["CARGO_HOME", "RUSTUP_*"];

/// How cargo reaches registries, and who it is there.
const REGISTRIES: &[&str] = &["CARGO_HTTP_*", "CARGO_NET_*", "CARGO_REGISTRY_*", "CARGO_REGISTRIES_*"];

/// Container engines.
const ENGINE: &[&str] = &[
    "DOCKER_*",
    "CONTAINER_HOST",
    "CONTAINERS_*",
    "KIND_EXPERIMENTAL_*",
    "KUBECONFIG",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
];

const PYTHON: &[&str] = &["ANSIBLE_*", "PIP_*", "PYTHON*", "SUDO_ASKPASS", "DEBIAN_FRONTEND"];

/// What the names of the toolchain's own variables begin with, its secrets' (`XTASK_AGE_IDENTITY`, `XTASK_SIGNING_KEY`,
/// `XTASK_REGISTRY_PASSWORD`) among them.
const OWN: &str = "XTASK_";
/// Those of them that tests read.
const OF_TESTS: &[&str] = &["XTASK_E2E", "XTASK_LONG", "XTASK_TEST_*"];
/// What cargo tells a program of the package that it was compiled from: this one's is not the next one's.
const OF_PACKAGE: &[&str] = &["CARGO_PKG_*", "CARGO_MANIFEST_*"];

impl Callee {
    /// A call of a program, with what it gets of this process's environment.
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment(env::vars_os()));
        if self == Self::Git {
            // Its messages are read here, and told.
            command.env("LC_ALL", "C");
        }
        command
    }

    /// What the program gets of an environment.
    pub fn environment(
        self,
        all: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> impl Iterator<Item = (OsString, OsString)> {
        all.into_iter().filter(move |(name, _)| name.to_str().is_some_and(|name| self.gets(name)))
    }

    fn gets(self, name: &str) -> bool {
        let lists: &[&[&str]] = match self {
            Self::Git => &[START, PERSON, NETWORK, SSH, GIT],
            Self::Downloads => &[START, PERSON, NETWORK, SSH, GIT, RUSTUP, REGISTRIES],
            Self::Compiles => &[START, RUSTUP],
            Self::Compiler => &[START, NETWORK, RUSTUP],
            Self::Kind => &[START, PERSON, NETWORK, SSH, ENGINE],
            Self::Ansible => &[START, PERSON, NETWORK, SSH, PYTHON],
            Self::Editor | Self::Credentials => return !name.starts_with(OWN),
            Self::Checks => {
                let own = name.starts_with(OWN) && !is_in(OF_TESTS, name);
                return !own && !is_in(OF_PACKAGE, name);
            }
            Self::Itself => return true,
            Self::Asked => &[START, PERSON, RUSTUP, ENGINE],
            Self::Bare => &[],
        };
        lists.iter().any(|list| is_in(list, name))
    }
}

/// The toolchain's own variables in this environment, for a library that starts a program itself and asks what to keep
/// from it.
pub fn own_variables() -> impl Iterator<Item = String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with(OWN))
}

/// Whether a list has a name, or begins with what it begins with.
fn is_in(list: &[&str], name: &str) -> bool {
    list.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Callee; 11] = [
        Callee::Git,
        Callee::Downloads,
        Callee::Compiles,
        Callee::Compiler,
        Callee::Kind,
        Callee::Ansible,
        Callee::Editor,
        Callee::Credentials,
        Callee::Checks,
        Callee::Asked,
        Callee::Bare,
    ];

    #[track_caller]
    fn gets(callee: Callee, names: &[&str]) {
        for name in names {
            assert!(callee.gets(name), "{callee:?} needs {name}");
        }
    }

    #[track_caller]
    fn gets_none(callee: Callee, names: &[&str]) {
        for name in names {
            assert!(!callee.gets(name), "{callee:?} gets {name}");
        }
    }

    #[test]
    fn no_program_gets_a_secret_of_the_toolchain() {
        for callee in ALL {
            gets_none(callee, &["XTASK_AGE_IDENTITY", "XTASK_SIGNING_KEY", "XTASK_REGISTRY_PASSWORD"]);
        }
    }

    #[test]
    fn only_the_users_own_programs_get_what_nobody_has_thought_of() {
        for callee in ALL {
            let all = [Callee::Editor, Callee::Credentials, Callee::Checks].contains(&callee);
            assert_eq!(callee.gets("SOME_VARIABLE"), all, "{callee:?}");
            assert_eq!(callee.gets("AWS_SECRET_ACCESS_KEY"), all, "{callee:?}");
        }
        gets(Callee::Checks, &["XTASK_E2E", "XTASK_TEST_CLUSTER", "CARGO_HOME", "RUSTFLAGS"]);
        gets_none(Callee::Checks, &["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "XTASK_SIGNING_KEY_FILE"]);
    }

    #[test]
    fn each_program_gets_what_it_takes_to_start_and_to_reach_others() {
        for callee in ALL.into_iter().filter(|callee| *callee != Callee::Bare) {
            gets(callee, &["PATH", "HOME", "TMPDIR"]);
        }
        gets(
            Callee::Git,
            &["SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "https_proxy", "GIT_CONFIG_GLOBAL", "LC_CTYPE"],
        );
        gets(Callee::Downloads, &["CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_ACME_TOKEN"]);
        gets(Callee::Downloads, &["CARGO_HOME", "RUSTUP_HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE"]);
        gets(Callee::Compiler, &["RUSTUP_TOOLCHAIN", "RUSTUP_AUTO_INSTALL", "HTTPS_PROXY"]);
        gets(Callee::Kind, &["DOCKER_HOST", "DOCKER_CONTEXT", "NO_PROXY", "KIND_EXPERIMENTAL_PROVIDER"]);
        gets(Callee::Ansible, &["ANSIBLE_CONFIG", "PIP_INDEX_URL", "https_proxy", "SUDO_ASKPASS", "LANG"]);
        gets(Callee::Editor, &["EDITOR", "DISPLAY", "COLORTERM", "NVIM"]);
    }

    #[test]
    fn git_does_not_hear_of_another_repository() {
        let names = Command::new("git").args(["rev-parse", "--local-env-vars"]).output().unwrap().stdout;
        let names = String::from_utf8(names).unwrap();
        assert!(names.lines().any(|name| name == "GIT_INDEX_FILE"), "{names}");
        gets_none(Callee::Git, &names.lines().collect::<Vec<_>>());
        gets_none(Callee::Downloads, &names.lines().collect::<Vec<_>>());
    }

    #[test]
    fn what_changes_the_bits_does_not_reach_the_compiler_nor_what_reaches_others() {
        for callee in [Callee::Compiles, Callee::Compiler] {
            gets_none(callee, &["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO"]);
            gets_none(callee, &["CARGO_INCREMENTAL", "RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"]);
            gets_none(
                callee,
                &["CC", "HOST_CC", "CFLAGS", "CFLAGS_x86_64_unknown_linux_gnu", "LIBRARY_PATH"],
            );
            gets_none(callee, &["LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "USER"]);
        }
        gets_none(
            Callee::Compiles,
            &["CARGO_REGISTRIES_ACME_TOKEN", "CARGO_REGISTRY_TOKEN", "SSH_AUTH_SOCK"],
        );
        gets_none(Callee::Compiles, &["https_proxy", "HTTP_PROXY"]);
    }
}
