//! An HTTP connection to a registry. A `Location` is resolved against the address that answered (RFC 3986, 5); if it
//! leads to another server, that server gets no credentials.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::TryStreamExt;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode, redirect};
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use url::Url;
use xtask_contract::{
    Context, Digest, Error, Result,
    error::chain,
    target::{may_lack_tls, plain_http_objection},
};

use super::{
    Registry,
    failure::{self, Failure, Refusal, Server, beginning},
    silence::{self, Moved},
    token,
};
use crate::proxy::Proxies;

const CONNECT: Duration = Duration::from_secs(10);
const CHUNK: usize = 1 << 16;
/// How often a registry may send us on.
const REDIRECTS: usize = 10;
/// How long an answer may be: what is read is lists and tokens.
const LONGEST: usize = 4 << 20;

/// What a registry answers, before it is explained.
pub(super) type Answer<T> = std::result::Result<T, Failure>;

/// What is to be done at a registry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A repository that can be asked.
pub(super) struct Connection<'a> {
    http: Client,
    pub(super) registry: &'a Registry<'a>,
    access: Access,
    /// The address below which the repository is.
    repository: Url,
    proxies: Proxies,
    /// Who asks, as the registry wants to hear it.
    authorization: Mutex<Option<HeaderValue>>,
}

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    method: Method,
    url: Url,
    headers: HeaderMap,
    content: Content,
}

/// What is sent with a question.
#[derive(Debug, Clone)]
enum Content {
    Nothing,
    Bytes(Vec<u8>),
    File(PathBuf, u64),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// Who has answered.
    url: Url,
    server: Server,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Ask {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), content: Content::Nothing }
    }

    pub(super) fn accepting(mut self, types: &'static str) -> Self {
        self.headers.insert(hyper::header::ACCEPT, HeaderValue::from_static(types));
        self
    }

    pub(super) fn authorized(mut self, value: HeaderValue) -> Self {
        self.headers.insert(AUTHORIZATION, value);
        self
    }

    pub(super) fn bytes(mut self, kind: &'static str, bytes: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.content = Content::Bytes(bytes);
        self
    }

    pub(super) fn file(mut self, path: PathBuf, size: u64) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        self.content = Content::File(path, size);
        self
    }
}

impl Answered {
    /// The answer, if it is a yes.
    pub(super) fn yes(self) -> Answer<Self> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    pub(super) fn refusal(self) -> Failure {
        Failure::Answered(self.server, Refusal::of(self.status.as_u16(), &self.body))
    }

    /// Whether another server than the registry has answered.
    pub(super) fn is_elsewhere(&self, connection: &Connection<'_>) -> bool {
        !connection.is_own(&self.url)
    }

    /// Whether the digest that it names is this one; nothing if it names none.
    pub(super) fn names(&self, digest: &Digest) -> Option<bool> {
        let said = self.headers.get("docker-content-digest")?;
        Some(said.to_str().is_ok_and(|said| said == digest.to_string()))
    }

    /// How long it says that what was asked for is.
    pub(super) fn length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Whether it shows that what was sent is kept. A mere 200 does not: a login page has one for everything.
    pub(super) fn is_kept(&self, digest: &Digest) -> bool {
        self.names(digest).unwrap_or(self.status == StatusCode::CREATED)
    }

    /// That what was sent has not arrived, whatever was answered.
    pub(super) fn not_kept(&self, what: &str) -> Failure {
        let (host, status) = (&self.server.host, self.status.as_u16());
        Failure::Nonsense(format!("{host} answers {status} to {what}, which is not there afterwards"))
    }

    /// Where it says that it goes on.
    pub(super) fn location(&self) -> Answer<Url> {
        let said = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let said = said.ok_or_else(|| Failure::Nonsense("it does not say where it goes on".to_owned()))?;
        let next = self.url.join(said);
        next.map_err(|error| Failure::Nonsense(format!("where it goes on is no address: {error}")))
    }
}

impl<'a> Connection<'a> {
    pub(super) fn open(
        registry: &'a Registry<'a>,
        access: Access,
        doing: impl Fn() -> String,
    ) -> Result<Self> {
        if let Some(objection) = plain_http_objection(registry.repository).filter(|_| registry.plain_http) {
            return Err(
                Error::refused(doing(), objection).next("remove `plain_http` from the deploy's target")
            );
        }
        // It is no error if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let proxies = Proxies::of_environment();
        let before = proxies.clone();
        // Which proxy it is, is known before each question.
        let proxy =
            reqwest::Proxy::custom(move |url| before.before(url).ok().flatten().map(|proxy| proxy.url));
        let http = Client::builder()
            .user_agent("xtask")
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .proxy(proxy)
            .build()
            .doing(&doing)?;
        let scheme = if registry.plain_http { "http" } else { "https" };
        let host = match registry.repository.host() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        };
        let address = format!("{scheme}://{host}/v2/{}/", registry.repository.name());
        let repository = Url::parse(&address).doing(&doing)?;
        Ok(Self { http, registry, access, repository, proxies, authorization: Mutex::new(None) })
    }

    /// The address of something in the repository.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.repository.clone();
        url.set_path(&format!("{}{path}", self.repository.path()));
        url
    }

    /// What a token has to be good for.
    pub(super) fn scope(&self) -> String {
        let may = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let name = self.repository.path().trim_start_matches("/v2/").trim_end_matches('/');
        format!("repository:{name}:{may}")
    }

    pub(super) fn explain(&self, doing: String, failure: Failure) -> Error {
        failure::explain(doing, self.registry, failure)
    }

    /// Asks, and logs in if that is asked for, also when what it was let in with has ended meanwhile.
    pub(super) async fn ask(&self, ask: Ask) -> Answer<Answered> {
        let answered = self.follow(ask.clone()).await?;
        if answered.status != StatusCode::UNAUTHORIZED || !self.is_own(&answered.url) {
            return Ok(answered);
        }
        let Some(new) = token::obtain(self, &answered.headers).await? else { return Ok(answered) };
        if self.known().replace(new.clone()).is_some_and(|old| old == new) {
            return Ok(answered);
        }
        self.follow(ask).await
    }

    /// Asks, and goes where the answer sends it.
    async fn follow(&self, mut ask: Ask) -> Answer<Answered> {
        for _ in 0..REDIRECTS {
            let answered = self.ask_once(&ask, true).await?;
            match answered.status.as_u16() {
                301 | 302 | 307 | 308 => {}
                303 if ask.method.is_safe() => {}
                // It would be followed with a GET (RFC 9110, 15.4.4), and what is sent would arrive nowhere.
                303 => {
                    let method = &ask.method;
                    return Err(Failure::Nonsense(format!(
                        "it answers 303 to a {method}, which does not arrive so"
                    )));
                }
                _ => return Ok(answered),
            }
            ask.url = answered.location()?;
        }
        Err(Failure::Nonsense(format!("it has sent us on {REDIRECTS} times")))
    }

    /// Asks one server one thing.
    pub(super) async fn ask_once(&self, ask: &Ask, as_known: bool) -> Answer<Answered> {
        let server = self.server(&ask.url)?;
        let moved = Moved::now();
        let mut request = self.http.request(ask.method.clone(), ask.url.clone()).headers(ask.headers.clone());
        if let Some(known) = self.known().clone().filter(|_| as_known && self.is_own(&ask.url)) {
            request = request.header(AUTHORIZATION, known);
        }
        let (request, size) = with_content(request, ask, &moved).await?;
        let silence = silence::about(size);
        match silence::within(silence, &moved, answer(request, &moved)).await {
            Some(Ok((status, headers, body))) => {
                Ok(Answered { status, url: ask.url.clone(), server, headers, body })
            }
            // The address is left out: an upload's has a token of its own in it.
            Some(Err(error)) => Err(Failure::Unreachable(server, chain(&error.without_url()))),
            None => Err(Failure::Silent(server, silence.as_secs())),
        }
    }

    /// Who is asked, if that is someone who may be.
    fn server(&self, url: &Url) -> Answer<Server> {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let host = beginning(&host);
        let is_open = self.registry.plain_http && url.scheme() == "http";
        if url.scheme() != "https" && !(is_open && url.host_str().is_some_and(may_lack_tls)) {
            return Err(Failure::Open(format!("{}://{host}", url.scheme())));
        }
        let proxy = self.proxies.before(url)?.map(Box::new);
        let own = self.is_own(url) && host == "registry-1.docker.io";
        Ok(Server { host: if own { self.registry.repository.host().to_owned() } else { host }, proxy })
    }

    /// Whether it is the registry itself: credentials are for the same scheme, host and port alone.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.repository.origin()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<HeaderValue>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what is sent, and tells how much that is.
async fn with_content(request: RequestBuilder, ask: &Ask, moved: &Moved) -> Answer<(RequestBuilder, u64)> {
    Ok(match &ask.content {
        // Some registries want to be told that there is nothing.
        Content::Nothing if ask.method == Method::POST => (request.header(CONTENT_LENGTH, 0), 0),
        Content::Nothing => (request, 0),
        Content::Bytes(bytes) => (request.body(bytes.clone()), bytes.len() as u64),
        Content::File(path, size) => {
            let moved = moved.clone();
            let content = ReaderStream::with_capacity(File::open(path).await?, CHUNK);
            let content = content.inspect_ok(move |_| moved.again());
            (request.header(CONTENT_LENGTH, *size).body(Body::wrap_stream(content)), *size)
        }
    })
}

async fn answer(request: RequestBuilder, moved: &Moved) -> reqwest::Result<(StatusCode, HeaderMap, Vec<u8>)> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        moved.again();
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            break;
        }
    }
    Ok((response.status(), std::mem::take(response.headers_mut()), body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Login;

    #[tokio::test]
    async fn a_registry_with_tls_is_not_followed_to_where_there_is_none() {
        let repository = "registry.acme.com/greeter".parse().unwrap();
        let registry = Registry { repository: &repository, plain_http: false, login: Login::Anonymous };
        let connection = Connection::open(&registry, Access::Push, || "pushing".into()).unwrap();
        let asked = Ask::new(Method::PUT, Url::parse("http://registry.acme.com/v2/x?_state=canary").unwrap());
        let failure = connection.ask(asked).await.unwrap_err();
        let told = connection.explain("pushing".into(), failure).to_string();
        assert!(told.contains("goes on at http://registry.acme.com without"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }

    #[test]
    fn a_registry_without_tls_is_not_followed_over_the_open_network() {
        let repository = "127.0.0.1:5000/greeter".parse().unwrap();
        let registry = Registry { repository: &repository, plain_http: true, login: Login::Anonymous };
        let connection = Connection::open(&registry, Access::Push, || "pushing".into()).unwrap();
        let server = |url: &str| connection.server(&Url::parse(url).unwrap());
        for good in ["http://10.1.2.3/token", "http://[::1]:5001/x", "https://auth.acme.com/token"] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in ["http://collector.acme.com/token", "http://8.8.8.8/", "ftp://127.0.0.1/"] {
            let told = connection.explain("pushing".into(), server(bad).unwrap_err()).to_string();
            assert!(told.contains("without TLS") && told.contains("its operator"), "{told}");
        }
    }

    #[test]
    fn who_asks_is_told_to_the_registrys_own_scheme_host_and_port_alone() {
        let repository = "docker.io/somebody/greeter".parse().unwrap();
        let registry = Registry { repository: &repository, plain_http: false, login: Login::Anonymous };
        let connection = Connection::open(&registry, Access::Push, || "pushing".into()).unwrap();
        assert_eq!(connection.scope(), "repository:somebody/greeter:pull,push");
        let is_own = |url: &str| connection.is_own(&Url::parse(url).unwrap());
        assert!(is_own("https://registry-1.docker.io/v2/x") && is_own("https://registry-1.docker.io:443/"));
        for other in
            ["https://docker.io/", "http://registry-1.docker.io/", "https://registry-1.docker.io:444/"]
        {
            assert!(!is_own(other), "{other}");
        }
    }
}
