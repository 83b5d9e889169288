//! Fields that somebody else owns.

use std::fmt;

use kube::{api::DynamicObject, core::Status};

use crate::{drift::Finding, managers::MANAGER, objects::called, refusal::Foreign};

/// A field of an object that somebody else has set to another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// `deployment/web`.
    pub(crate) object: String,
    /// `.spec.template.spec.containers[name="web"].image`.
    pub(crate) field: String,
    /// Who owns it: `kubectl-edit`.
    pub(crate) manager: String,
}

impl Conflict {
    /// The conflicts for which server-side apply was refused.
    pub(crate) fn all(object: &DynamicObject, status: &Status) -> Vec<Self> {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
        conflicts
            .map(|cause| Self {
                object: called(object),
                field: cause.field.clone(),
                manager: cause.message.split('"').nth(1).unwrap_or("somebody").to_owned(),
            })
            .collect()
    }

    /// Whether it is this toolchain's own, from a change that was no apply.
    pub(crate) fn is_ours(&self) -> bool {
        self.manager == MANAGER
    }

    /// Whether the other owner has not meant another value than the release had until now.
    pub(crate) fn is_settled(&self, found: &[Finding]) -> bool {
        self.among(found).is_some_and(|one| !one.is_foreign())
    }

    /// The conflict as a reason to refuse the object.
    pub(crate) fn foreign(&self, found: &[Finding]) -> Foreign {
        let line = match self.among(found) {
            Some(finding) => format!("{} {finding}", self.object),
            None => self.to_string(),
        };
        Foreign { field: self.field.clone(), line }
    }

    fn among<'a>(&self, found: &'a [Finding]) -> Option<&'a Finding> {
        found.iter().find(|one| one.field == self.field)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} is owned by {}", self.object, self.field, self.manager)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn object_field_and_manager_are_named() {
        let object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" } });
        let status = json!({
            "code": 409,
            "message": "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: .spec.paused",
            "reason": "Conflict",
            "details": { "causes": [{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"kubectl-edit\" using apps/v1",
                "field": ".spec.paused",
            }] },
        });
        let found = Conflict::all(&from_value(object).unwrap(), &from_value(status).unwrap());
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["deployment/web .spec.paused is owned by kubectl-edit"]);
        assert!(!found[0].is_ours());
    }
}
