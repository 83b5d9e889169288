//! The documentation page: Swagger UI over an API's own description, with nothing from elsewhere.
//!
//! The build script has taken the two files of it that the page needs out of the archive that its maintainers publish.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa::openapi::OpenApi;

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

const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const SHEET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

/// The page, its parts, and the description that it shows.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(api: &OpenApi) -> Router<S> {
    let description = Bytes::from(api.to_json().unwrap_or_default());
    let page = Bytes::from(page(&api.info.title));
    let routes = Router::new()
        .route(DESCRIPTION, get(async || ([(header::CONTENT_TYPE, "application/json")], description)))
        .route(PAGE, get(async || Html(page)))
        .route("/api/docs/start.js", get(async || ([(header::CONTENT_TYPE, SCRIPT)], START)))
        .route("/api/docs/swagger-ui-bundle.js", get(async || gzipped(SCRIPT, BUNDLE)))
        .route("/api/docs/swagger-ui.css", get(async || gzipped(STYLE, SHEET)));
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

fn gzipped(content_type: &'static str, content: &'static [u8]) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "max-age=86400"),
    ];
    (headers, content)
}
