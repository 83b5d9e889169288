//! Guesses what was meant by a name that is not known.

/// The known name that is nearest to this one, as ` (did you mean NAME?)`; nothing, if none is near enough.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known)
        })
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, known)| format!(" (did you mean {known}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_a_guess() {
        let guess = |name| did_you_mean(name, ["local", "dev", "prod"].into_iter());
        assert_eq!(guess("devv"), " (did you mean dev?)");
        assert_eq!(guess("Prdo"), " (did you mean prod?)");
        assert_eq!(guess("staging"), "");
    }
}
