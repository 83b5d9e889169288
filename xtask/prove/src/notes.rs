//! What is noted while an experiment goes on.

use crate::{
    Factor,
    picture::Picture,
    proof::{Panel, Problem, Verdict},
};

/// What is noted while an experiment goes on.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    seen: Vec<String>,
    problems: Vec<Problem>,
    not_shown: Vec<String>,
    pictures: Vec<Picture>,
    commands: Vec<String>,
}

impl Notes {
    /// Something was seen that is as it is to be.
    pub(crate) fn saw(&mut self, what: impl Into<String>) {
        self.seen.push(what.into());
    }

    /// Something breaks the factor.
    pub(crate) fn broken(&mut self, cause: &'static str, text: impl Into<String>) {
        self.problems.push(Problem { cause, text: text.into() });
    }

    /// Either what is to be was seen, or this breaks the factor.
    pub(crate) fn check(
        &mut self,
        holds: bool,
        seen: impl Into<String>,
        (cause, problem): (&'static str, impl Into<String>),
    ) {
        if holds { self.saw(seen) } else { self.broken(cause, problem) }
    }

    /// Something could not be shown.
    pub(crate) fn not_shown(&mut self, why: impl Into<String>) {
        self.not_shown.push(why.into());
    }

    /// Something is to be looked at.
    pub(crate) fn picture(&mut self, picture: Picture) {
        self.pictures.push(picture);
    }

    /// This shows it by hand.
    pub(crate) fn command(&mut self, command: impl Into<String>) {
        self.commands.push(command.into());
    }

    /// What came of it.
    pub(crate) fn end(self, factor: Factor, took_ms: u64) -> Panel {
        let Self { seen, problems, not_shown, pictures, commands } = self;
        let verdict = match (problems.is_empty(), seen.is_empty()) {
            (false, _) => Verdict::Broken,
            (true, false) => Verdict::Holds,
            (true, true) => Verdict::NotShown,
        };
        Panel { factor, verdict, seen, problems, not_shown, pictures, commands, took_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_breaks_it_and_where_nothing_was_seen_nothing_is_shown() {
        let verdict = |fill: fn(&mut Notes)| {
            let mut notes = Notes::default();
            fill(&mut notes);
            notes.end(Factor::Logs, 1).verdict
        };
        assert_eq!(verdict(|_| ()), Verdict::NotShown);
        assert_eq!(verdict(|notes| notes.not_shown("no")), Verdict::NotShown);
        assert_eq!(verdict(|notes| notes.saw("yes")), Verdict::Holds);
        assert_eq!(
            verdict(|notes| {
                notes.saw("yes");
                notes.check(false, "", ("cause", "no"));
            }),
            Verdict::Broken
        );
    }
}
