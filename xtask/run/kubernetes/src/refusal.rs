//! Why the cluster does not take an object.

use xtask_contract::{Error, ErrorKind};

use crate::api_error::{code, is_refusal, words};

/// A field that somebody has set or added by hand, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) field: String,
    pub(crate) line: String,
}

/// Why an object was not taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// The status code of the cluster's answer, if it was that.
    pub(crate) code: Option<u16>,
    /// The fields for whose sake it was refused.
    pub(crate) fields: Vec<String>,
}

impl Refusal {
    /// What the cluster has answered.
    pub(crate) fn of(doing: String, error: &kube::Error) -> Self {
        let code = code(error);
        // The cluster has looked at it and said no: that is a check's answer, and nothing was changed.
        let kind = match code {
            Some(403) => ErrorKind::Denied,
            _ if is_refusal(error) => ErrorKind::Refused,
            _ => ErrorKind::Failed,
        };
        Self { error: Error { kind, ..Error::failed(doing, words(error)) }, code, fields: Vec::new() }
    }

    /// Fields were set or added by hand.
    pub(crate) fn by_hand(doing: String, foreign: Vec<Foreign>) -> Self {
        let (fields, lines) = foreign.into_iter().map(|one| (one.field, one.line)).unzip();
        let error = Error { kind: ErrorKind::Conflict, ..Error::refused_for(doing, lines) };
        Self { error, code: None, fields }
    }

    /// Adds fields that are not among those that were told already.
    pub(crate) fn with(mut self, foreign: Vec<Foreign>) -> Self {
        for one in foreign {
            if !self.fields.contains(&one.field) {
                self.error.why.push(one.line);
                self.fields.push(one.field);
            }
        }
        self
    }

    /// The error, with what to do about the fields.
    pub(crate) fn into_error(self) -> Error {
        match self.fields.as_slice() {
            [] => self.error,
            fields => {
                let next = format!(
                    "put {} into the release (k8s/objects or the deploy's file), or take {}: the same command with {}",
                    if fields.len() == 1 { "that" } else { "each" },
                    if fields.len() == 1 { "the field" } else { "the fields" },
                    take_over(fields.iter())
                );
                self.error.next(next)
            }
        }
    }
}

/// Whether an object was not taken because it is somebody else's, who has given it to the deploy.
pub(crate) fn is_given(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Denied | ErrorKind::Conflict)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, code: None, fields: Vec::new() }
    }
}

/// The options that take these fields: `--take-over '.spec.paused'`.
pub(crate) fn take_over<'a>(fields: impl Iterator<Item = &'a String>) -> String {
    let options: Vec<String> = fields.map(|field| format!("--take-over '{field}'")).collect();
    options.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(field: &str) -> Foreign {
        Foreign { field: field.into(), line: format!("deployment/web {field} was set by somebody") }
    }

    #[test]
    fn each_field_is_told_once_and_all_of_them_can_be_taken_at_once() {
        let refusal = Refusal::by_hand("applying deployment/web".into(), vec![foreign(".spec.a")]);
        let error = refusal.with(vec![foreign(".spec.a"), foreign(".spec.b")]).into_error();
        assert_eq!((error.kind, error.why.len()), (ErrorKind::Conflict, 2));
        let next = error.next.unwrap();
        assert!(next.ends_with("with --take-over '.spec.a' --take-over '.spec.b'"), "{next}");
    }
}
