//! Which lines of many are shown.

use std::collections::{HashMap, VecDeque};

use super::{Line, Query, time};

/// Takes lines in their order, and gives those that are wanted.
pub struct Select<'q> {
    query: &'q Query,
    since: Option<String>,
    /// Lines that are held back, in the form in which they are kept, and their place among all.
    held: VecDeque<(u64, String)>,
    previous: HashMap<(String, String), Instances>,
    seen: u64,
    live: bool,
}

/// The lines of the last two processes of one name and release.
#[derive(Default)]
struct Instances {
    instance: String,
    before: Vec<(u64, String)>,
    last: Vec<(u64, String)>,
}

impl<'q> Select<'q> {
    /// Nothing was taken yet.
    pub fn new(query: &'q Query) -> Self {
        Self {
            query,
            since: query.since.map(time),
            held: VecDeque::new(),
            previous: HashMap::new(),
            seen: 0,
            live: false,
        }
    }

    /// Whether the line may be shown right away. If not, it is dropped, or held back until [`Self::held`].
    pub fn take(&mut self, line: &Line<'_>) -> bool {
        if self.query.previous {
            self.note_instance(line);
            return false;
        }
        self.pass(line)
    }

    /// The same, where nobody but processes of before a restart is heard if they are wanted.
    pub fn pass(&mut self, line: &Line<'_>) -> bool {
        if !self.query.matches(line, self.since.as_deref()) {
            return false;
        }
        match self.query.last {
            Some(last) if !self.live => {
                hold(&mut self.held, line);
                if self.held.len() > last {
                    self.held.pop_front();
                }
                false
            }
            _ => true,
        }
    }

    /// What was held back, in order. From now on nothing is.
    pub fn held(&mut self) -> impl Iterator<Item = String> + use<> {
        self.live = true;
        let mut held: Vec<_> = std::mem::take(&mut self.held).into();
        for (_, instances) in self.previous.drain() {
            held.extend(instances.before);
        }
        held.sort_unstable_by_key(|(place, _)| *place);
        let surplus = held.len() - self.query.last.unwrap_or(usize::MAX).min(held.len());
        held.into_iter().skip(surplus).map(|(_, line)| line)
    }

    fn note_instance(&mut self, line: &Line<'_>) {
        self.seen += 1;
        let instances = self.previous.entry((line.release.to_owned(), line.process.to_owned())).or_default();
        if instances.instance != line.instance {
            line.instance.clone_into(&mut instances.instance);
            instances.before = std::mem::take(&mut instances.last);
        }
        if self.query.matches(line, self.since.as_deref()) {
            let mut kept = String::new();
            line.keep(&mut kept);
            instances.last.push((self.seen, kept));
        }
    }
}

fn hold(held: &mut VecDeque<(u64, String)>, line: &Line<'_>) {
    let place = held.back().map_or(0, |(place, _)| place + 1);
    let mut kept = String::new();
    line.keep(&mut kept);
    held.push_back((place, kept));
}

impl Query {
    /// Whether lines of this process may be wanted.
    pub fn wants(&self, process: &str, instance: &str, release: &str) -> bool {
        self.release.as_deref().is_none_or(|wanted| wanted == release)
            && self.process.as_deref().is_none_or(|wanted| is_of(process, wanted) || instance == wanted)
    }

    fn matches(&self, line: &Line<'_>, since: Option<&str>) -> bool {
        since.is_none_or(|since| line.time >= since)
            && self.wants(line.process, line.instance, line.release)
            && self.grep.as_ref().is_none_or(|grep| grep.is_match(line.text))
    }
}

/// Whether a process is of this type, or this very one.
fn is_of(process: &str, wanted: &str) -> bool {
    process.strip_prefix(wanted).is_some_and(|number| number.is_empty() || number.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    const LINES: [&str; 7] = [
        "2011-04-06T20:00:00.000000Z 2011-04-06-20:00:00 migrate 1 done",
        "2011-04-06T20:00:01.000000Z 2011-04-06-20:00:00 web.1 2 first",
        "2011-04-06T20:00:02.000000Z 2011-04-06-20:00:00 web.1 2 crashed",
        "2011-04-06T20:00:03.000000Z 2011-04-06-20:00:00 web.2 3 first",
        "2011-04-06T20:00:04.000000Z 2011-04-06-20:00:00 web.1 4 second",
        "2011-04-06T20:00:05.000000Z 2011-04-06-21:00:00 web.1 5 third",
        "2011-04-06T20:00:06.000000Z 2011-04-06-21:00:00 webhook.1 6 third",
    ];

    fn select(query: &Query) -> Vec<String> {
        let mut select = Select::new(query);
        let lines = LINES.map(|line| Line::parse(line).unwrap());
        let shown = lines.iter().filter(|line| select.take(line)).map(|line| line.instance.to_owned());
        let shown: Vec<String> = shown.collect();
        let held = select.held().map(|line| Line::parse(line.trim_end()).unwrap().instance.to_owned());
        shown.into_iter().chain(held).collect()
    }

    #[test]
    fn everything_is_shown_if_nothing_is_asked_for() {
        assert_eq!(select(&Query::default()), ["1", "2", "2", "3", "4", "5", "6"]);
    }

    #[test]
    fn each_filter_leaves_out_what_it_does_not_match() {
        let none = Query::default;
        let process = |name: &str| Query { process: Some(name.to_owned()), ..none() };
        assert_eq!(select(&process("web")), ["2", "2", "3", "4", "5"]);
        assert_eq!(select(&process("web.2")), ["3"]);
        assert_eq!(select(&process("we")), [""; 0]);
        let release = Some("2011-04-06-21:00:00".to_owned());
        assert_eq!(select(&Query { release, ..none() }), ["5", "6"]);
        let since = "2011-04-06T20:00:05Z".parse().ok();
        assert_eq!(select(&Query { since, ..none() }), ["5", "6"]);
        let grep = Regex::new("^(first|second)$").ok();
        assert_eq!(select(&Query { grep, ..none() }), ["2", "3", "4"]);
    }

    #[test]
    fn the_last_lines_are_the_last_of_those_that_match() {
        let last = |last| Query { process: Some("web".to_owned()), last: Some(last), ..Query::default() };
        assert_eq!(select(&last(2)), ["4", "5"]);
        assert_eq!(select(&last(0)), [""; 0]);
        assert_eq!(select(&last(100)).len(), 5);
    }

    #[test]
    fn before_the_last_restart_there_was_another_process_of_that_name_and_release() {
        let previous = Query { previous: true, ..Query::default() };
        assert_eq!(select(&previous), ["2", "2"]);
        assert_eq!(select(&Query { last: Some(1), ..previous.clone() }), ["2"]);
        let grep = Regex::new("second").ok();
        assert_eq!(select(&Query { grep, ..previous }), [""; 0]);
    }
}
