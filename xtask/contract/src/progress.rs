//! How the stages tell what they are doing. They never print: the command line decides what is shown.

/// A listener to a stage's work.
pub trait Progress {
    /// A step begins; it ends when the next one begins, or when the stage returns.
    fn step(&self, what: &str);

    /// What the step is at; worth seeing only while it is true.
    fn detail(&self, what: &str);

    /// Something that a person should know and that stays on the screen.
    fn note(&self, what: &str);

    /// A line from a process of the deploy, such as `web.1`.
    fn line(&self, process: &str, line: &str);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn note(&self, _: &str) {}
    fn line(&self, _: &str, _: &str) {}
}
