//! What `bats --formatter tap` prints: the Test Anything Protocol, version 13, with what bats adds to it.

/// How a test ended, as bats tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// As its author expects.
    Ok,
    /// Otherwise, with what it printed.
    NotOk(String),
    /// Its author says that it is not for here, and why.
    Skip(String),
}

/// What a file of tests printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tap {
    /// How many tests the file has; none, when bats did not get so far.
    pub planned: Option<usize>,
    /// Those that ended.
    pub tests: Vec<(String, Told)>,
}

/// Reads it as far as it goes: a file that was ended prints no more.
pub(super) fn parse(text: &str) -> Tap {
    let mut tap = Tap::default();
    for line in text.lines() {
        if let Some(count) = line.strip_prefix("1..") {
            tap.planned = count.parse().ok();
        } else if let Some(test) = line.strip_prefix("not ok ") {
            tap.tests.push((name(without_number(test)), Told::NotOk(String::new())));
        } else if let Some(test) = line.strip_prefix("ok ") {
            tap.tests.push(match without_number(test).split_once(" # skip") {
                Some((test, reason)) => (name(test), Told::Skip(reason.trim().to_owned())),
                None => (name(without_number(test)), Told::Ok),
            });
        } else if let (Some(said), Some((_, Told::NotOk(log)))) = (line.strip_prefix('#'), tap.tests.last_mut()) {
            log.push_str(said.strip_prefix(' ').unwrap_or(said));
            log.push('\n');
        }
    }
    tap
}

fn without_number(test: &str) -> &str {
    test.split_once(' ').map_or("", |(_, test)| test)
}

/// Without `[030] ` before it, as podman's tests have it for their file, and ` in 45ms` behind it (`--timing`).
fn name(test: &str) -> String {
    let test = match test.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((file, test)) if file.bytes().all(|byte| byte.is_ascii_digit()) => test,
        _ => test,
    };
    let untimed = test.rsplit_once(" in ").filter(|(_, time)| {
        time.strip_suffix("ms").is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_digit()))
    });
    untimed.map_or(test, |(test, _)| test).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, told: Told) -> (String, Told) {
        (name.to_owned(), told)
    }

    #[test]
    fn each_test_has_its_name_and_its_end() {
        let text = "1..4\n\
                    ok 1 [001] podman version emits reasonable output in 52ms\n\
                    not ok 2 [001] podman can pull an image in 45090ms\n\
                    # (in test file test/system/001-basic.bats, line 81)\n\
                    #\n\
                    # FAIL: no such host\n\
                    ok 3 [001] podman --context in 34ms # skip only applicable on podman-remote\n\
                    ok 4 inspect: [image] in use\n";
        let log = "(in test file test/system/001-basic.bats, line 81)\n\nFAIL: no such host\n";
        let tests = vec![
            test("podman version emits reasonable output", Told::Ok),
            test("podman can pull an image", Told::NotOk(log.to_owned())),
            test("podman --context", Told::Skip("only applicable on podman-remote".to_owned())),
            test("inspect: [image] in use", Told::Ok),
        ];
        assert_eq!(parse(text), Tap { planned: Some(4), tests });
    }

    #[test]
    fn a_skip_without_a_reason_is_one() {
        assert_eq!(parse("ok 1 copy # skip\n").tests, [test("copy", Told::Skip(String::new()))]);
    }

    #[test]
    fn what_a_test_says_to_people_is_no_part_of_its_name_or_of_anothers_log() {
        let text = "1..2\n# setup(): removing stray image\nok 1 copy\n# a word\nnot ok 2 sync\n";
        assert_eq!(parse(text).tests, [test("copy", Told::Ok), test("sync", Told::NotOk(String::new()))]);
    }

    #[test]
    fn a_file_that_was_ended_has_fewer_tests_than_it_planned() {
        let tap = parse("1..3\nok 1 copy\nnot o");
        assert_eq!((tap.planned, tap.tests.len()), (Some(3), 1));
        assert_eq!(parse("bats: no such file\n"), Tap::default());
    }
}
