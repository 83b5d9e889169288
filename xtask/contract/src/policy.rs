//! A deploy's rules, `[policy]` in its file: what may be released there, and whose word counts.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, EnvName, Error, ObjectKind, Recipient, Repo, Result, deploy, ledger::Verified, release::Image,
    signature::Signer,
};

/// A deploy's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether builds with uncommitted inputs may be released here.
    #[serde(default)]
    pub dirty: bool,
    /// Whose age identities can open the deploy's secrets; this machine's if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    /// Who must have signed its releases, one of these; nobody need have if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signer>,
    /// The deploys of which one must have run an image before it may be released here; none need have if none
    /// is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promote_from: Vec<EnvName>,
    /// The kinds of Kubernetes objects that its releases may have beside the usual ones. The right to write to the ledger is
    /// no right to write to these rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ObjectKind>,
    /// How many releases' config and secrets stay on a cluster, the running one's included.
    #[serde(default = "keep", skip_serializing_if = "is_usual_keep")]
    pub keep: NonZeroU32,
}

const fn keep() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(4)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_usual_keep(number: &NonZeroU32) -> bool {
    *number == keep()
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            dirty: false,
            recipients: Vec::new(),
            signers: Vec::new(),
            promote_from: Vec::new(),
            kinds: Vec::new(),
            keep: keep(),
        }
    }
}

/// The one part of a deploy's file that `run` reads. The rest may be half-edited: it is for the next release.
#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    policy: Policy,
}

impl Policy {
    /// Reads a deploy's rules; there are none if the deploy has no file.
    pub fn read(repo: &Repo, env: &EnvName) -> Result<Self> {
        let file: Option<File> = deploy::read(repo, &repo.deploy_file(env))?;
        Ok(file.unwrap_or_default().policy)
    }

    /// Why this image may not be released in the deploy, if it may not. `ran` are the images that the deploys in
    /// `promote_from` have run.
    pub fn objection(&self, image: &Image, ran: &[Digest]) -> Option<String> {
        let digest = image.digest;
        if image.dirty && !self.dirty {
            return Some(format!("its image {digest} was built from uncommitted inputs"));
        }
        if self.promote_from.is_empty() || ran.contains(&digest) {
            return None;
        }
        let from: Vec<&str> = self.promote_from.iter().map(EnvName::as_str).collect();
        Some(format!("its image {digest} never ran in {}", from.join(" or ")))
    }

    /// Refuses a release that none of the signers has signed, if there are any.
    pub fn check_signature(&self, verified: &Verified) -> Result<()> {
        if self.signers.is_empty() || verified.signer(&self.signers).is_some() {
            return Ok(());
        }
        let (id, env) = (verified.release.id, &verified.release.env);
        let (why, next) = if verified.has_signature() {
            (
                "its signature is of none of the deploy's signers",
                format!(
                    "if its signer is to be trusted, add their key to `policy.signers` in k8s/envs/{env}.toml; else, as it \
                     never ran, set it aside: `cargo xtask releases set-aside {id} --env {env}`"
                ),
            )
        } else {
            (
                "it is not signed, which the deploy's policy asks for",
                format!(
                    "make a new release with the key of a signer in XTASK_SIGNING_KEY; if this one never ran, set it aside \
                     before: `cargo xtask releases set-aside {id} --env {env}`"
                ),
            )
        };
        Err(Error::refused(format!("verifying the release {id} of {env}"), why).next(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_released_only_where_the_rules_allow_it() {
        let (clean, ran) = (Digest::of("clean"), [Digest::of("clean")]);
        let image = |digest, dirty| Image { digest, dirty, revision: "revision".into() };
        let lax = Policy { dirty: true, ..Policy::default() };
        assert_eq!(lax.objection(&image(clean, true), &[]), None);
        let strict = Policy { promote_from: vec!["dev".parse().unwrap()], ..Policy::default() };
        assert_eq!(strict.objection(&image(clean, false), &ran), None);
        let told = |image| strict.objection(&image, &ran).unwrap();
        assert!(told(image(clean, true)).ends_with("was built from uncommitted inputs"));
        assert!(told(image(Digest::of("another"), false)).ends_with("never ran in dev"));
    }
}
