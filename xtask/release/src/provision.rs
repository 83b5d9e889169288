//! Credentials for the backing services that a deploy has of its own: made once, sealed at once, kept in the
//! deploy's secrets file. The server itself is started by `run`, which reads them from the release.

use url::Url;
use xtask_contract::{
    Deploy, EnvName, Identity, Repo, Result, SealedSecrets, Secret, ServiceName,
    deploy::{Postgres, Target},
};

use crate::{config::folder, recipients};

/// The length of a password, in random bytes.
const PASSWORD: usize = 16;

/// The deploy's secrets, after adding what its own services need and do not have yet.
pub(crate) fn secrets(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<Option<SealedSecrets>> {
    let secrets = SealedSecrets::read(repo, env)?;
    let Some(postgres) = deploy.services.own_postgres() else { return Ok(secrets) };
    let has = |secrets: &SealedSecrets| secrets.values.contains_key(&postgres.variable);
    if deploy.config.contains_key(&postgres.variable)
        || secrets.as_ref().is_some_and(|all| has(all) && moved(repo, deploy, all).is_none())
    {
        return Ok(secrets);
    }
    // Two releases at once must not each make a password: the second one takes the first one's.
    let _lock = folder::lock(repo)?;
    let mut secrets = recipients::read_or_new(repo, env, deploy)?;
    let url = if has(&secrets) {
        moved(repo, deploy, &secrets)
    } else {
        Some(url(repo.service()?, postgres, &deploy.target)?)
    };
    if let Some(url) = url {
        secrets.insert(&postgres.variable, &url, Identity::at_hand(repo)?.as_ref())?;
        secrets.write(repo, env)?;
    }
    Ok(Some(secrets))
}

/// What is to be said before the URL follows the deploy's own server to another port.
pub(crate) fn note(repo: &Repo, deploy: &Deploy, secrets: &SealedSecrets) -> Option<String> {
    moved(repo, deploy, secrets)?;
    let Postgres { variable, port, .. } = deploy.services.own_postgres()?;
    Some(format!(
        "{variable} is sealed anew: the deploy's own server has the port {port} from this release on"
    ))
}

/// The URL of the deploy's own server with the port that the server has now, if it was made for another one. Any other
/// URL was sealed by a user, and stays as it is.
fn moved(repo: &Repo, deploy: &Deploy, secrets: &SealedSecrets) -> Option<Secret> {
    let postgres = deploy.services.own_postgres()?;
    let identity = Identity::at_hand(repo).ok().flatten();
    let sealed = secrets.open(&postgres.variable, identity.as_ref()).ok().flatten()?;
    with_port(&sealed, host(&deploy.target), postgres.port)
}

/// A URL that [`url`] made for this host, but for another port, with this one.
fn with_port(sealed: &Secret, host: &str, port: u16) -> Option<Secret> {
    let mut url = Url::parse(sealed.expose()).ok()?;
    let made_here = url.host_str() == Some(host)
        && url.password().is_some_and(|password| password.len() == 2 * PASSWORD && is_hex(password))
        && url.path().strip_prefix('/') == Some(url.username())
        && url.query().is_none();
    if !made_here || url.port() == Some(port) {
        return None;
    }
    url.set_port(Some(port)).ok()?;
    Some(Secret::new(url))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// A URL of the deploy's own server, with a new password. User and database have the service's name: that of the
/// workspace, as there may be no image yet.
pub(crate) fn url(service: &ServiceName, postgres: &Postgres, target: &Target) -> Result<Secret> {
    let (host, password, name) = (host(target), Secret::random::<PASSWORD>()?, service.in_sql());
    Ok(Secret::new(format!("postgres://{name}:{}@{host}:{}/{name}", password.expose(), postgres.port)))
}

/// The host at which the deploy's processes find its own server.
pub(crate) fn host(target: &Target) -> &'static str {
    target.service_host("postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port_of(url: &str) -> Option<String> {
        with_port(&Secret::new(url), "127.0.0.1", 30433).map(|url| url.expose().to_owned())
    }

    #[test]
    fn a_url_that_was_made_for_another_port_follows_the_server() {
        let made = "postgres://greeter:00112233445566778899aabbccddeeff@127.0.0.1:30432/greeter";
        assert_eq!(port_of(made).unwrap(), made.replace("30432", "30433"));
        assert_eq!(port_of(&made.replace("30432", "30433")), None);
    }

    #[test]
    fn a_url_of_somebody_elses_stays_as_it_is() {
        for other in [
            "postgres://greeter:00112233445566778899aabbccddeeff@db.example.com:30432/greeter",
            "postgres://greeter:secret@127.0.0.1:30432/greeter",
            "postgres://greeter:00112233445566778899aabbccddeeff@127.0.0.1:30432/other",
            "postgres://greeter:00112233445566778899aabbccddeeff@127.0.0.1:30432/greeter?sslmode=require",
            "no URL",
        ] {
            assert_eq!(port_of(other), None, "{other}");
        }
    }
}
