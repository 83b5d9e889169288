//! Registries in the shapes that those of others have: where they send an upload, who gives out their tokens.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use xtask_contract::Secret;
use xtask_kubernetes::registry::Login;

use super::{Images, NAME, PASSWORD, push_in, user};
use crate::support::{
    ports,
    registry_of_shapes::{Asked, Reply, Shaped},
};

/// `somebody:canary-password`
const SOMEBODY: &str = "Basic c29tZWJvZHk6Y2FuYXJ5LXBhc3N3b3Jk";

fn reply(status: u16, head: &[&str], body: &str) -> Reply {
    (status, head.iter().map(|line| (*line).to_owned()).collect(), body.to_owned())
}

fn is_upload(asked: &Asked) -> bool {
    asked.line.starts_with("POST") && asked.line.ends_with("/blobs/uploads/")
}

#[test]
fn where_an_upload_goes_on_is_resolved_against_the_address_that_answered() {
    for (said, means) in [
        ("../uploads/x?_state=y", "/v2/team/todo-api/blobs/uploads/x?_state=y&digest=sha256"),
        ("x", "/v2/team/todo-api/blobs/uploads/x?digest=sha256"),
        ("?_state=a%2Fb", "/v2/team/todo-api/blobs/uploads/?_state=a%2Fb&digest=sha256"),
        ("/elsewhere/x?_state=y", "/elsewhere/x?_state=y&digest=sha256"),
    ] {
        let server = Shaped::start(move |asked| {
            is_upload(asked).then(|| (202, vec![format!("location: {said}")], String::new()))
        });
        let images = Images::new();
        images.push_as(Login::Anonymous, &server.repository(NAME)).unwrap();
        let puts = server.asked_to(&format!("PUT {means}"));
        assert_eq!(puts.len(), 3, "two layers and a configuration: {said}: {:?}", server.asked_to("PUT"));
        assert!(puts.iter().any(|put| put.body.len() >= 50_000), "{said}");
    }
}

/// A registry that asks for a password.
fn asks_for_password(asked: &Asked) -> Option<Reply> {
    let is_in = asked.header("authorization") == Some(SOMEBODY);
    (!is_in).then(|| reply(401, &["www-authenticate: Basic realm=\"r\""], ""))
}

#[test]
fn an_upload_that_is_sent_to_another_host_goes_there_without_credentials() {
    for status in [301, 302, 307, 308] {
        let elsewhere =
            Shaped::start(|asked| is_upload(asked).then(|| reply(202, &["location: ../of/elsewhere"], "")));
        let to = format!("location: http://{}/v2/other/blobs/uploads/", elsewhere.host);
        let server = Shaped::start(move |asked| {
            asks_for_password(asked).or_else(|| is_upload(asked).then(|| reply(status, &[&to], "")))
        });
        let images = Images::new();
        images.push_as(user(PASSWORD), &server.repository(NAME)).unwrap();
        assert_eq!(elsewhere.asked_to("PUT /v2/other/blobs/of/elsewhere?digest=").len(), 3, "{status}");
        assert_eq!(server.asked_to("PUT /v2/team/todo-api/manifests/").len(), 1);
        let told = elsewhere.asked();
        assert!(told.iter().all(|asked| asked.header("authorization").is_none()), "{told:?}");
        assert!(server.asked().iter().filter(|asked| asked.header("authorization").is_some()).count() > 7);
    }
}

#[test]
fn what_is_sent_is_sent_again_where_it_was_sent_on() {
    let server = Shaped::start(|asked| {
        let is_put = asked.line.starts_with("PUT /v2/uploads/usual");
        is_put.then(|| reply(307, &["location: /v2/uploads/other"], ""))
    });
    let images = Images::new();
    images.push_as(Login::Anonymous, &server.repository(NAME)).unwrap();
    let puts = server.asked_to("PUT /v2/uploads/other");
    assert!(puts.len() == 3 && puts.iter().any(|put| put.body.len() >= 50_000));
}

#[test]
fn a_registry_that_sends_on_for_ever_is_left() {
    let server = Shaped::start(|asked| is_upload(asked).then(|| reply(307, &["location: ./"], "")));
    let told = Images::new().push_as(Login::Anonymous, &server.repository(NAME)).unwrap_err().to_string();
    assert!(told.contains("sent us on 10 times"), "{told}");
}

#[test]
fn a_password_is_not_sent_over_the_open_network_where_a_test_registry_says_so() {
    let collector = Shaped::start(|_| Some(reply(200, &[], r#"{"token": "t"}"#)));
    let server = Shaped::start(|_| {
        let challenge = "www-authenticate: Bearer realm=\"http://collector.acme.com/token\"";
        Some(reply(401, &[challenge], ""))
    });
    let by_way = format!("http://{}", collector.host);
    let variables = [
        ("http_proxy", by_way.as_str()),
        ("XTASK_REGISTRY_USER", "somebody"),
        ("XTASK_REGISTRY_PASSWORD", PASSWORD),
    ];
    let (done, told) = push_in(&server.repository(NAME).to_string(), &variables);
    assert!(!done && told.contains("goes on at http://collector.acme.com without TLS"), "{told}");
    assert_eq!(collector.asked().len(), 0);
}

/// A gateway's page, which answers 200 to whatever it is asked.
fn login_page() -> Shaped {
    Shaped::start(|_| Some(reply(200, &["content-type: text/html"], "<html>log in</html>")))
}

#[test]
fn a_login_page_in_the_place_of_the_registry_keeps_nothing() {
    let page = login_page();
    let elsewhere = format!("http://{}/login", page.host);
    for status in [301, 302, 303, 307, 308] {
        for (what, to) in ["", "PUT /v2/uploads/", "PUT /v2/team/todo-api/manifests/"]
            .into_iter()
            .flat_map(|what| [(what, elsewhere.clone()), (what, "/login".to_owned())])
        {
            let (case, to) = (format!("{status} {what:?} {to}"), format!("location: {to}"));
            let server = Shaped::start(move |asked| {
                if asked.line.ends_with("/login") {
                    return Some(reply(200, &[], "<html>log in</html>"));
                }
                asked.line.starts_with(what).then(|| reply(status, &[&to], ""))
            });
            let pushed = Images::new().push_as(Login::Anonymous, &server.repository(NAME));
            let told = pushed.expect_err(&case).to_string();
            assert!(told.contains("is it a container registry that is spoken to?"), "{told}");
        }
    }
    assert!(page.asked_to("GET").iter().all(|asked| asked.line.contains("/login")), "no PUT becomes a GET");
}

#[test]
fn what_only_a_login_page_says_is_there_is_sent() {
    let page = login_page();
    let to = format!("location: http://{}/login", page.host);
    let server = Shaped::start(move |asked| asked.line.starts_with("HEAD").then(|| reply(302, &[&to], "")));
    let pushed = Images::new().push_as(Login::Anonymous, &server.repository(NAME)).unwrap();
    assert_eq!((pushed.sent, pushed.there), (4, 0));
}

#[test]
fn another_host_may_keep_the_blobs_and_a_plain_200_counts_if_what_was_sent_is_there() {
    let named = |asked: &Asked| {
        let digest = asked.line.rsplit_once('/').unwrap().1;
        reply(200, &[&format!("docker-content-digest: {digest}")], "")
    };
    let blobs = Shaped::start(move |asked| Some(named(asked)));
    let (host, put) = (blobs.host.clone(), AtomicUsize::new(0));
    let server = Shaped::start(move |asked| {
        let (method, path) = asked.line.split_once(' ').unwrap();
        match method {
            "HEAD" if path.contains("/blobs/") => {
                Some(reply(307, &[&format!("location: http://{host}{path}")], ""))
            }
            "PUT" => {
                put.fetch_add(1, Ordering::Relaxed);
                Some(reply(200, &[], ""))
            }
            "HEAD" if put.load(Ordering::Relaxed) > 0 => Some(named(asked)),
            _ => None,
        }
    });
    let pushed = Images::new().push_as(Login::Anonymous, &server.repository(NAME)).unwrap();
    assert_eq!((pushed.sent, pushed.there), (1, 3));
}

/// A token server: each request that it does not refuse gets a new token.
fn gives_tokens(name: &'static str, refuses: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Shaped {
    let given = AtomicUsize::new(0);
    Shaped::start(move |asked| {
        let number = given.fetch_add(1, Ordering::Relaxed);
        Some(if refuses(asked) {
            reply(400, &[], r#"{"error": "invalid_grant", "error_description": "canary"}"#)
        } else {
            reply(200, &[], &format!(r#"{{"{name}": "canary-{number}", "expires_in": 1}}"#))
        })
    })
}

/// A registry with the tokens of another server, each of which is good for three questions.
fn with_tokens(tokens: &Shaped) -> Shaped {
    let challenge =
        format!("www-authenticate: Bearer realm=\"http://{}/token\",service=\"the registry\"", tokens.host);
    let uses: Mutex<BTreeMap<String, usize>> = Mutex::default();
    Shaped::start(move |asked| {
        let token = asked.header("authorization").filter(|said| said.starts_with("Bearer canary-"));
        let is_good = token.is_some_and(|token| {
            let mut uses = uses.lock().unwrap();
            let count = uses.entry(token.to_owned()).or_default();
            *count += 1;
            *count <= 3
        });
        (!is_good).then(|| reply(401, &[&challenge], ""))
    })
}

#[test]
fn an_identity_token_is_exchanged_for_others_as_often_as_they_end() {
    let tokens = gives_tokens("access_token", |_| false);
    let server = with_tokens(&tokens);
    let login = Login::Token { token: Secret::new("canary-identity"), from: "the test" };
    let images = Images::new();
    assert_eq!(images.push_as(login, &server.repository(NAME)).unwrap().sent, 4);
    let asked = tokens.asked();
    assert!(asked.len() > 1, "the first one ended");
    for asked in asked {
        assert_eq!(asked.line, "POST /token");
        let form = String::from_utf8(asked.body).unwrap();
        let all = "grant_type=refresh_token&client_id=xtask&service=the+registry&\
                   scope=repository%3Ateam%2Ftodo-api%3Apull%2Cpush&refresh_token=canary-identity";
        assert_eq!(form, all);
    }
}

#[test]
fn a_password_is_exchanged_where_tokens_are_asked_for_and_a_token_that_has_ended_is_told() {
    let tokens = gives_tokens("token", |asked| asked.header("authorization") != Some(SOMEBODY));
    let (images, server) = (Images::new(), with_tokens(&tokens));
    assert_eq!(images.push_as(user(PASSWORD), &server.repository(NAME)).unwrap().sent, 4);
    let asked = tokens.asked().remove(0).line;
    assert_eq!(asked, "GET /token?service=the+registry&scope=repository%3Ateam%2Ftodo-api%3Apull%2Cpush");

    let ended = Login::Token { token: Secret::new("canary-ended"), from: "the test" };
    let told = images.push_as(ended, &with_tokens(&tokens).repository(NAME)).unwrap_err().to_string();
    assert!(told.contains("does not let in the identity token from the test"), "{told}");
    assert!(told.contains("`docker login 127.0.0.1:") && !told.contains("canary"), "{told}");
}

#[test]
fn a_credential_helper_is_asked_and_hears_nothing_of_the_toolchains_own() {
    let server = Shaped::start(asks_for_password);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let helper = path("docker-credential-lab");
    let script = "#!/bin/sh\nenv > \"$SEEN\"\ncat >> \"$SEEN\"\n\
                  printf '{\"Username\": \"somebody\", \"Secret\": \"canary-password\"}'\n";
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();
    fs::write(path("config.json"), json!({ "credHelpers": { &server.host: "lab" } }).to_string()).unwrap();
    let search = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let (seen, config) = (path("seen").display().to_string(), folder.path().display().to_string());
    let variables = [
        ("PATH", search.as_str()),
        ("DOCKER_CONFIG", &config),
        ("SEEN", &seen),
        ("XTASK_SIGNING_KEY", "canary"),
    ];
    let (done, told) = push_in(&server.repository(NAME).to_string(), &variables);
    assert!(done, "{told}");
    let seen = fs::read_to_string(&seen).unwrap();
    assert!(seen.ends_with(&server.host) && !seen.contains("XTASK_SIGNING_KEY"), "{seen}");

    fs::remove_file(helper).unwrap();
    let (done, told) = push_in(&server.repository(NAME).to_string(), &variables);
    assert!(!done && told.contains("the credential helper `docker-credential-lab`"), "{told}");
}

#[test]
fn a_registry_is_reached_by_way_of_the_proxy_that_is_named_for_it() {
    // To a proxy one speaks as to a server, but for the address.
    let proxy = Shaped::start(|_| None);
    let address = format!("http://{}", proxy.host);
    let by_way = |repository: &str, variables: &[(&str, &str)]| push_in(repository, variables);
    let (done, told) = by_way("registry.test/team/todo-api", &[("http_proxy", &address)]);
    assert!(done, "{told}");
    assert_eq!(proxy.asked_to("PUT http://registry.test/v2/team/todo-api/manifests/").len(), 1);

    let nobody = format!("127.0.0.1:{}", ports::free());
    let (done, told) = by_way("registry.test/a", &[("ALL_PROXY", &format!("http://u:canary@{nobody}"))]);
    let named = format!("registry.test cannot be reached by way of the proxy http://{nobody} (ALL_PROXY)");
    assert!(!done && told.contains(&named) && !told.contains("canary"), "{told}");
    assert!(told.contains("`export NO_PROXY=registry.test`"), "{told}");

    let direct = [("http_proxy", address.as_str()), ("no_proxy", "registry.test")];
    let (done, told) = by_way("registry.test/a", &direct);
    assert!(!done && told.contains("registry.test cannot be reached: "), "{told}");
    let this_machine = Shaped::start(|_| None);
    let repository = this_machine.repository(NAME).to_string();
    let (done, told) = by_way(&repository, &[("http_proxy", &nobody), ("all_proxy", &nobody)]);
    assert!(done, "{told}");
}
