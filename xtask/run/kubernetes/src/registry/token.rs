//! How a registry wants to hear who asks: by name and password with each question, or by a token that another server
//! gives out (<https://distribution.github.io/distribution/spec/auth/token/>, and `oauth` beside it).

use base64::prelude::{BASE64_STANDARD, Engine};
use http_auth::ChallengeParser;
use hyper::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded};
use xtask_contract::Secret;

use super::{
    Login,
    connection::{Answer, Ask, Connection},
    failure::Failure,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// What a registry asks of who asks it.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// What lets in where a registry has answered so; none if nothing does.
pub(super) async fn obtain(connection: &Connection<'_>, headers: &HeaderMap) -> Answer<Option<HeaderValue>> {
    match (challenge(headers), &connection.registry.login) {
        (Some(Challenge::Bearer { realm, service }), login) => {
            let token = ask_for_token(connection, login, &realm, service.as_deref()).await?;
            Ok(secret_header(&format!("Bearer {}", token.expose())))
        }
        (Some(Challenge::Basic), Login::User { user, password, .. }) => Ok(basic(user, password)),
        (Some(Challenge::Basic) | None, _) => Ok(None),
    }
}

/// The challenge that is answered: a token before a password.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let said: Vec<&str> =
        headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
    let all = said.iter().flat_map(|said| ChallengeParser::new(said)).filter_map(Result::ok);
    let mut understood: Vec<Challenge> = all
        .filter_map(|challenge| {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            match challenge.scheme.to_ascii_lowercase().as_str() {
                "basic" => Some(Challenge::Basic),
                "bearer" => {
                    Some(Challenge::Bearer { realm: parameter("realm")?, service: parameter("service") })
                }
                _ => None,
            }
        })
        .collect();
    let best = understood.iter().position(|challenge| *challenge != Challenge::Basic).unwrap_or(0);
    (best < understood.len()).then(|| understood.swap_remove(best))
}

/// Asks the server that the registry names for a token.
async fn ask_for_token(
    connection: &Connection<'_>,
    login: &Login,
    realm: &str,
    service: Option<&str>,
) -> Answer<Secret> {
    let nonsense = |why: &str| Failure::Nonsense(why.to_owned());
    let mut url = Url::parse(realm).map_err(|_| nonsense("where it gives out tokens is no address"))?;
    let scope = connection.scope();
    let named = service.map(|service| ("service", service)).into_iter().chain([("scope", scope.as_str())]);
    let ask = if let Login::Token { token, .. } = login {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", "xtask").extend_pairs(named);
        form.append_pair("refresh_token", token.expose());
        Ask::new(Method::POST, url).bytes(FORM, form.finish().into_bytes())
    } else {
        url.query_pairs_mut().extend_pairs(named);
        let ask = Ask::new(Method::GET, url);
        match login {
            Login::User { user, password, .. } => match basic(user, password) {
                Some(header) => ask.authorized(header),
                None => ask,
            },
            Login::Anonymous | Login::Token { .. } => ask,
        }
    };
    let mut answered = connection.ask_once(&ask, false).await?;
    if answered.status == StatusCode::BAD_REQUEST && matches!(login, Login::Token { .. }) {
        // What OAuth says of a token that has ended (RFC 6749, 5.2).
        answered.status = StatusCode::UNAUTHORIZED;
    }
    let answered = answered.yes()?;
    let given: Given =
        serde_json::from_slice(&answered.body).map_err(|_| nonsense("it gives out no token"))?;
    given.access_token.or(given.token).map(Secret::new).ok_or_else(|| nonsense("it gives out no token"))
}

/// What a server that gives out tokens answers.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    secret_header(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.expose()))))
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_before_a_password_in_whichever_order_they_are_asked_for() {
        let of = |said: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(said));
            }
            challenge(&headers)
        };
        let token = |service: Option<&str>| {
            let realm = "https://auth.acme.com/token?x=1".to_owned();
            Some(Challenge::Bearer { realm, service: service.map(str::to_owned) })
        };
        let bearer =
            r#"bearer realm="https://auth.acme.com/token?x=1",Service="acme \"1\"",scope="a:b:pull,push""#;
        assert_eq!(of(&[bearer]), token(Some("acme \"1\"")));
        assert_eq!(of(&[r#"Basic realm="a", Bearer realm="https://auth.acme.com/token?x=1""#]), token(None));
        assert_eq!(
            of(&["Basic realm=\"a\"", r#"Bearer realm="https://auth.acme.com/token?x=1""#]),
            token(None)
        );
        assert_eq!(of(&["Basic realm=\"a\""]), Some(Challenge::Basic));
        for nothing in [&[][..], &["Negotiate"], &["Bearer service=\"a\""], &["\"\""]] {
            assert_eq!(of(nothing), None, "{nothing:?}");
        }
    }
}
