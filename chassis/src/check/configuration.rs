//! Whether every process would take the environment.

use super::finding::{Finding, Trouble};
use crate::{
    Process,
    config::{ConfigError, Reader},
};

const NEXT: &str = "set it in the deploy's config; `describe` prints what each variable takes";

/// One finding, or one for each mistake. There are so many variables.
pub(crate) fn look(processes: &[Process], variables: usize) -> Vec<Finding> {
    let mut mistakes: Vec<String> = Vec::new();
    let errors = processes.iter().filter_map(|process| Reader::environment().load(&process.read).err());
    for mistake in errors.flat_map(ConfigError::lines) {
        // What several of them need is wrong once.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    if mistakes.is_empty() {
        let names: Vec<_> = processes.iter().map(|process| process.name).collect();
        let take = if names.len() == 1 { "takes" } else { "take" };
        let how = format!("{} {take} the environment, {variables} variables", names.join(" and "));
        return vec![Finding::of("config", Ok(how))];
    }
    mistakes.into_iter().map(|mistake| Finding::wrong("config", Trouble::new(mistake, NEXT))).collect()
}
