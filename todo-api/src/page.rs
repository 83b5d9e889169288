//! The page: the list for people. Its files are in the binary, and nothing else is loaded.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest, Sha256};

/// A file of the page.
struct File {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal: $media_type:ident = $name:literal,)*) => {
        [$(File { path: $path, media_type: $media_type, content: include_str!(concat!("page/", $name)) }),*]
    };
}

static FILES: [File; 19] = files! {
    "/": HTML = "index.html",
    "/page/icon.svg": PICTURE = "icon.svg",
    "/page/base.css": STYLE = "base.css",
    "/page/list.css": STYLE = "list.css",
    "/page/main.js": SCRIPT = "main.js",
    "/page/add.js": SCRIPT = "add.js",
    "/page/api.js": SCRIPT = "api.js",
    "/page/build.js": SCRIPT = "build.js",
    "/page/clash.js": SCRIPT = "clash.js",
    "/page/due.js": SCRIPT = "due.js",
    "/page/editor.js": SCRIPT = "editor.js",
    "/page/live.js": SCRIPT = "live.js",
    "/page/outbox.js": SCRIPT = "outbox.js",
    "/page/row.js": SCRIPT = "row.js",
    "/page/speak.js": SCRIPT = "speak.js",
    "/page/store.js": SCRIPT = "store.js",
    "/page/text.js": SCRIPT = "text.js",
    "/page/undo.js": SCRIPT = "undo.js",
    "/page/view.js": SCRIPT = "view.js",
};

/// The page's own files and the API, and nothing written into the document.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    FILES.iter().map(|file| format!("\"{}\"", BASE64.encode(&Sha256::digest(file.content)[..12]))).collect()
});

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().zip(&*TAGS).fold(Router::new(), |router, (file, tag)| {
        router.route(file.path, get(async |headers: HeaderMap| answer(file, tag, &headers)))
    })
}

fn answer(file: &File, tag: &'static str, request: &HeaderMap) -> Response {
    let headers = [
        (header::ETAG, tag),
        // Kept, but asked for each time: the files of two releases must not be mixed for longer than a roll-out takes.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    if is_known(tag, request) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, file.media_type)], file.content).into_response()
}

/// Whether the client has the content with this tag.
fn is_known(tag: &str, request: &HeaderMap) -> bool {
    let conditions = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    conditions
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
        let mut there: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let mut served: Vec<_> = FILES.iter().map(|file| file.content.to_owned()).collect();
        there.sort();
        served.sort();
        assert!(there == served);
    }

    #[test]
    fn what_the_files_ask_for_is_served() {
        for file in &FILES {
            let asked = file.content.split(['"', '\'']).filter_map(|text| {
                let name = text.strip_prefix("./").or_else(|| text.strip_prefix("/page/"))?;
                Some(format!("/page/{name}"))
            });
            for path in asked {
                assert!(FILES.iter().any(|file| file.path == path), "{} asks for {path}", file.path);
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for file in &FILES {
            let text = file.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://"), "{}", file.path);
        }
    }
}
