//! What Linux and Kubernetes let a process have for its environment.

use xtask_contract::Deploy;

use super::Sealed;

/// The longest string of an environment, `NAME=value` and the byte that ends it: `MAX_ARG_STRLEN` (execve(2)).
const STRING: usize = 128 << 10;
/// The most in a ConfigMap or Secret (`MaxSecretSize`); half of what execve(2) takes for all strings by default.
const TOGETHER: usize = 1 << 20;

/// What is too long, or cannot be in an environment at all, a line each. No value is shown.
pub(super) fn problems(deploy: &Deploy, sealed: &Sealed) -> Vec<String> {
    let clear = deploy.config.iter().map(|(name, text)| (name.as_str(), text.0.as_str()));
    let opened = sealed.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.expose())));
    let mut problems = Vec::new();
    let mut sum = 0;
    for (name, value) in clear.chain(opened) {
        let length = name.len() + value.len() + "=\0".len();
        sum += length;
        if length > STRING {
            let most = STRING - name.len() - "=\0".len();
            problems.push(format!(
                "{name} has {} bytes: a process takes at most {most} in one variable",
                value.len()
            ));
        }
        if value.contains('\0') {
            problems.push(format!("{name} has a NUL character, which no variable can have"));
        }
    }
    if sum > TOGETHER {
        problems.push(format!(
            "the variables have {sum} bytes together: a cluster takes at most {TOGETHER}; a service fetches what is \
             larger from a backing service"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use xtask_contract::Secret;

    use super::*;

    fn check(config: &BTreeMap<String, String>, sealed: &Sealed) -> Vec<String> {
        let deploy = json!({ "schema": 1, "target": { "kind": "local" }, "config": config });
        problems(&serde_json::from_value(deploy).unwrap(), sealed)
    }

    #[test]
    fn the_longest_value_is_the_one_that_linux_takes() {
        let value = |length| BTreeMap::from([("A".to_owned(), "x".repeat(length))]);
        let most = STRING - "A=\0".len();
        assert_eq!(check(&value(most), &Sealed::new()), [""; 0]);
        let mut process = std::process::Command::new("true");
        assert!(process.env_clear().env("A", "x".repeat(most)).status().is_ok());
        assert!(check(&value(most + 1), &Sealed::new())[0].contains("at most 131069"));
        assert!(process.env("A", "x".repeat(most + 1)).status().is_err(), "as Linux has it");
    }

    #[test]
    fn secrets_count_and_are_not_shown() {
        let sealed = |value: &str| Sealed::from([("KEY", Some(Secret::new(value))), ("CLOSED", None)]);
        let told = check(&BTreeMap::new(), &sealed(&"canary".repeat(30_000)));
        assert_eq!(told, ["KEY has 180000 bytes: a process takes at most 131067 in one variable"]);
        assert_eq!(
            check(&BTreeMap::new(), &sealed("a\0b")),
            ["KEY has a NUL character, which no variable can have"]
        );
    }

    #[test]
    fn all_together_must_fit_in_one_object() {
        let config = |count| (0..count).map(|number| (format!("V{number}"), "x".repeat(100_000))).collect();
        assert_eq!(check(&config(10), &Sealed::new()), [""; 0]);
        assert!(check(&config(11), &Sealed::new())[0].starts_with("the variables have 11000"));
    }
}
