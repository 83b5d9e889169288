//! A text before and after.

use similar::TextDiff;

use super::Ui;

/// What is different, as a unified diff.
pub(crate) fn unified((before_name, before): (&str, &str), (after_name, after): (&str, &str)) -> String {
    TextDiff::from_lines(before, after).unified_diff().header(before_name, after_name).to_string()
}

impl Ui {
    /// Shows what is different in a text.
    pub(crate) fn diff(&self, name: &str, before: &str, after: &str) {
        self.finish_step();
        self.print(&self.colours.diff(&unified((name, before), (name, after))));
    }
}
