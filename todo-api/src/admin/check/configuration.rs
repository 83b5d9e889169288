//! Whether every process would take the environment.

use chassis::config::{ConfigError, Reader};

use super::finding::{Finding, Trouble};
use crate::{
    config::{WebConfig, WorkerConfig},
    describe,
};

const NEXT: &str = "set it in the deploy's config; `describe` prints what each variable takes";

/// One finding, or one for each mistake.
pub(super) fn look() -> Vec<Finding> {
    let web = Reader::environment().load(WebConfig::read).err();
    let worker = Reader::environment().load(WorkerConfig::read).err();
    let mut mistakes: Vec<String> = Vec::new();
    for mistake in web.into_iter().chain(worker).flat_map(ConfigError::lines) {
        // What both of them need is wrong once.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    if mistakes.is_empty() {
        let how = format!("web and worker take the environment, {} variables", describe::variables().len());
        return vec![Finding::of("config", Ok(how))];
    }
    mistakes.into_iter().map(|mistake| Finding::wrong("config", Trouble::new(mistake, NEXT))).collect()
}
