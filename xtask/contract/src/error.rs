//! The one error type: what was being done to what, why it failed, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure it is. Code decides by this, never by an exit code or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Something went wrong on the way.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// A check or a policy said no; nothing was changed.
    Refused,
    /// What was looked for is not there; nothing was changed.
    NotFound,
    /// The caller may not do that; nothing was changed.
    Denied,
    /// Somebody else has changed the same; nothing was changed.
    Conflict,
    /// The deploy failed and stands on its previous release.
    FellBack,
}

impl ErrorKind {
    /// The exit code of a command that ends with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused | Self::NotFound | Self::Denied | Self::Conflict => 3,
            Self::FellBack => 4,
        }
    }

    /// Whether nothing was changed.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::NotFound | Self::Denied | Self::Conflict)
    }
}

/// Shorthand for results with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error as a person needs it. It never contains a secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct Error {
    /// What kind of failure it is. Between programs it has the name that it always had.
    #[serde(rename = "exit")]
    pub kind: ErrorKind,
    /// What was being done to what, as a present participle: "reading k8s/envs/dev.toml".
    pub doing: String,
    /// Why it did not work; one or more reasons, each a line.
    pub why: Vec<String>,
    /// What to do next, if that is known: a command where there is one.
    pub next: Option<String>,
    /// The name that programs know this failure by, if it has one: `image_unavailable`.
    pub cause: Option<String>,
}

impl Error {
    /// Something went wrong on the way (exit code 1).
    pub fn failed(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Failed, doing, why)
    }

    /// The command line makes no sense (exit code 2).
    pub fn usage(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Usage, doing, why)
    }

    /// A check said no and nothing was changed (exit code 3).
    pub fn refused(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Refused, doing, why)
    }

    /// What was looked for is not there, and nothing was changed (exit code 3).
    pub fn not_found(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, doing, why)
    }

    /// Several checks said no; all are reported together (exit code 3).
    pub fn refused_for(doing: impl Into<String>, why: Vec<String>) -> Self {
        let why = why.into_iter().map(|one| brief(&one)).collect();
        Self { kind: ErrorKind::Refused, doing: brief(&doing.into()), why, next: None, cause: None }
    }

    /// Refuses something for all that keeps it from being done, if anything does; nothing of it was done yet. What is
    /// only one thing is told in its own words.
    pub fn together(doing: impl Into<String>, mut errors: Vec<Self>) -> Result<()> {
        if errors.len() < 2 {
            return errors.pop().map_or(Ok(()), |error| Err(Self { kind: ErrorKind::Refused, ..error }));
        }
        let why = errors.iter().map(|Self { doing, why, .. }| format!("{doing}: {}", why.join("; ")));
        let mut all = Self::refused_for(doing, why.collect());
        let mut steps: Vec<String> = Vec::new();
        for next in errors.into_iter().filter_map(|error| error.next) {
            if !steps.contains(&next) {
                steps.push(next);
            }
        }
        if !steps.is_empty() {
            all.next = Some(steps.join("; "));
        }
        Err(all)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    fn new(kind: ErrorKind, doing: impl Into<String>, why: impl fmt::Display) -> Self {
        let why = vec![brief(&why.to_string())];
        Self { kind, doing: brief(&doing.into()), why, next: None, cause: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.doing)?;
        match self.why.as_slice() {
            [only] => write!(f, "{only}")?,
            many => {
                write!(f, "{} problems", many.len())?;
                for why in many {
                    write!(f, "\n  - {why}")?;
                }
            }
        }
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Says what was being done when some other error happened.
pub trait Context<T> {
    /// Turns the error into an [`Error`] with this description of what was being done.
    fn doing<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: std::error::Error> Context<T> for std::result::Result<T, E> {
    fn doing<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| Error::failed(doing(), chain(&error)))
    }
}

/// A text from a file or a network as far as a person reads it: of a very long line, its beginning.
pub fn brief(text: &str) -> String {
    const MOST: usize = 1000;
    let line = |line: &str| match line.char_indices().nth(MOST) {
        Some((end, _)) => {
            let (begin, rest) = line.split_at(end);
            format!("{begin}… ({} more characters)", rest.chars().count())
        }
        None => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// An error with its causes, `outer: inner: innermost`, leaving out causes that the outer text repeats.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_that_nobody_reads_to_its_end_the_beginning_is_told() {
        let long = format!("{}\nb", "ä".repeat(14 << 20));
        let cut = format!("{}… ({} more characters)\nb", "ä".repeat(1000), (14 << 20) - 1000);
        for error in [
            Error::failed("a", &long),
            Error::refused_for("a", vec![long.clone()]),
            std::result::Result::<(), _>::Err(std::io::Error::other(long.clone())).doing(|| "a").unwrap_err(),
        ] {
            assert_eq!(error.why, std::slice::from_ref(&cut));
        }
        assert_eq!(brief("a\n"), "a\n");
        assert_eq!(brief(&"ä".repeat(1000)), "ä".repeat(1000));
    }

    #[test]
    fn all_that_is_in_the_way_is_told_together() {
        let error =
            |what: &str| Error::refused(format!("looking for {what}"), "it is missing").next("install it");
        assert!(Error::together("running dev", Vec::new()).is_ok());
        let told = |errors| Error::together("running dev", errors).unwrap_err().to_string();
        assert_eq!(told(vec![error("kind")]), "looking for kind: it is missing\n  next: install it");
        assert_eq!(
            told(vec![error("kind"), error("docker")]),
            "running dev: 2 problems\n  - looking for kind: it is missing\n  - looking for docker: it is missing\n  next: \
             install it"
        );
    }

    #[test]
    fn one_reason_stands_on_the_line_and_several_below_it() {
        let one = Error::refused("running 2011-04-06-20:32:17", "it was edited").next("make a new release");
        assert_eq!(one.to_string(), "running 2011-04-06-20:32:17: it was edited\n  next: make a new release");
        let two =
            Error::refused_for("releasing dev", vec!["PORT is missing".into(), "PROT is unknown".into()]);
        assert_eq!(two.to_string(), "releasing dev: 2 problems\n  - PORT is missing\n  - PROT is unknown");
    }
}
