//! What the tests' own harness says of each.

use super::runner::Test;

/// The tests of its lines, `test NAME ... ok`; those that failed have what they said.
pub(super) fn tests(said: &str, in_it: bool) -> Vec<Test> {
    let ended = |line: &str| {
        let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let passed = match end.split([' ', ',']).next()? {
            "ok" => true,
            "FAILED" => false,
            _ => return None, // ignored
        };
        let name = name.split(" - ").next().unwrap_or(name).to_owned();
        let output = if passed { String::new() } else { output_of(said, &name) };
        Some(Test { name, in_it, seconds: None, passed, unstable: None, output })
    };
    said.lines().filter_map(ended).collect()
}

/// What stands below a failed test's heading, up to the next one.
fn output_of(said: &str, name: &str) -> String {
    let heading = format!("---- {name} stdout ----");
    let below = said.lines().skip_while(|line| *line != heading).skip(1);
    let own = below.take_while(|line| !line.starts_with("---- ") && *line != "failures:");
    own.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_test_is_told_with_what_a_failed_one_said() {
        let said = "running 3 tests\ntest a::good ... ok\ntest b::called_by_another ... ignored, why\n\
                    test c::bad ... FAILED\n\nfailures:\n\n---- c::bad stdout ----\nassertion failed: 1 == 2\n\n\n\
                    failures:\n    c::bad\n\ntest result: FAILED. 1 passed; 1 failed\n";
        let tests = super::tests(said, true);
        let told: Vec<_> = tests.iter().map(|test| (&*test.name, test.passed, &*test.output)).collect();
        assert_eq!(told, [("a::good", true, ""), ("c::bad", false, "assertion failed: 1 == 2")]);
    }
}
