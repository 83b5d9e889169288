//! The provenance: how an image was made, as an in-toto statement with SLSA's predicate. It claims level 1 of
//! SLSA's build track and no more: the build itself writes it and does not sign it. So it helps a reader who trusts
//! its source, and proves nothing to others. It names no person, machine or folder.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use xtask_contract::{Context, Digest, Result, ServiceName};

use crate::{inputs::Inputs, toolchain::Toolchain};

/// What kind of build this is: the parameters' names and meaning.
const BUILD_TYPE: &str = "https://twelve-factor.dev/xtask-build/v1";

/// How one image was made.
pub(crate) struct Making<'a> {
    /// The service.
    pub(crate) service: &'a ServiceName,
    /// The image.
    pub(crate) image: &'a Digest,
    /// What it was made of.
    pub(crate) inputs: &'a Inputs,
    /// The digest of Cargo.lock.
    pub(crate) lock: &'a Digest,
    /// Where the source was cloned from, if others can reach that.
    pub(crate) origin: Option<String>,
    /// What made it.
    pub(crate) toolchain: &'a Toolchain,
    /// Where.
    pub(crate) builder: Builder,
    /// From when.
    pub(crate) started: DateTime<Utc>,
    /// Until when.
    pub(crate) finished: DateTime<Utc>,
}

/// The place of a build.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Builder {
    /// Somebody's own machine.
    OwnMachine,
    /// A run of a GitHub Actions workflow, by its address.
    GitHubActions(String),
}

impl Builder {
    /// The place, by its environment.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let run = || {
            variable("GITHUB_ACTIONS").filter(|value| value == "true")?;
            let [server, repository, run] =
                ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(&variable);
            let address = format!("{}/{}/actions/runs/{}", server?, repository?, run?);
            let attempt = variable("GITHUB_RUN_ATTEMPT").map(|attempt| format!("/attempts/{attempt}"));
            Some(address + &attempt.unwrap_or_default())
        };
        run().map_or(Self::OwnMachine, Self::GitHubActions)
    }

    /// Names the builder (SLSA's `builder.id`), which a reader of the statement has to trust. In a workflow, too, that
    /// is this program: GitHub has no part in writing the statement.
    fn id(&self) -> &'static str {
        match self {
            Self::OwnMachine => "https://twelve-factor.dev/builder/own-machine/v1",
            Self::GitHubActions(_) => "https://twelve-factor.dev/builder/github-actions/v1",
        }
    }
}

impl Making<'_> {
    /// The statement's bytes.
    pub(crate) fn statement(&self) -> Result<Vec<u8>> {
        let mut statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": self.service, "digest": { "sha256": self.image.hex() } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": { "revision": self.inputs.revision, "dirty": self.inputs.dirty() },
                    // The same lines as in the build's record: those without a digest are nowhere else.
                    "internalParameters": { "target": self.toolchain.target, "toolchain": self.toolchain.lines },
                    "resolvedDependencies": self.dependencies(),
                },
                "runDetails": {
                    "builder": { "id": self.builder.id(), "version": { "xtask-build": env!("CARGO_PKG_VERSION") } },
                    "metadata": { "startedOn": time(self.started), "finishedOn": time(self.finished) },
                },
            },
        });
        if let Builder::GitHubActions(run) = &self.builder {
            statement["predicate"]["runDetails"]["metadata"]["invocationId"] = run.as_str().into();
        }
        serde_json::to_vec(&statement).doing(|| "writing the provenance")
    }

    /// What went into the image and has a digest. The crates are Cargo.lock's.
    fn dependencies(&self) -> Vec<Value> {
        let revision = &self.inputs.revision;
        let mut source = json!({ "name": "source", "digest": { "gitCommit": revision } });
        if let Some(origin) = &self.origin {
            source["uri"] = format!("git+{origin}@{revision}").into();
        }
        let mut dependencies =
            vec![source, json!({ "name": "Cargo.lock", "digest": { "sha256": self.lock.hex() } })];
        let commit = &self.toolchain.rust.commit;
        if commit.len() == 40 {
            dependencies.push(json!({ "name": "rustc", "digest": { "gitCommit": commit } }));
        }
        let libc = self.toolchain.libc.digest.hex();
        dependencies.push(json!({ "name": "libc.a", "digest": { "sha256": libc } }));
        dependencies
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::tests::toolchain;

    const REVISION: &str = "7b4bc8358a102738256af935afa337dce7c285c3";

    fn statement(origin: Option<&str>, builder: Builder) -> Value {
        let at = |text: &str| text.parse().unwrap();
        let making = Making {
            service: &"greeter".parse().unwrap(),
            image: &Digest::of("image"),
            inputs: &Inputs::clean(REVISION),
            lock: &Digest::of("lock"),
            origin: origin.map(str::to_owned),
            toolchain: &toolchain(),
            builder,
            started: at("2011-04-06T20:32:17.123Z"),
            finished: at("2011-04-06T20:33:00Z"),
        };
        serde_json::from_slice(&making.statement().unwrap()).unwrap()
    }

    #[test]
    fn it_says_of_what_and_by_what_the_image_was_made() {
        let origin = "https://example.org/o/r.git";
        let toolchain = toolchain();
        let expected = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "greeter", "digest": { "sha256": Digest::of("image").hex() } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://twelve-factor.dev/xtask-build/v1",
                    "externalParameters": { "revision": REVISION, "dirty": false },
                    "internalParameters": { "target": "x86_64-unknown-linux-gnu", "toolchain": toolchain.lines },
                    "resolvedDependencies": [
                        { "name": "source", "uri": format!("git+{origin}@{REVISION}"), "digest": { "gitCommit": REVISION } },
                        { "name": "Cargo.lock", "digest": { "sha256": Digest::of("lock").hex() } },
                        { "name": "rustc", "digest": { "gitCommit": toolchain.rust.commit } },
                        { "name": "libc.a", "digest": { "sha256": Digest::of("libc").hex() } },
                    ],
                },
                "runDetails": {
                    "builder": {
                        "id": "https://twelve-factor.dev/builder/own-machine/v1",
                        "version": { "xtask-build": env!("CARGO_PKG_VERSION") },
                    },
                    "metadata": { "startedOn": "2011-04-06T20:32:17Z", "finishedOn": "2011-04-06T20:33:00Z" },
                },
            },
        });
        assert_eq!(statement(Some(origin), Builder::OwnMachine), expected);
    }

    #[test]
    fn without_an_origin_the_commit_alone_names_the_source() {
        let statement = statement(None, Builder::OwnMachine);
        let source = &statement["predicate"]["buildDefinition"]["resolvedDependencies"][0];
        assert_eq!(*source, json!({ "name": "source", "digest": { "gitCommit": REVISION } }));
    }

    #[test]
    fn a_run_of_a_workflow_is_named_only_if_it_is_one() {
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_RUN_ID", "12"),
            ("GITHUB_RUN_ATTEMPT", "2"),
        ];
        let without = |missing: &str| {
            let find = |name: &str| github.iter().find(|(known, _)| *known == name && name != missing);
            Builder::of(|name| find(name).map(|(_, value)| (*value).to_owned()))
        };
        let run = "https://github.com/o/r/actions/runs/12";
        assert_eq!(without("GITHUB_RUN_ATTEMPT"), Builder::GitHubActions(run.into()));
        assert_eq!(without(""), Builder::GitHubActions(format!("{run}/attempts/2")));
        for (missing, _) in &github[..4] {
            assert_eq!(without(missing), Builder::OwnMachine, "{missing}");
        }
        let details = &statement(None, without(""))["predicate"]["runDetails"];
        assert_eq!(details["metadata"]["invocationId"], format!("{run}/attempts/2"));
        assert_eq!(details["builder"]["id"], "https://twelve-factor.dev/builder/github-actions/v1");
    }
}
