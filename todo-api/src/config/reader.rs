//! Reads variables and remembers what is wrong with them.

use std::{collections::HashMap, env, ffi::OsString, fmt};

use super::variable::{Kind, Need, Variable};

/// The environment, and what was found wrong with it so far.
pub(crate) struct Reader {
    environment: HashMap<OsString, OsString>,
    mistakes: Vec<String>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug)]
pub(crate) struct ConfigError(Vec<String>);

impl Reader {
    pub(crate) fn new(environment: HashMap<OsString, OsString>) -> Self {
        Self { environment, mistakes: Vec::new() }
    }

    /// The environment of this process.
    pub(crate) fn environment() -> Self {
        Self::new(env::vars_os().collect())
    }

    /// Reads a whole configuration; `read` returns nothing if, and only if, there was a mistake.
    pub(crate) fn load<C>(mut self, read: fn(&mut Self) -> Option<C>) -> Result<C, ConfigError> {
        read(&mut self).ok_or(ConfigError(self.mistakes))
    }

    /// Reads one variable; an empty one counts as not set.
    pub(super) fn read<K: Kind>(&mut self, variable: &Variable<K>) -> Option<K::Value> {
        let default = match variable.need {
            Need::Default(text) => Some(text.into()),
            Need::Required | Need::Optional | Need::Secret | Need::OptionalSecret => None,
        };
        let Some(text) = self.value(variable).cloned().or(default) else {
            return self.mistake(variable, "is not set");
        };
        let value = text.to_str().and_then(|text| variable.kind.parse(text));
        match variable.need {
            _ if value.is_some() => value,
            Need::Secret | Need::OptionalSecret => self.mistake(variable, "is malformed"),
            Need::Required | Need::Optional | Need::Default(_) => {
                self.mistake(variable, &format!("is {:?}", text.to_string_lossy()))
            }
        }
    }

    /// Reads one variable that may be left out: nothing is a mistake only if it is the outer one.
    #[expect(clippy::option_option, reason = "what is left out is not wrong")]
    pub(super) fn read_optional<K: Kind>(&mut self, variable: &Variable<K>) -> Option<Option<K::Value>> {
        if self.value(variable).is_some() { self.read(variable).map(Some) } else { Some(None) }
    }

    /// Reads one variable that must be set if another is.
    pub(super) fn read_with<K: Kind>(&mut self, variable: &Variable<K>, other: &str) -> Option<K::Value> {
        if self.value(variable).is_some() {
            return self.read(variable);
        }
        self.mistake(variable, &format!("is not set, but {other} is"))
    }

    /// What the environment says; an empty text counts as nothing.
    fn value<K>(&self, variable: &Variable<K>) -> Option<&OsString> {
        self.environment.get(&OsString::from(variable.name)).filter(|value| !value.is_empty())
    }

    fn mistake<K: Kind, T>(&mut self, variable: &Variable<K>, state: &str) -> Option<T> {
        let Variable { name, kind, help, .. } = variable;
        self.mistakes.push(format!("{name} {state}; expected {} ({help})", kind.shape()));
        None
    }
}

impl ConfigError {
    /// One line for each thing that is wrong.
    pub(crate) fn lines(self) -> Vec<String> {
        self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}
