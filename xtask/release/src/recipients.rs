//! Who is to be able to open a deploy's secrets.

use xtask_contract::{Deploy, EnvName, Identity, Recipient, Repo, Result, SealedSecrets};

/// Those that the deploy names, or this machine.
pub(crate) fn of(repo: &Repo, deploy: &Deploy) -> Result<Vec<Recipient>> {
    match deploy.policy.recipients.as_slice() {
        [] => Ok(vec![Identity::of_this_machine(repo)?.recipient()]),
        named => Ok(named.to_vec()),
    }
}

/// The deploy's secrets, or none yet, sealed to those who are to open them.
pub(crate) fn read_or_new(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<SealedSecrets> {
    match SealedSecrets::read(repo, env)? {
        Some(secrets) => Ok(secrets),
        None => SealedSecrets::new(of(repo, deploy)?),
    }
}

/// What is wrong if the secrets are sealed to others than those that the deploy names.
pub(crate) fn problem(env: &EnvName, deploy: &Deploy, secrets: &SealedSecrets) -> Option<String> {
    let (named, sealed) = (&deploy.policy.recipients, &secrets.recipients);
    let left_out = |all: &[Recipient], of: &[Recipient]| -> Vec<String> {
        of.iter().filter(|one| !all.contains(one)).map(Recipient::to_string).collect()
    };
    let (removed, added) = (left_out(named, sealed), left_out(sealed, named));
    if named.is_empty() || removed.is_empty() && added.is_empty() {
        return None;
    }
    let part = |what: &str, who: &[String]| (!who.is_empty()).then(|| format!("{what} {}", who.join(", ")));
    let parts = [part("still to", &removed), part("not to", &added)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!(
        "the secrets are sealed {}: `cargo xtask config rekey --env {env}` seals them to policy.recipients",
        parts.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The recipients of the age specification's and age's own test keys.
    const ONE: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    const TWO: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn secrets_that_are_sealed_to_others_than_the_deploy_names_are_told() {
        let deploy = |named: &str| -> Deploy {
            let json = format!(
                r#"{{"schema": 1, "target": {{"kind": "local"}}, "policy": {{"recipients": [{named}]}}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let secrets = SealedSecrets::new(vec![ONE.parse().unwrap()]).unwrap();
        let told = |named: &str| problem(&"prod".parse().unwrap(), &deploy(named), &secrets);
        assert_eq!((told(""), told(&format!("{ONE:?}"))), (None, None));
        let told = told(&format!("{TWO:?}")).unwrap();
        assert!(told.contains(&format!("still to {ONE} and not to {TWO}: ")), "{told}");
    }
}
