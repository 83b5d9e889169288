//! Whether, and with which key, a release is signed.

use xtask_contract::{EnvName, Error, Policy, Result, signature::SigningKey};

/// The key at hand. It must be that of one of the deploy's signers, if it has any.
pub(crate) fn key(env: &EnvName, policy: &Policy) -> Result<Option<SigningKey>> {
    let key = SigningKey::at_hand()?;
    let refuse = |why: String, next: String| {
        Err(Error::refused(format!("signing a release of {env}"), why).next(next))
    };
    match &key {
        _ if policy.signers.is_empty() => Ok(key),
        None => refuse(
            "its policy asks for it, but there is no key".to_owned(),
            "put the key of one of `policy.signers` into XTASK_SIGNING_KEY (PKCS#8 PEM), or name its file in \
             XTASK_SIGNING_KEY_FILE"
                .to_owned(),
        ),
        Some(signer) if !policy.signers.contains(&signer.signer()) => refuse(
            format!("the key at hand is none of its signers': its public half is {}", signer.signer()),
            format!("use another key, or add that to `policy.signers` in k8s/envs/{env}.toml"),
        ),
        Some(_) => Ok(key),
    }
}
