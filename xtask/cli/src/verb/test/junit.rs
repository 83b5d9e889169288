//! The report that nextest writes, in the form of `JUnit`: `testsuite` for each program, `testcase` for each test.

use roxmltree::{Document, Error, Node};

use super::runner::Test;

/// The tests of a report.
pub(super) fn tests(report: &str) -> Result<Vec<Test>, Error> {
    let document = Document::parse(report)?;
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let cases = cases.filter(|case| !case.children().any(|part| part.has_tag_name("skipped")));
    Ok(cases.map(test).collect())
}

/// What a test, or an attempt at it, wrote.
fn said(of: Node<'_, '_>) -> String {
    let text = |tag: &str| {
        let part = of.children().find(|part| part.has_tag_name(tag));
        part.and_then(|part| part.text()).unwrap_or_default().trim_end()
    };
    [text("system-out"), text("system-err")].join("\n").trim().to_owned()
}

fn test(case: Node<'_, '_>) -> Test {
    let failed = |part: Node<'_, '_>| part.has_tag_name("failure") || part.has_tag_name("error");
    let passed = !case.children().any(failed);
    let output = if passed { String::new() } else { said(case) };
    let unstable = case.children().find(|part| part.has_tag_name("flakyFailure"));
    Test {
        unstable: unstable.map(said),
        name: case.attribute("name").unwrap_or_default().to_owned(),
        in_it: case.attribute("classname").is_some_and(|program| program.ends_with("::it")),
        seconds: case.attribute("time").and_then(|time| time.parse().ok()),
        passed,
        output,
    }
}

#[cfg(test)]
mod tests {
    /// As nextest 0.9.143 wrote it, but shortened.
    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" time="1.5">
    <testsuite name="xtask-contract" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="digest::tests::a_digest" classname="xtask-contract" timestamp="2026-11-29T16:00:00.000+00:00" time="0.012"></testcase>
    </testsuite>
    <testsuite name="xtask::it" tests="1" disabled="0" errors="0" failures="1">
        <testcase name="ledger::bad" classname="xtask::it" time="1.250">
            <failure message="thread 'ledger::bad' panicked" type="test failure with exit code 101">thread panicked</failure>
            <system-out>running 1 test
</system-out>
            <system-err>assertion failed: 1 &lt; 0</system-err>
        </testcase>
        <testcase name="cluster::busy" classname="xtask::it" time="7.0">
            <flakyFailure time="9.0" message="panicked" type="test failure"><system-err>a request was lost</system-err></flakyFailure>
        </testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn a_report_has_the_time_of_each_test_and_what_a_failed_one_said() {
        let tests = super::tests(REPORT).unwrap();
        let told: Vec<_> =
            tests.iter().map(|test| (&*test.name, test.in_it, test.seconds, test.passed)).collect();
        assert_eq!(
            told,
            [
                ("digest::tests::a_digest", false, Some(0.012), true),
                ("ledger::bad", true, Some(1.25), false),
                ("cluster::busy", true, Some(7.0), true)
            ]
        );
        assert_eq!(tests[2].unstable.as_deref(), Some("a request was lost"));
        assert_eq!(tests[1].output, "running 1 test\nassertion failed: 1 < 0");
    }
}
