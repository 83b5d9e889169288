//! The form of a line.
//!
//! Of our own, since tracing-subscriber's goes by way of a tree of JSON values for each span, which is written as text,
//! read again and written once more. Here all goes into one buffer, once, and out in one write.

use std::fmt;

use tracing::{Event, Subscriber, span::Record};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::json::{Members, string};

/// When, how severe, what, where, and within which span.
pub(super) struct Line;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, Self> for Line {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Self>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = event.metadata();
        to.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut to)?;
        to.write_str(r#"","level":""#)?;
        to.write_str(about.level().as_str())?;
        to.write_str("\"")?;
        Members::after_another(&mut to).write(event)?;
        to.write_str(r#","target":"#)?;
        string(&mut to, about.target())?;
        if let Some(span) = context.parent_span() {
            to.write_str(r#","span":{"#)?;
            if let Some(fields) = span.extensions().get::<FormattedFields<Self>>().filter(|it| !it.is_empty())
            {
                to.write_str(fields)?;
                to.write_str(",")?;
            }
            to.write_str(r#""name":"#)?;
            string(&mut to, span.name())?;
            to.write_str("}")?;
        }
        to.write_str("}\n")
    }
}

/// What a span has, as it is kept until a line needs it.
impl<'a> FormatFields<'a> for Line {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'a>, fields: R) -> fmt::Result {
        Members::first(&mut to).write(fields)
    }

    fn add_fields(&self, current: &'a mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let is_first = current.is_empty();
        let mut to = current.as_writer();
        if is_first { Members::first(&mut to) } else { Members::after_another(&mut to) }.write(fields)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::field::Empty;
    use tracing_subscriber::{fmt::layer, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, line by line, without the time.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let to = lines.clone();
        let layer = layer().fmt_fields(Line).event_format(Line).with_writer(move || to.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        let objects = text.lines().map(|line| serde_json::from_str(line).unwrap());
        objects
            .map(|mut line: Value| {
                let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
                assert!(matches!(time.as_str().unwrap().as_bytes(), [b'2', .., b'Z']), "{time}");
                line
            })
            .collect()
    }

    #[test]
    fn a_line_has_all_that_was_said_each_as_what_it_is() {
        let lines = logged(|| {
            let error: Box<dyn std::error::Error> = "a\nb".into();
            tracing::warn!(
                text = "\"\u{1b}\\ü", shown = %"a\tb", debugged = ?"c", no = false, small = -1_i64, big = u64::MAX,
                half = 0.5, whole = 3.0, tiny = 1e-9, none = f64::NAN, error, "not {}", "good"
            );
            tracing::info!("alone");
            tracing::info!(count = 1);
        });
        let target = module_path!();
        let expected = json!({
            "level": "WARN", "message": "not good", "text": "\"\u{1b}\\ü", "shown": "a\tb", "debugged": "\"c\"", "no": false,
            "small": -1, "big": u64::MAX, "half": 0.5, "whole": 3.0, "tiny": 1e-9, "none": null, "error": "a\nb",
            "target": target,
        });
        assert_eq!(lines[0], expected);
        assert_eq!(lines[1], json!({ "level": "INFO", "message": "alone", "target": target }));
        assert_eq!(lines[2], json!({ "level": "INFO", "count": 1, "target": target }));
    }

    #[test]
    fn a_line_names_the_innermost_span_with_what_it_has_by_then() {
        let lines = logged(|| {
            let outer = tracing::info_span!("outer", a = 1).entered();
            tracing::info!("one");
            let inner = tracing::info_span!("inner", b = Empty, c = Empty);
            inner.in_scope(|| tracing::info!("two"));
            inner.record("b", "\"");
            inner.record("c", 2.5);
            inner.in_scope(|| tracing::info!("three"));
            drop(outer);
            tracing::info!(parent: &inner, "four");
            tracing::info!("five");
        });
        let spans: Vec<_> = lines.iter().map(|line| line.get("span").cloned()).collect();
        let inner = json!({ "b": "\"", "c": 2.5, "name": "inner" });
        let expected = [
            Some(json!({ "a": 1, "name": "outer" })),
            Some(json!({ "name": "inner" })),
            Some(inner.clone()),
            Some(inner),
            None,
        ];
        assert_eq!(spans, expected);
    }
}
