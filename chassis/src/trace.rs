//! Which trace a request belongs to, after W3C Trace Context: what all who take part in it write into their logs.

use std::fmt;

use axum::http::{HeaderMap, HeaderName};

use crate::random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A step of a trace: ours.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The trace.
    pub trace: Id<16>,
    /// The step itself, which the trace context calls a span.
    pub span: Id<8>,
}

/// A number that is not zero, in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Id<const BYTES: usize>([u8; BYTES]);

impl Step {
    /// The first step of a new trace.
    pub fn first() -> Self {
        Self { trace: Id::random(), span: Id::random() }
    }

    /// The header that tells the next one; sampled or not is for others to say.
    pub fn to_header(self) -> String {
        format!("00-{}-{}-00", self.trace, self.span)
    }

    /// The next step of the trace that these headers name, or the first of a new one.
    pub fn after(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let given = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(trace_of),
            _ => None,
        };
        Self { trace: given.unwrap_or_else(Id::random), span: Id::random() }
    }
}

/// The trace in `00-TRACE-SPAN-FLAGS`. Later versions may add to the end.
fn trace_of(text: &str) -> Option<Id<16>> {
    let (known, more) = text.split_at_checked(55)?;
    let mut parts = known.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = digits(version)?;
    Id::<8>::parse(span)?;
    digits::<1>(flags)?;
    let complete = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => more.is_empty() || more.starts_with('-'),
    };
    if complete && parts.next().is_none() { Id::parse(trace) } else { None }
}

impl<const BYTES: usize> Id<BYTES> {
    fn parse(text: &str) -> Option<Self> {
        digits(text).filter(|bytes| *bytes != [0; BYTES]).map(Self)
    }

    fn random() -> Self {
        let mut bytes = random::bytes();
        // Zero means that there is none.
        bytes[BYTES - 1] |= u8::from(bytes == [0; BYTES]);
        Self(bytes)
    }
}

/// Exactly so many bytes in lower-case hexadecimal digits.
fn digits<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let fits = text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !fits {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

impl<const BYTES: usize> fmt::Display for Id<BYTES> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight bytes at a time: one by one, writing takes longer than everything else about an identifier.
        self.0.chunks(8).try_for_each(|chunk| {
            let number = chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            write!(formatter, "{number:0width$x}", width = 2 * chunk.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn trace(text: &str) -> Option<String> {
        trace_of(text).map(|trace| trace.to_string())
    }

    #[test]
    fn a_trace_is_taken_over() {
        for text in [
            format!("00-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-00"),
            format!("01-{TRACE}-b7ad6b7169203331-01"),
            format!("01-{TRACE}-b7ad6b7169203331-01-what the future brings"),
        ] {
            assert_eq!(trace(&text).as_deref(), Some(TRACE), "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_not() {
        for text in [
            String::new(),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("01-{TRACE}-b7ad6b7169203331-01x"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b7169203331-0g"),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("0-0{TRACE}-b7ad6b7169203331-01"),
        ] {
            assert_eq!(trace(&text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_written_with_all_its_digits() {
        assert_eq!(Id([0, 1, 0x2a, 0, 0, 0, 0, 0xff, 0, 3]).to_string(), "00012a00000000ff0003");
        let id = Id::<16>::random();
        assert_eq!(Id::parse(&id.to_string()), Some(id));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,70}") {
            let _ = trace_of(&text);
        }
    }
}
