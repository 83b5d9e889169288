//! A text before and after.

use similar::TextDiff;
use xtask_lines::escape;

/// What is different, as a unified diff.
pub(crate) fn unified((before_name, before): (&str, &str), (after_name, after): (&str, &str)) -> String {
    // Lines of the texts have a mark before them; a name is to be no more than one line.
    let (before_name, after_name) = (escape(before_name), escape(after_name));
    TextDiff::from_lines(before, after).unified_diff().header(&before_name, &after_name).to_string()
}
