//! What a deploy's processes have written to their standard streams, all in one, in order of time.

mod select;

use chrono::{DateTime, Utc};
use regex::Regex;
pub use select::Select;
pub use xtask_lines::{Line, now, time};

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Those since then.
    pub since: Option<DateTime<Utc>>,
    /// Those of a process type, such as `web`, or of one process, such as `web.1`.
    pub process: Option<String>,
    /// Those of the release with this ID.
    pub release: Option<String>,
    /// Those that hold this.
    pub grep: Option<Regex>,
    /// Those of the processes that were there before the last restart of each.
    pub previous: bool,
    /// The last so many.
    pub last: Option<usize>,
    /// And all that are still to come.
    pub follow: bool,
}

/// A consumer of lines. Each call tells whether it wants more.
pub trait Sink {
    /// The next line.
    fn line(&mut self, line: &Line<'_>) -> bool;

    /// There is nothing more for now.
    fn pause(&mut self) -> bool;

    /// Something that a person should know, which is no line.
    fn note(&mut self, what: &str);
}
