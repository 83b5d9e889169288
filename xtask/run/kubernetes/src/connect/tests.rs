//! A server of this test's own, behind TLS, in the place of a cluster's API.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, ServerConnection, SignatureScheme, Stream,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use tempfile::TempDir;
use xtask_contract::Callee;
use xtask_run::SILENCE;

use super::*;
use crate::api_error::ApiContext;

const VERSION: &str = r#"{"major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "",
    "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#;

/// Takes whatever certificate a client has, as long as it has one.
#[derive(Debug)]
struct Any;

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Starts the server with a certificate of the folder; it asks for one, too, or it does not.
fn serve(folder: &Path, name: &str, asks: bool) -> u16 {
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    let certificate = CertificateDer::from_pem_file(path("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(path("key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder =
        if asks { builder.with_client_cert_verifier(Arc::new(Any)) } else { builder.with_no_client_auth() };
    let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = answer(client, ServerConnection::new(Arc::clone(&config)).unwrap());
        }
    });
    port
}

fn answer(mut client: TcpStream, mut tls: ServerConnection) -> std::io::Result<()> {
    let mut stream = BufReader::new(Stream::new(&mut tls, &mut client));
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let length = VERSION.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{VERSION}");
    stream.get_mut().write_all(answer.as_bytes())
}

fn openssl(folder: &Path, args: &str) {
    let output = Callee::Asked.command("openssl").args(args.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with certificates that have signed themselves, each for a name.
fn certificates(named: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in named {
        let subject = format!("-subj /CN={name} -addext subjectAltName={of}");
        let key =
            format!("-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem");
        openssl(folder.path(), &format!("req -x509 {key} {subject}"));
    }
    folder
}

/// Asks the server as a user of a kubeconfig.
fn ask(folder: &Path, port: u16, authority: &str, user: &str) -> std::result::Result<(), String> {
    let text = format!(
        "current-context: c\ncontexts: [{{ name: c, context: {{ cluster: c, user: u }} }}]\nclusters:\n  - name: c\n    \
         cluster: {{ server: 'https://127.0.0.1:{port}', certificate-authority: {authority}.pem }}\nusers:\n  - name: u\n    \
         user: {user}\n"
    );
    let path = folder.join("kubeconfig");
    fs::write(&path, text).unwrap();
    let kubeconfig = Kubeconfig::read_from(&path).unwrap();
    let asked = async {
        let client = client(kubeconfig, None, SILENCE, "connecting").await?;
        client.apiserver_version().await.asked(|| "asking for its version")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(asked).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_servers_own_certificate_may_stand_in_the_place_of_its_authoritys() {
    let folder =
        certificates(&[("own", "IP:127.0.0.1"), ("other", "IP:127.0.0.1"), ("misnamed", "DNS:acme.com")]);
    let folder = folder.path();
    let port = serve(folder, "own", false);
    ask(folder, port, "own", "{}").unwrap();
    let told = ask(folder, port, "other", "{}").unwrap_err();
    assert!(told.contains("the certificate of 127.0.0.1 is not taken"), "{told}");
    // One that is pinned still has to be of the name.
    let told = ask(folder, serve(folder, "misnamed", false), "misnamed", "{}").unwrap_err();
    assert!(
        told.contains("the certificate of 127.0.0.1 is not taken") && told.contains("`tls-server-name`"),
        "{told}"
    );
}

#[test]
fn a_client_certificate_of_version_1_is_presented() {
    let folder = certificates(&[("own", "IP:127.0.0.1")]);
    let folder = folder.path();
    openssl(folder, "req -newkey rsa:2048 -nodes -keyout user.key -out user.csr -subj /CN=user");
    // Without extensions, openssl makes one of version 1.
    openssl(folder, "x509 -req -in user.csr -signkey user.key -out user.pem");
    let port = serve(folder, "own", true);
    ask(folder, port, "own", "{ client-certificate: user.pem, client-key: user.key }").unwrap();
    let told = ask(folder, port, "own", "{}").unwrap_err();
    assert!(told.contains("does not take the user's client-certificate"), "{told}");
}

#[test]
fn a_plugin_that_is_missing_or_fails_is_named_with_what_to_do() {
    let folder = certificates(&[("own", "IP:127.0.0.1")]);
    let told = |exec: &str| {
        let api = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never";
        ask(folder.path(), 1, "own", &format!("{{ exec: {{ {api}, {exec} }} }}")).unwrap_err()
    };
    let missing = told("command: no-such-plugin");
    assert!(
        missing.contains("program `no-such-plugin`") && missing.contains("install no-such-plugin"),
        "{missing}"
    );
    let hinted = told("command: no-such-plugin, installHint: 'apt install the-plugin'");
    assert!(hinted.contains("apt install the-plugin"), "{hinted}");
    let fails = told("command: sh, args: ['-c', 'echo canary; echo token has ended >&2; exit 3']");
    assert!(fails.contains("`sh`") && fails.contains("exit status: 3: token has ended"), "{fails}");
    assert!(!fails.contains("canary"), "{fails}");
    let silent = told("command: 'true'");
    assert!(silent.contains("does not say who it is"), "{silent}");
}

#[test]
fn the_file_of_a_token_may_end_with_a_newline() {
    let folder = certificates(&[("own", "IP:127.0.0.1")]);
    let folder = folder.path();
    let (port, path) = (serve(folder, "own", false), folder.join("token"));
    fs::write(&path, "canary\r\n").unwrap();
    ask(folder, port, "own", &format!("{{ tokenFile: '{}' }}", path.display())).unwrap();
}

#[test]
fn what_a_kubeconfig_says_wrongly_is_told_with_what_to_do() {
    let told = |cluster: &str, user: &str| {
        let text = format!(
            "current-context: c\ncontexts: [{{ name: c, context: {{ cluster: c, user: u }} }}]\n\
             clusters: [{{ name: c, cluster: {{ {cluster} }} }}]\nusers: [{{ name: u, user: {{ {user} }} }}]\n"
        );
        let kubeconfig: Kubeconfig = serde_saphyr::from_str(&text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let made = runtime.block_on(client(kubeconfig, None, SILENCE, "connecting"));
        made.map(drop).map_err(|error| error.to_string())
    };
    let here = "server: 'http://127.0.0.1:9'";
    told(here, r#"token: "abc\n""#).unwrap();
    told(&format!("{here}, tls-server-name: ''"), "").unwrap();
    for server in ["127.0.0.1:9", "localhost:9", "acme.com"] {
        let told = told(&format!("server: '{server}'"), "").unwrap_err();
        assert!(told.contains("is no URL") && told.contains("--server=https://"), "{told}");
    }
    let misnamed = told(&format!("{here}, tls-server-name: 'a b'"), "").unwrap_err();
    assert!(misnamed.contains("tls-server-name") && misnamed.contains("takes it out"), "{misnamed}");
    let gone = told(here, "auth-provider: { name: gcp, config: { cmd-path: /no/such } }").unwrap_err();
    assert!(gone.contains("auth-provider gcp by the program `/no/such`") && !gone.contains("Os {"), "{gone}");
}

#[test]
fn a_plugin_that_tells_a_token_is_called_once() {
    let folder = certificates(&[("own", "IP:127.0.0.1")]);
    let folder = folder.path();
    let api = "client.authentication.k8s.io/v1";
    let credential =
        format!(r#"{{"apiVersion": "{api}", "kind": "ExecCredential", "status": {{"token": "canary"}}}}"#);
    fs::write(folder.join("credential"), credential).unwrap();
    let script = format!("cd {} && echo called >> calls && cat credential", folder.display());
    let exec = format!("apiVersion: {api}, interactiveMode: Never, command: sh, args: ['-c', '{script}']");
    ask(folder, serve(folder, "own", false), "own", &format!("{{ exec: {{ {exec} }} }}")).unwrap();
    assert_eq!(fs::read_to_string(folder.join("calls")).unwrap(), "called\n");
}

#[test]
fn a_plugin_gets_nothing_of_the_toolchains_own() {
    let text = "users: [{ name: a, user: { exec: { command: plugin } } }, { name: b, user: { token: t } }]";
    let mut kubeconfig: Kubeconfig = serde_saphyr::from_str(text).unwrap();
    keep_from_plugins(&mut kubeconfig, &["XTASK_SIGNING_KEY".to_owned()]);
    let users = kubeconfig.auth_infos.into_iter().filter_map(|named| named.auth_info?.exec?.drop_env);
    assert_eq!(users.collect::<Vec<_>>(), [["XTASK_SIGNING_KEY"]]);
}
