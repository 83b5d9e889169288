//! Reads variables and remembers what is wrong with them.

use std::{collections::HashMap, env, ffi::OsString, fmt};

use super::variable::{Description, Kind, Need, Variable};

/// An environment, and what was found wrong with it so far.
pub struct Reader {
    environment: HashMap<OsString, OsString>,
    mistakes: Vec<String>,
    /// The variables that were read, where that is what is asked for.
    described: Option<Vec<Description>>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl Reader {
    /// Any environment.
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { environment: environment.into_iter().collect(), mistakes: Vec::new(), described: None }
    }

    /// The environment of this process.
    pub fn environment() -> Self {
        Self::new(env::vars_os())
    }

    /// Reads a whole configuration; `read` returns nothing if, and only if, there was a mistake.
    pub fn load<C>(mut self, read: impl FnOnce(&mut Self) -> Option<C>) -> Result<C, ConfigError> {
        read(&mut self).ok_or(ConfigError(self.mistakes))
    }

    /// The variables that are read, each once and in that order. Nothing is set meanwhile.
    pub fn describe(read: impl FnOnce(&mut Self)) -> Vec<Description> {
        let mut reader = Self { described: Some(Vec::new()), ..Self::new([]) };
        read(&mut reader);
        reader.described.unwrap_or_default()
    }

    /// Reads one variable; an empty one counts as not set.
    pub fn read<K: Kind>(&mut self, variable: &Variable<K>) -> Option<K::Value> {
        self.note(variable);
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
    pub fn read_optional<K: Kind>(&mut self, variable: &Variable<K>) -> Option<Option<K::Value>> {
        self.note(variable);
        if self.value(variable).is_some() { self.read(variable).map(Some) } else { Some(None) }
    }

    /// Reads a variable that may be left out, and another one that must be set if it is.
    pub fn read_together<K: Kind, L: Kind>(
        &mut self,
        variable: &Variable<K>,
        with: &Variable<L>,
    ) -> Option<Option<(K::Value, L::Value)>> {
        self.note(variable);
        self.note(with);
        if self.value(variable).is_none() {
            return Some(None);
        }
        let value = self.read(variable);
        let other = if self.value(with).is_some() {
            self.read(with)
        } else {
            self.mistake(with, &format!("is not set, but {} is", variable.name))
        };
        Some(Some((value?, other?)))
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

    fn note<K: Kind>(&mut self, variable: &Variable<K>) {
        if let Some(described) = &mut self.described
            && described.iter().all(|known| known.name() != variable.name)
        {
            described.push(variable.describe());
        }
    }
}

impl ConfigError {
    /// One line for each thing that is wrong.
    pub fn lines(self) -> Vec<String> {
        self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Integer, Word};

    const NUMBER: Variable<Integer<u16>> =
        Variable::new("NUMBER", Integer::new(1, 9), Need::OptionalSecret, "a number");
    const WORD: Variable<Word> = Variable::new("WORD", Word, Need::OptionalSecret, "a word");

    fn load<C>(
        variables: &[(&str, &str)],
        read: impl FnOnce(&mut Reader) -> Option<C>,
    ) -> Result<C, Vec<String>> {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Reader::new(environment).load(read).map_err(ConfigError::lines)
    }

    #[test]
    fn two_that_belong_together_are_both_set_or_neither() {
        let read = |from: &mut Reader| from.read_together(&NUMBER, &WORD);
        assert_eq!(load(&[], read), Ok(None));
        assert_eq!(load(&[("WORD", "a")], read), Ok(None), "it says nothing by itself");
        assert_eq!(load(&[("NUMBER", "1"), ("WORD", "a")], read), Ok(Some((1, "a".to_owned()))));
        let lacks = load(&[("NUMBER", "1")], read).unwrap_err();
        assert!(lacks.len() == 1 && lacks[0].starts_with("WORD is not set, but NUMBER is"), "{lacks:?}");
        let both = load(&[("NUMBER", "canary"), ("WORD", "b c")], read).unwrap_err();
        assert!(both.len() == 2 && both.iter().all(|line| line.contains("is malformed")), "{both:?}");
    }

    #[test]
    fn each_variable_that_may_be_read_is_described_once() {
        let described = Reader::describe(|from| {
            from.read_optional(&WORD);
            from.read_together(&NUMBER, &WORD);
            from.read(&NUMBER);
        });
        assert_eq!(described.iter().map(Description::name).collect::<Vec<_>>(), ["WORD", "NUMBER"]);
    }
}
