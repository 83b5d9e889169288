//! Versions as entity tags, and the conditions that clients make of them.
//!
//! Of what has a version that grows with each change, the entity tag is that number: two clients who change the same
//! thing cannot overwrite each other without knowing.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};

use crate::problem::{FieldError, Kind, Problem};

/// The entity tag of a version: the number in quotes.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The versions `If-Match` allows; nothing if it allows any.
pub struct IfMatch(pub Option<Vec<i64>>);

/// What the client has already, from `If-None-Match`.
pub struct IfNoneMatch(Option<Condition>);

#[derive(Debug, PartialEq)]
enum Condition {
    Any,
    Tags(Vec<Tag>),
}

/// An entity tag; one that is none of ours has no version, and matches nothing.
#[derive(Debug, PartialEq)]
struct Tag {
    weak: bool,
    version: Option<i64>,
}

impl IfMatch {
    /// Whether this version is meant.
    pub fn allows(&self, version: i64) -> bool {
        self.0.as_ref().is_none_or(|versions| versions.contains(&version))
    }
}

impl IfNoneMatch {
    /// Whether the client has this version.
    pub fn has(&self, version: i64) -> bool {
        match &self.0 {
            None => false,
            Some(Condition::Any) => true,
            Some(Condition::Tags(tags)) => tags.iter().any(|tag| tag.version == Some(version)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(match condition(&parts.headers, &header::IF_MATCH)? {
            // Any version of what exists; what does not is answered with 404 anyway.
            None | Some(Condition::Any) => None,
            // Weak tags never match here (RFC 9110, 13.1.1).
            Some(Condition::Tags(tags)) => {
                Some(tags.into_iter().filter(|tag| !tag.weak).filter_map(|tag| tag.version).collect())
            }
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        condition(&parts.headers, &header::IF_NONE_MATCH).map(Self)
    }
}

/// A list of entity tags, or any, as a regular expression.
#[cfg(feature = "openapi")]
const PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$"#;

#[cfg(feature = "openapi")]
impl utoipa::IntoParams for IfMatch {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let header = crate::openapi::header("If-Match", PATTERN);
        vec![header.description(Some("Entity tags of the versions meant, or `*`")).build()]
    }
}

#[cfg(feature = "openapi")]
impl utoipa::IntoParams for IfNoneMatch {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let header = crate::openapi::header("If-None-Match", PATTERN);
        vec![header.description(Some("Entity tags of what the client has already")).build()]
    }
}

/// The condition in all headers of this name together.
fn condition(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Condition>, Problem> {
    let values: Result<Vec<_>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
    match values {
        Ok(values) if values.is_empty() => return Ok(None),
        Ok(values) => {
            if let Some(condition) = parse(&values.join(",")) {
                return Ok(Some(condition));
            }
        }
        Err(_) => {}
    }
    let error = FieldError::new(name.as_str(), "must be `*` or a list of entity tags such as \"1\", \"2\"");
    Err(Problem::with_fields(Kind::INVALID_PARAMETERS, vec![error]))
}

fn parse(text: &str) -> Option<Condition> {
    if text.trim() == "*" {
        return Some(Condition::Any);
    }
    let mut tags = Vec::new();
    // Empty elements are to be tolerated (RFC 9110, 5.6.1).
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        let weak = opaque.len() < rest.len();
        let (opaque, after) = opaque.strip_prefix('"')?.split_once('"')?;
        if !opaque.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(Tag { weak, version: version(opaque) });
        let after = after.trim_start_matches([' ', '\t']);
        rest = if after.is_empty() { after } else { after.strip_prefix(',')? };
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    (!tags.is_empty()).then_some(Condition::Tags(tags))
}

/// The version in a tag, if it is written as we would.
fn version(opaque: &str) -> Option<i64> {
    opaque.parse().ok().filter(|version: &i64| version.to_string() == opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Option<Vec<(bool, Option<i64>)>> {
        match parse(text)? {
            Condition::Any => None,
            Condition::Tags(tags) => Some(tags.into_iter().map(|tag| (tag.weak, tag.version)).collect()),
        }
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(parse(" * "), Some(Condition::Any));
        assert_eq!(tags("\"1\""), Some(vec![(false, Some(1))]));
        assert_eq!(
            tags("\"1\" ,, W/\"2\",\"a,b\""),
            Some(vec![(false, Some(1)), (true, Some(2)), (false, None)])
        );
        assert_eq!(tags("\"01\", \"+1\", \"\""), Some(vec![(false, None); 3]));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", ",", "1", "\"1", "1\"", "\"1\" \"2\"", "w/\"1\"", "*, \"1\"", "\"1\"x", "\"a b\""] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
