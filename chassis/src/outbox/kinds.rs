//! Where a webhook is, and what its deliveries are signed with, as kinds of values.

use axum::http::{Uri, uri::Authority};

use super::signer::Signer;
use crate::config::{Kind, Shape};

/// What `http::Uri` takes.
const WEBHOOK_URL: &str = concat!(
    "[Hh][Tt][Tt][Pp][Ss]?://",
    r"([!$-.0-;=A-Z_a-z~]+@)?",
    r"([!$&-.0-9;=A-Z_a-z~]+|\[[0-9A-Fa-f:.]+\])",
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
        // A port that is none is no error to the parser, and would be left out.
        let has_port = |authority: &Authority| {
            let after_user = authority.as_str().rsplit('@').next();
            after_user == Some(authority.host()) || authority.port().is_some()
        };
        let is_whole = url.authority().is_some_and(has_port);
        (matches!(url.scheme_str(), Some("http" | "https")) && is_whole).then_some(url)
    }

    fn shape(&self) -> Shape {
        Shape::Url { pattern: WEBHOOK_URL, expected: "a URL such as https://example.org/webhook" }
    }
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
        describes_what_it_takes(&WebhookSecret, "whsec_[A-Za-z0-9+/]{30,90}={0,3}");
    }

    #[test]
    fn whatever_fits_the_described_form_is_taken() {
        takes_what_it_describes(&WebhookUrl);
        takes_what_it_describes(&WebhookSecret);
    }
}
