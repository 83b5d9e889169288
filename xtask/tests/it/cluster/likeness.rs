//! A real cluster answers as the one that tests play (`scripted::likeness`).

use std::{env, fs, path::Path};

use super::Story;
use crate::{
    scripted::likeness::{asked, assert_like, played},
    support::kind::plain_api,
};

pub(crate) fn tell(story: &Story) {
    story.a_real_cluster_answers_as_the_played_one();
}

impl Story {
    #[expect(clippy::unused_self, reason = "its cluster is asked")]
    fn a_real_cluster_answers_as_the_played_one(&self) {
        let real = asked(&plain_api());
        if env::var_os("UPDATE").is_some() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripted/likeness.json");
            let lines: Vec<String> = real.iter().map(ToString::to_string).collect();
            fs::write(file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        }
        assert_like(&played(), &real);
    }
}
