//! TLS to the database, as `DATABASE_URL` asks for it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use reqwest::Url;
use tempfile::TempDir;

use super::{
    needs::missing,
    process::{lines, run},
    server::TestServer,
};

/// A certificate authority that no system trusts.
struct Authority(TempDir);

impl Authority {
    /// Nothing where the machine has no `openssl`.
    fn new() -> Option<Self> {
        let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
        if found.is_err() {
            missing("the `openssl` command");
            return None;
        }
        let authority = Self(TempDir::new().unwrap());
        authority.openssl("req -x509 -subj /CN=authority -keyout ca.key -out ca.crt");
        Some(authority)
    }

    /// A certificate for this name, and its key.
    fn certify(&self, name: &str) -> (PathBuf, PathBuf) {
        fs::write(self.file("names"), format!("subjectAltName = DNS:{name}\n")).unwrap();
        self.openssl(&format!("req -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out {name}.crt"
        ));
        (self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")))
    }

    fn certificate(&self) -> PathBuf {
        self.file("ca.crt")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(self.0.path());
        if arguments.starts_with("req") {
            command.args(["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// What `check` says of the database with this URL.
async fn told(url: &str) -> String {
    let output = run("check", &[("DATABASE_URL", url), ("PORT", "0")]).await;
    let lines = lines(&output);
    let line = lines.iter().find(|line| line["check"] == "database").unwrap();
    line["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn certificates_are_asked_for_and_shown_as_the_url_says() {
    let Some(authority) = Authority::new() else { return };
    let Some(mut server) = TestServer::start("127.0.0.1").await else { return };
    let ((certificate, key), (own, own_key)) =
        (authority.certify("localhost"), authority.certify("somebody"));
    server.speak_tls(&certificate, &key, &authority.certificate(), "somebody").await;
    let known = format!("sslrootcert={}", authority.certificate().display());
    let ours = format!("sslcert={}&sslkey={}", own.display(), own_key.display());
    let well = "user";
    for (user, host, how, said) in [
        ("postgres", "localhost", "sslmode=require".to_owned(), well),
        ("postgres", "localhost", "sslmode=require&channel_binding=require".into(), well),
        (
            "postgres",
            "localhost",
            "sslmode=disable&channel_binding=require".into(),
            "did not use channel binding",
        ),
        ("postgres", "localhost", "sslmode=verify-ca".into(), "UnknownIssuer"),
        ("postgres", "127.0.0.1", format!("sslmode=verify-ca&{known}"), well),
        ("postgres", "127.0.0.1", format!("sslmode=verify-full&{known}"), "not valid for name"),
        ("postgres", "localhost", format!("sslmode=verify-full&{known}"), well),
        ("postgres", "localhost", format!("hostaddr=127.0.0.1&sslmode=verify-full&{known}"), well),
        (
            "postgres",
            "localhost",
            "sslmode=verify-ca&sslrootcert=/nowhere".into(),
            "cannot read sslrootcert /nowhere",
        ),
        ("somebody", "localhost", "sslmode=prefer".into(), "certificate"),
        ("somebody", "localhost", format!("sslmode=prefer&{ours}"), well),
        ("somebody", "localhost", format!("sslmode=disable&{ours}"), "password"),
        ("somebody", "localhost", format!("sslcert={}", own.display()), "sslcert needs sslkey"),
    ] {
        let mut url: Url = server.url().parse().unwrap();
        url.set_username(user).unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_path("postgres");
        url.set_query(Some(&how));
        let told = told(url.as_str()).await;
        let is_well = told.contains("answers, database postgres");
        assert!(told.contains(said) && is_well == (said == well), "{user} {host} {how}: {told}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_the_url_requires_tls() {
    let Some(server) = TestServer::start("127.0.0.1").await else { return };
    let plain = server.url();
    for (mode, said) in [("prefer", "answers"), ("require", "does not support TLS"), ("verify-full", "TLS")] {
        let told = told(&plain.replace("sslmode=disable", &format!("sslmode={mode}"))).await;
        assert!(told.contains(said), "{mode}: {told}");
    }
}
