//! A kind of Kubernetes object, as a deploy's rules name it: `monitoring.coreos.com/v1/ServiceMonitor`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::kubernetes_name::{is_dns_name, is_label};

/// A kind of object that a deploy's releases may have beside the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKind {
    /// `monitoring.coreos.com/v1`, or `v1` in the group without a name.
    version: String,
    kind: String,
}

impl ObjectKind {
    /// Its group and version, as objects have it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its group alone; nothing for the group without a name.
    pub fn group(&self) -> &str {
        self.version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Its name.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl FromStr for ObjectKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let (version, kind) = text.rsplit_once('/').ok_or(NotAKind::Form)?;
        let (group, number) =
            version.split_once('/').map_or((None, version), |(group, it)| (Some(group), it));
        let is_version = is_label(number) && number.starts_with('v');
        let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_version || !is_kind || !group.is_none_or(is_dns_name) {
            return Err(NotAKind::Form);
        }
        match (group.unwrap_or_default(), kind) {
            ("", "Secret") => Err(NotAKind::Secret),
            ("rbac.authorization.k8s.io", _) => Err(NotAKind::Rights),
            ("", "Namespace" | "Node" | "PersistentVolume") => Err(NotAKind::OfTheCluster),
            _ => Ok(Self { version: version.to_owned(), kind: kind.to_owned() }),
        }
    }
}

impl TryFrom<String> for ObjectKind {
    type Error = NotAKind;

    fn try_from(text: String) -> Result<Self, NotAKind> {
        text.parse()
    }
}

impl From<ObjectKind> for String {
    fn from(kind: ObjectKind) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.version, self.kind)
    }
}

/// Why a text names no kind that releases may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAKind {
    /// It has another form.
    Form,
    /// What it holds would be in the ledger for all to read.
    Secret,
    /// It gives rights, which no release is to give itself.
    Rights,
    /// It is in no namespace.
    OfTheCluster,
}

impl fmt::Display for NotAKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a kind is named with its group and version, such as monitoring.coreos.com/v1/ServiceMonitor",
            Self::Secret => "a Secret's values would be in the release for all to read: seal them (`cargo xtask config set --secret`)",
            Self::Rights => "a release gives no rights: the cluster's administrator does",
            Self::OfTheCluster => "it is not in the deploy's namespace",
        })
    }
}

impl std::error::Error for NotAKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_version_and_perhaps_a_group() {
        for (text, group) in [
            ("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com"),
            ("v1/PersistentVolumeClaim", ""),
            ("keda.sh/v1alpha1/ScaledObject", "keda.sh"),
        ] {
            let kind: ObjectKind = text.parse().unwrap();
            assert_eq!((kind.to_string().as_str(), kind.group()), (text, group));
        }
    }

    #[test]
    fn what_would_give_a_release_more_than_its_namespace_is_no_kind_for_it() {
        let why = |text: &str| text.parse::<ObjectKind>().unwrap_err();
        for text in
            ["", "CronJob", "v1/", "/v1/Pod", "a b/v1/Pod", "x/y/z/Pod", "1/Pod", "v1/pod", "v1/Pod?x=1"]
        {
            assert_eq!(why(text), NotAKind::Form, "{text}");
        }
        assert_eq!(why("v1/Secret"), NotAKind::Secret);
        assert_eq!(why("rbac.authorization.k8s.io/v1/RoleBinding"), NotAKind::Rights);
        assert_eq!(why("v1/Namespace"), NotAKind::OfTheCluster);
    }
}
