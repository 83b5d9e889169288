//! The documentation page: Swagger UI over an API's own description, with nothing from elsewhere.
//!
//! Swagger UI comes as the zip archive that its maintainers publish as a crate. The two files that the page needs are
//! deflated in it already, so that they are served as they are, in gzip's wrapping (RFC 1952).

use std::{
    io::{self, Cursor, Read},
    sync::LazyLock,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{CompressionMethod, ZipArchive};

/// Where the API's description is.
pub(crate) const DESCRIPTION: &str = "/api/openapi.json";

/// Where the page is.
pub(crate) const PAGE: &str = "/api/docs";

const HTML: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Swagger UI makes styles and pictures of its own.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

static BUNDLE: LazyLock<Bytes> = LazyLock::new(|| part("swagger-ui-bundle.js"));
static SHEET: LazyLock<Bytes> = LazyLock::new(|| part("swagger-ui.css"));

/// The page, its parts, and the description that it shows.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(api: &OpenApi) -> Router<S> {
    let description = Bytes::from(api.to_json().unwrap_or_default());
    let page = Bytes::from(page(&api.info.title));
    let routes = Router::new()
        .route(DESCRIPTION, get(async || ([(header::CONTENT_TYPE, "application/json")], description)))
        .route(PAGE, get(async || Html(page)))
        .route("/api/docs/start.js", get(async || ([(header::CONTENT_TYPE, SCRIPT)], START)))
        .route("/api/docs/swagger-ui-bundle.js", get(async || gzipped(SCRIPT, &BUNDLE)))
        .route("/api/docs/swagger-ui.css", get(async || gzipped(STYLE, &SHEET)));
    routes.layer(map_response(with_policy))
}

/// The page under this title.
fn page(title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    HTML.replace("<title>", &format!("<title>{title}: "))
}

async fn with_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn gzipped(content_type: &'static str, content: &Bytes) -> impl IntoResponse + use<> {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "max-age=86400"),
    ];
    (headers, content.clone())
}

/// A file of Swagger UI, gzipped. A test sees to it that the archive has it.
fn part(name: &str) -> Bytes {
    read(name)
        .unwrap_or_else(|error| {
            tracing::error!(%error, name, "the documentation page lacks a part");
            Vec::new()
        })
        .into()
}

fn read(name: &str) -> io::Result<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let ending = format!("/dist/{name}");
    let position = archive.file_names().position(|path| path.is_ok_and(|path| path.ends_with(&ending)));
    let index = position.ok_or(io::ErrorKind::NotFound)?;
    let mut file = archive.by_index_raw(index)?;
    if file.compression() != CompressionMethod::DEFLATE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // No name, no time, no flags; from an unknown system.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    file.read_to_end(&mut gzip)?;
    gzip.extend(file.crc32().to_le_bytes());
    // The length modulo 2^32, says the format.
    #[expect(clippy::cast_possible_truncation, reason = "it is what the format asks for")]
    gzip.extend((file.size() as u32).to_le_bytes());
    Ok(gzip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_has_the_parts() {
        for (name, least) in [("swagger-ui-bundle.js", 100_000), ("swagger-ui.css", 10_000)] {
            assert!(read(name).unwrap().len() > least, "{name}");
        }
        assert!(read("elsewhere.js").is_err());
    }
}
