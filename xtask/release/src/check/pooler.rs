//! Whether a database is reached by way of a pooler, as far as its URL tells.

use url::Url;
use xtask_contract::Secret;

use super::Sealed;

/// Where poolers listen if nobody says otherwise: `PgBouncer` and its like, and those of some hosters.
const PORTS: [u16; 2] = [6432, 6543];

/// What the names of poolers have in them, and the parameter that other clients want to be told by.
const NAMES: [&str; 3] = ["pooler", "bouncer", "pgcat"];
const PARAMETER: &str = "pgbouncer";

/// Says of each URL that seems to be a pooler's what to see to. No value is shown.
pub(crate) fn warnings(sealed: &Sealed) -> Vec<String> {
    let opened = sealed.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    opened.filter_map(|(name, url)| Some(words(name, &sign(url)?))).collect()
}

fn words(name: &str, sign: &str) -> String {
    format!(
        "{name} seems to lead to a pooler ({sign}): if that shares PostgreSQL's connections between its clients, as \
         PgBouncer does in transaction mode, or does not pass on a connection's settings, a service that needs sessions \
         is refused before anything is changed; then let {name} name PostgreSQL itself"
    )
}

/// By what a PostgreSQL URL shows that it is a pooler's.
fn sign(url: &Secret) -> Option<String> {
    let url = Url::parse(url.expose()).ok().filter(|url| url.scheme().starts_with("postgres"))?;
    if let Some(port) = url.port().filter(|port| PORTS.contains(port)) {
        return Some(format!("port {port}"));
    }
    if url.query_pairs().any(|(name, value)| name == PARAMETER && value != "false") {
        return Some(format!("the parameter {PARAMETER}"));
    }
    let host = url.host_str()?.to_lowercase();
    NAMES.into_iter().find(|name| host.contains(name)).map(|name| format!("\"{name}\" in its host's name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_shows_a_pooler_is_told_of_by_what_shows_it() {
        for (url, sign) in [
            ("postgres://u:canary@db.example.com:6432/d", "port 6432"),
            ("postgresql://u:canary@db.example.com:6543/d", "port 6543"),
            ("postgres://u:canary@db-POOLER.example.com/d", "\"pooler\" in its host's name"),
            ("postgres://u:canary@pgbouncer.data.svc/d", "\"bouncer\" in its host's name"),
            ("postgres://u:canary@db.example.com/d?pgbouncer=true", "the parameter pgbouncer"),
        ] {
            let sealed = Sealed::from([("DATABASE_URL", Some(Secret::new(url))), ("OTHER", None)]);
            let told = warnings(&sealed);
            assert_eq!(told.len(), 1, "{url}");
            assert!(told[0].starts_with("DATABASE_URL") && told[0].contains(sign), "{told:?}");
            assert!(!told[0].contains("canary") && !told[0].contains("example"), "{told:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_others() {
        for url in [
            "postgres://u:p@db.example.com/d",
            "postgres://pooler:pooler@127.0.0.1:30432/pooler",
            "postgres://u:p@db.example.com/d?pgbouncer=false&sslmode=require",
            "https://pooler.example.com:6432/",
            "no URL",
        ] {
            assert_eq!(warnings(&Sealed::from([("A", Some(Secret::new(url)))])), [""; 0], "{url}");
        }
    }
}
