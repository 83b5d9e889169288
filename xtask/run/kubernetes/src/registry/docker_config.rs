//! What `docker login` and its like have left for others: Docker's config file, and the programs that it names
//! (<https://github.com/docker/docker-credential-helpers>).

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
};

use base64::{
    alphabet,
    engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use xtask_contract::{Callee, Secret};

use super::Login;

const FROM: &str = "Docker's config file";
/// The name under which Docker keeps what belongs to its own registry.
const HUB: &str = "https://index.docker.io/v1/";
/// The user for whom a helper gives an identity token in place of a password.
const OF_TOKEN: &str = "<token>";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Who asks a registry, if the file says it; why that cannot be told, otherwise. No error repeats what is in the file,
/// or what a helper wrote: it may be the secret.
pub(super) fn login(host: &str) -> Result<Login, String> {
    let folder = env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let Some(folder) = folder.or_else(|| Some(env::home_dir()?.join(".docker"))) else {
        return Ok(Login::Anonymous);
    };
    let path = folder.join("config.json");
    match fs::read_to_string(&path) {
        Ok(text) => of(&text, host, &ask_helper).map_err(|why| format!("{}: {why}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Login::Anonymous),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

type Helper<'a> = dyn Fn(&str, &str) -> Result<Login, String> + 'a;

fn of(text: &str, host: &str, helper: &Helper<'_>) -> Result<Login, String> {
    let mut read: Value = serde_json::from_str(text).map_err(|error| {
        format!("it is not understood at line {}, column {}", error.line(), error.column())
    })?;
    leave_out_nulls(&mut read);
    let config: Config = serde_json::from_value(read)
        .map_err(|_| "it is not understood: it is JSON, and not what `docker login` writes".to_owned())?;
    let server = if host == "docker.io" { HUB } else { host };
    // Where a helper keeps logins, one that is left over in the file does not count.
    match config.cred_helpers.get(server).unwrap_or(&config.creds_store).as_str() {
        "" => {}
        name => return helper(name, server),
    }
    let entry = config.auths.get(server);
    let entry =
        entry.or_else(|| config.auths.iter().find(|(key, _)| is_of(key, host)).map(|(_, entry)| entry));
    let login = entry.map(Entry::login).transpose()?.flatten();
    Ok(login.unwrap_or(Login::Anonymous))
}

/// To Docker, `null` is what is not there.
fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(leave_out_nulls);
        }
        Value::Null => *value = Value::Object(Map::new()),
        _ => {}
    }
}

/// Whether a key of the file, which may be an address, is of this host.
fn is_of(key: &str, host: &str) -> bool {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://");
    let named = bare.split('/').next().unwrap_or_default();
    let usual =
        |name| if ["index.docker.io", "registry-1.docker.io"].contains(&name) { "docker.io" } else { name };
    usual(named) == usual(host)
}

impl Entry {
    fn login(&self) -> Result<Option<Login>, String> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::Token { token: Secret::new(&self.identitytoken), from: FROM }));
        }
        let user = |user: &str, password: &str| {
            Some(Login::User { user: user.to_owned(), password: Secret::new(password), from: FROM })
        };
        if self.auth.is_empty() {
            return Ok(if self.username.is_empty() { None } else { user(&self.username, &self.password) });
        }
        // As Go does.
        let bare = self.auth.replace(['\r', '\n'], "");
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decoded = GeneralPurpose::new(&alphabet::STANDARD, config).decode(bare);
        let pair = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        let (name, password) = pair.ok_or("an `auth` in it is no base64 of USER:PASSWORD")?;
        Ok(user(name, password.trim_end_matches('\0')))
    }
}

/// Asks a helper who asks this server. What it knows nothing of, nobody in particular asks for.
fn ask_helper(name: &str, server: &str) -> Result<Login, String> {
    let program = format!("docker-credential-{name}");
    let mut command = Callee::Credentials.command(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let output = command.spawn().and_then(|mut child| {
        if let Some(mut input) = child.stdin.take() {
            // One that ends early closes the pipe.
            let _ = input.write_all(server.as_bytes());
        }
        child.wait_with_output()
    });
    let output =
        output.map_err(|error| format!("the credential helper `{program}` that it names: {error}"))?;
    if !output.status.success() {
        let knows_nothing = String::from_utf8_lossy(&output.stdout).contains("credentials not found");
        let fails = || format!("the credential helper `{program}` that it names fails ({})", output.status);
        return if knows_nothing { Ok(Login::Anonymous) } else { Err(fails()) };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| {
        format!("the credential helper `{program}` that it names answers what is not understood")
    })?;
    Ok(match answer {
        Answer { username, secret } if username == OF_TOKEN => {
            Login::Token { token: Secret::new(secret), from: FROM }
        }
        Answer { username, secret } => {
            Login::User { user: username, password: Secret::new(secret), from: FROM }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str, host: &str) -> Result<String, String> {
        let helper = |name: &str, server: &str| {
            Ok(Login::User { user: format!("{name} {server}"), password: Secret::new("canary"), from: FROM })
        };
        super::of(config, host, &helper).map(|login| match login {
            Login::Anonymous => "nobody".to_owned(),
            Login::User { user, password, .. } => {
                assert_eq!(password.expose(), "canary");
                user
            }
            Login::Token { token, .. } => {
                assert_eq!(token.expose(), "canary");
                "a token".to_owned()
            }
        })
    }

    #[test]
    fn each_way_to_say_who_asks_is_understood() {
        for (config, host, who) in [
            (
                r#"{"auths": {"127.0.0.1:5000": {"auth": "c29tZWJvZHk6Y2FuYXJ5"}}}"#,
                "127.0.0.1:5000",
                "somebody",
            ),
            (
                r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHViOmNhbmFyeQ=="}}}"#,
                "docker.io",
                "hub",
            ),
            (r#"{"auths": {"docker.io": {"auth": "aHViOmNhbmFyeQ"}}}"#, "docker.io", "hub"),
            (r#"{"auths": {"https://h/v2/": {"username": "u", "password": "canary"}}}"#, "h", "u"),
            // As `az acr login` writes it.
            (r#"{"auths": {"h": {"auth": "MDAwMDA6", "identitytoken": "canary"}}}"#, "h", "a token"),
            (r#"{"auths": {"h": {"auth": "c29tZWJvZHk6Y2FuYXJ5", "identitytoken": ""}}}"#, "h", "somebody"),
            (r#"{"auths": {"h": {}}, "credsStore": "pass"}"#, "h", "pass h"),
            (r#"{"auths": {"h": {"auth": "aHViOmNhbmFyeQ=="}}, "credsStore": "pass"}"#, "h", "pass h"),
            (r#"{"auths": null, "credsStore": "pass"}"#, "h", "pass h"),
            (r#"{"credHelpers": null, "credsStore": null, "auths": {"h": {"auth": null}}}"#, "h", "nobody"),
            (r#"{"auths": {"other": null, "h": {"auth": "c29tZWJvZHk6\nY2FuYXJ5\r\n"}}}"#, "h", "somebody"),
            (r#"{"credHelpers": {"h": null}, "auths": {"h": {"auth": "aHViOmNhbmFyeQ=="}}}"#, "h", "hub"),
            (r#"{"credHelpers": {"h": ""}, "credsStore": "pass"}"#, "h", "nobody"),
            ("null", "h", "nobody"),
            (r#"{"credHelpers": {"h": "ecr-login"}, "credsStore": "pass"}"#, "h", "ecr-login h"),
            (r#"{"credsStore": "pass"}"#, "docker.io", "pass https://index.docker.io/v1/"),
            (r#"{"auths": {"other": {"auth": "aHViOmNhbmFyeQ=="}}, "currentContext": "x"}"#, "h", "nobody"),
            ("{}", "h", "nobody"),
        ] {
            assert_eq!(of(config, host).as_deref(), Ok(who), "{config}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_without_showing_it() {
        for config in [
            r#"{"auths": {"h": {"auth": "canary!"}}}"#,
            r#"{"auths": {"h": {"auth": "Y2FuYXJ5"}}}"#,
            r#"{"auths": {"h": "canary"}}"#,
        ] {
            let told = of(config, "h").unwrap_err();
            assert!(!told.contains("canary"), "{told}");
        }
        let told = ask_helper("no-such-helper", "h").unwrap_err();
        assert!(told.contains("`docker-credential-no-such-helper`"), "{told}");
    }
}
