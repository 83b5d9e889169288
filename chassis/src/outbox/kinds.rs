//! Where a webhook is, and what its deliveries are signed with, as kinds of values.

use axum::http::{Uri, uri::Authority};

use super::signer::Signer;
use crate::config::{Kind, Shape};

/// What `http::Uri` takes (eight colons in a user or an address, and no more) and [`is_whole`] leaves.
const WEBHOOK_URL: &str = concat!(
    "[Hh][Tt][Tt][Pp][Ss]?://",
    "(([!$-.0-9;=A-Z_a-z~]*:){0,8}[!$-.0-9;=A-Z_a-z~]*@)?",
    r"([!$&-.0-9;=A-Z_a-z~]+|\[([0-9A-Fa-f.]+|([0-9A-Fa-f.]*:){1,8}[0-9A-Fa-f.]*)\])",
    "(:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    r#"(/[!"$-;=@-_a-~]*)?"#,
    r"(\?[!$-;=?-~]*)?(#.*)?",
);

/// Where events are sent.
pub(crate) struct WebhookUrl;

impl Kind for WebhookUrl {
    type Value = Uri;

    fn needs(&self) -> &'static [&'static str] {
        &["WEBHOOK_SECRET"]
    }

    fn parse(&self, text: &str) -> Option<Uri> {
        let url: Uri = text.parse().ok()?;
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        (is_http && url.authority().is_some_and(is_whole)).then_some(url)
    }

    fn shape(&self) -> Shape {
        Shape::Url { pattern: WEBHOOK_URL, expected: "a URL such as https://example.org/webhook" }
    }
}

/// Whether it names one host, by a name or an address in brackets, and a port that is one if it names any.
///
/// The parser also takes a second `@`, brackets anywhere, no host, and a port that is none, which it then leaves out.
fn is_whole(authority: &Authority) -> bool {
    let (user, place) = authority.as_str().split_once('@').unwrap_or(("", authority.as_str()));
    let host = authority.host();
    let has_brackets = |text: &str| text.contains(['[', ']']);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            !address.is_empty()
                && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => !host.is_empty() && !has_brackets(host),
    };
    let is_port = place == host || authority.port().is_some();
    is_host && is_port && !has_brackets(user) && !place.contains('@')
}

/// The secret that events are signed with.
pub(crate) struct WebhookSecret;

impl Kind for WebhookSecret {
    type Value = Signer;

    fn parse(&self, text: &str) -> Option<Signer> {
        Signer::parse(text)
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: "whsec_(?:(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?|(?:[A-Za-z0-9+/]{4}){21}(?:[A-Za-z0-9+/][AQgw]==)?)",
            expected: "whsec_ and 24 to 64 bytes in base64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{describes_what_it_takes, takes_what_it_describes};

    #[test]
    fn whatever_is_taken_fits_the_described_form() {
        describes_what_it_takes(&WebhookUrl, "(https?|HTTPS)://[a-c._-]{1,3}(:[0-9]{1,5})?[!-~]{0,6}");
        describes_what_it_takes(&WebhookUrl, r"http://[\[\]@:a.%/]{1,12}");
        describes_what_it_takes(&WebhookSecret, "whsec_[A-Za-z0-9+/]{30,90}={0,3}");
    }

    #[test]
    fn whatever_fits_the_described_form_is_taken() {
        takes_what_it_describes(&WebhookUrl);
        takes_what_it_describes(&WebhookSecret);
    }
}
