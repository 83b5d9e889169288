//! The parts of a PostgreSQL URL that it takes to start a server for it.

use url::Url;
use xtask_contract::{Error, Result, Secret};

/// What a deploy's own server is told at its start.
pub struct PostgresUrl {
    /// Where it listens.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user who owns the database.
    pub user: String,
    /// Their password.
    pub password: Secret,
    /// The database.
    pub database: String,
}

impl PostgresUrl {
    /// Reads the value of this variable. No error repeats any of it.
    pub fn parse(variable: &str, value: &Secret) -> Result<Self> {
        let wrong = |why: &str| Error::refused(format!("reading the URL in {variable}"), why);
        let url = Url::parse(value.expose()).map_err(|error| wrong(&error.to_string()))?;
        let part = |text: &str, name: &str| match text {
            "" => Err(wrong(&format!("it names no {name}"))),
            text => decode(text).ok_or_else(|| wrong(&format!("its {name} is not valid percent-encoding"))),
        };
        let user = part(url.username(), "user")?;
        if user.starts_with("pg_") || ["public", "none"].contains(&user.as_str()) {
            return Err(wrong(
                "PostgreSQL keeps the user's name for itself, as `public`, `none` and all of `pg_`",
            )
            .next(format!("seal a URL with another user: `cargo xtask config set --secret {variable}`")));
        }
        Ok(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port().unwrap_or(5432),
            user,
            password: Secret::new(part(url.password().unwrap_or_default(), "password")?),
            database: part(url.path().trim_start_matches('/'), "database")?,
        })
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_decoded() {
        let url = Secret::new("postgres://to%40do:p%3Aw@127.0.0.1:30432/data");
        let url = PostgresUrl::parse("DATABASE_URL", &url).unwrap();
        assert_eq!((url.host.as_str(), url.port), ("127.0.0.1", 30432));
        assert_eq!(
            (url.user.as_str(), url.password.expose(), url.database.as_str()),
            ("to@do", "p:w", "data")
        );
    }

    #[test]
    fn a_user_that_postgresql_refuses_is_refused_before_a_server_is_made() {
        for user in ["pg_todo", "pg%5Ftodo", "public", "none"] {
            let url = Secret::new(format!("postgres://{user}:canary@h/d"));
            let error = PostgresUrl::parse("DATABASE_URL", &url).err().unwrap().to_string();
            assert!(error.contains("another user") && !error.contains("canary"), "{error}");
        }
        assert!(PostgresUrl::parse("U", &Secret::new("postgres://Public:p@h/d")).is_ok());
    }

    #[test]
    fn an_incomplete_url_is_refused_without_showing_it() {
        for text in ["canary", "postgres://canary@h/d", "postgres://:canary@h/d", "postgres://u:canary@h"] {
            let error = PostgresUrl::parse("DATABASE_URL", &Secret::new(text)).err().unwrap().to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("canary"), "{error}");
        }
    }
}
