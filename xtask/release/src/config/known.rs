//! What the newest build says of variables, if there is a build on this machine.

use xtask_contract::{
    BuildRecord, Deploy, ErrorKind, Layout, Repo, Result,
    nearest::did_you_mean,
    service::{RELEASE_ID, Service, Variable},
};

/// What is known of variables.
pub(super) struct Known {
    service: Option<Service>,
    /// The variable of the deploy's own database, whose URL has a password in it.
    database: Option<String>,
}

impl Known {
    pub(super) fn of(repo: &Repo, deploy: &Deploy) -> Result<Self> {
        let record = match BuildRecord::newest(repo) {
            Err(error) if error.kind == ErrorKind::NotFound => None, // there is none
            record => Some(record?),
        };
        let layout = Layout::at(repo.images());
        let service = record.map(|record| layout.description(&record.digest)).transpose();
        let mut service = match service {
            Err(error) if error.kind == ErrorKind::NotFound => None, // its image was cleared away
            service => service?,
        };
        if let Some(service) = &mut service {
            service.variables.retain(|variable| variable.name != RELEASE_ID);
        }
        Ok(Self { service, database: deploy.services.postgres.as_ref().map(|one| one.variable.clone()) })
    }

    /// All variables of the newest build that a deploy may set.
    pub(super) fn variables(&self) -> &[Variable] {
        self.service.as_ref().map_or(&[], |service| &service.variables)
    }

    /// Whether a variable's value must be sealed and never shown.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        let called_secret = |variable: &Variable| variable.name == name && variable.secret;
        self.database.as_deref() == Some(name) || self.variables().iter().any(called_secret)
    }

    /// What is to be said where nothing can be checked yet.
    pub(super) fn unchecked(&self) -> Option<String> {
        self.service
            .is_none()
            .then(|| "not checked, as no build is on this machine; `release` checks it".to_owned())
    }

    /// What `release` will say of this value, unless another build comes before it. The value is not repeated.
    pub(super) fn note(&self, name: &str, value: &str) -> Option<String> {
        let variables = &self.service.as_ref()?.variables;
        match variables.iter().find(|variable| variable.name == name) {
            None => {
                let hint = did_you_mean(name, variables.iter().map(|variable| variable.name.as_str()));
                Some(format!("{name} is unknown to the newest build{hint}; releases of that are refused"))
            }
            Some(variable) => {
                let expected = variable.value.check(value).err()?;
                Some(format!("{name} must be {expected}; releases of the newest build are refused"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let json = r#"{"schema": 1, "service": "s", "migrate": [], "processes": [], "variables": [
            {"name": "PORT", "type": "integer", "min": 0, "max": 9, "required": true, "secret": false, "help": "h"},
            {"name": "TOKEN", "type": "string", "required": false, "secret": true, "help": "h"}]}"#;
        Known { service: serde_json::from_str(json).unwrap(), database: Some("DATABASE".into()) }
    }

    #[test]
    fn a_secret_is_what_the_build_calls_one_and_the_databases_url_always() {
        let secret = |known: &Known| ["PORT", "TOKEN", "DATABASE"].map(|name| known.is_secret(name));
        assert_eq!(secret(&known()), [false, true, true]);
        assert_eq!(secret(&Known { service: None, ..known() }), [false, false, true]);
    }

    #[test]
    fn what_the_newest_build_would_refuse_is_noted_and_nothing_where_there_is_none() {
        let note = |name, value| known().note(name, value);
        assert_eq!(note("PORT", "9"), None);
        let told = note("PORT", "canary").unwrap();
        assert!(
            told.contains("PORT must be a whole number from 0 to 9") && !told.contains("canary"),
            "{told}"
        );
        assert!(
            note("PROT", "9").unwrap().contains("PROT is unknown to the newest build (did you mean PORT?)")
        );
        let nothing_built = Known { service: None, ..known() };
        assert_eq!(nothing_built.note("PROT", "canary"), None);
        assert!(nothing_built.unchecked().unwrap().starts_with("not checked"));
        assert_eq!(known().unchecked(), None);
    }
}
