//! The exit codes, as the help and each man page tell them.

/// Each with what it means.
pub(crate) const EXIT_CODES: [(u8, &str); 6] = [
    (0, "done"),
    (1, "failed"),
    (2, "wrong usage"),
    (3, "refused (nothing was changed) or drifted"),
    (4, "the deploy failed and stands on its previous release"),
    (5, "a dry run has found changes"),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_help_tells_each_of_them() {
        let about = Cli::command().get_long_about().unwrap().to_string().replace('\n', " ");
        for (code, meaning) in EXIT_CODES {
            assert!(about.contains(&format!("{code} {meaning}")), "{code}: {about}");
        }
    }
}
