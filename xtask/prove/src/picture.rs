//! What says more than a sentence, as data: how it is drawn is the page's.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::traffic::{Sample, Seen};

/// Something to be looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Picture {
    /// Rows of texts below their heads.
    Table {
        /// What it shows.
        title: String,
        /// The heads of its columns.
        head: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// How many there were of each kind in each part of the time.
    Timeline {
        /// What it shows.
        title: String,
        /// How long each part is, in seconds.
        step: f64,
        /// Each kind by name, with its numbers.
        series: Vec<(String, Vec<u32>)>,
        /// Moments with a name, in seconds.
        marks: Vec<(f64, String)>,
    },
    /// How often each length of time was measured.
    Histogram {
        /// What it shows.
        title: String,
        /// All that was measured, in milliseconds.
        values: Vec<f64>,
    },
}

impl Picture {
    /// Requests over time: by the release that answered, those that were refused in good order, and those that were lost.
    pub(crate) fn requests(title: &str, seen: &Seen, marks: Vec<(f64, String)>) -> Self {
        /// Columns of a timeline.
        const PARTS: f64 = 60.0;
        let end = seen.samples.last().map_or(1.0, |last| last.at).max(0.1);
        let step = end / PARTS;
        let mut series = BTreeMap::<String, Vec<u32>>::new();
        for sample in &seen.samples {
            let counts = series.entry(kind(sample)).or_insert_with(|| vec![0; 61]);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 60")]
            let part = (sample.at / step) as usize;
            counts[part.min(60)] += 1;
        }
        Self::Timeline { title: title.to_owned(), step, series: series.into_iter().collect(), marks }
    }

    pub(crate) fn table(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> Self {
        let head = head.iter().map(|one| (*one).to_owned()).collect();
        Self::Table { title: title.to_owned(), head, rows }
    }
}

/// What came of a request, in a word or two.
fn kind(sample: &Sample) -> String {
    match (&sample.lost, sample.status, &sample.release) {
        (Some(_), ..) | (_, None, _) => "lost".to_owned(),
        (_, Some(status), Some(release)) if (200..300).contains(&status) => release.clone(),
        (_, Some(status), None) if (200..300).contains(&status) => "answered".to_owned(),
        (_, Some(status), _) => format!("status {status}"),
    }
}
