//! What `bats --formatter cat` prints: the Test Anything Protocol, with a line where each file begins.

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

/// A test that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The name of its file, without `.bats`.
    pub file: String,
    /// Its own.
    pub name: String,
    /// How.
    pub told: Told,
}

/// Reads line by line, as far as bats goes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// How many tests there are; none, when bats did not get so far.
    pub planned: Option<usize>,
    /// How many of them have ended.
    pub ended: usize,
    file: String,
    /// What it printed may still come.
    last: Option<Ended>,
}

impl Reader {
    /// Reads a line; gives a test of which no more is to be said.
    pub(super) fn line(&mut self, line: &str) -> Option<Ended> {
        if let Some(said) = line.strip_prefix('#') {
            if let Some(Ended { told: Told::NotOk(log), .. }) = &mut self.last {
                log.push_str(said.strip_prefix(' ').unwrap_or(said));
                log.push('\n');
            }
            return None;
        }
        let before = self.last.take();
        if let Some(count) = line.strip_prefix("1..") {
            self.planned = count.parse().ok();
        } else if let Some(path) = line.strip_prefix("suite ") {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.file = name.strip_suffix(".bats").unwrap_or(name).to_owned();
        } else if let Some(test) = line.strip_prefix("not ok ") {
            self.end(test, Told::NotOk(String::new()));
        } else if let Some(test) = line.strip_prefix("ok ") {
            match test.split_once(" # skip") {
                Some((test, reason)) => self.end(test, Told::Skip(reason.trim().to_owned())),
                None => self.end(test, Told::Ok),
            }
        }
        before
    }

    /// The last test, when there are no more lines.
    pub(super) fn last(&mut self) -> Option<Ended> {
        self.last.take()
    }

    fn end(&mut self, numbered: &str, told: Told) {
        let name = name(numbered.split_once(' ').map_or("", |(_, test)| test));
        self.ended += 1;
        self.last = Some(Ended { file: self.file.clone(), name, told });
    }
}

/// Without `[030] ` before it, as podman's tests have it for their file.
fn name(test: &str) -> String {
    let test = match test.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((file, test)) if file.bytes().all(|byte| byte.is_ascii_digit()) => test,
        _ => test,
    };
    test.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Reader, Vec<Ended>) {
        let mut reader = Reader::default();
        let mut all: Vec<_> = text.lines().filter_map(|line| reader.line(line)).collect();
        all.extend(reader.last());
        (reader, all)
    }

    fn ended(file: &str, name: &str, told: Told) -> Ended {
        Ended { file: file.to_owned(), name: name.to_owned(), told }
    }

    #[test]
    fn each_test_has_its_file_its_name_and_its_end() {
        let text = "1..4\n\
                    suite /src/test/system/001-basic.bats\n\
                    begin 1 [001] podman version emits reasonable output\n\
                    ok 1 [001] podman version emits reasonable output\n\
                    begin 2 [001] podman can pull an image\n\
                    not ok 2 [001] podman can pull an image\n\
                    # (in test file test/system/001-basic.bats, line 81)\n\
                    #\n\
                    # FAIL: no such host\n\
                    suite /src/test/system/010-images.bats\n\
                    begin 3 [010] podman --context\n\
                    ok 3 [010] podman --context # skip only applicable on podman-remote\n\
                    begin 4 inspect: [image] in use\n\
                    ok 4 inspect: [image] in use\n";
        let log = "(in test file test/system/001-basic.bats, line 81)\n\nFAIL: no such host\n";
        let (reader, tests) = read(text);
        assert_eq!((reader.planned, reader.ended), (Some(4), 4));
        assert_eq!(
            tests,
            [
                ended("001-basic", "podman version emits reasonable output", Told::Ok),
                ended("001-basic", "podman can pull an image", Told::NotOk(log.to_owned())),
                ended("010-images", "podman --context", Told::Skip("only applicable on podman-remote".to_owned())),
                ended("010-images", "inspect: [image] in use", Told::Ok),
            ]
        );
    }

    #[test]
    fn a_skip_without_a_reason_is_one() {
        assert_eq!(read("ok 1 copy # skip\n").1, [ended("", "copy", Told::Skip(String::new()))]);
    }

    #[test]
    fn what_a_test_says_to_people_is_no_part_of_anothers_log() {
        let (_, tests) = read("1..2\n# setup(): removing stray image\nok 1 copy\n# a word\nnot ok 2 sync\n");
        assert_eq!(tests, [ended("", "copy", Told::Ok), ended("", "sync", Told::NotOk(String::new()))]);
    }

    #[test]
    fn a_run_that_was_ended_has_fewer_tests_than_it_planned() {
        let (reader, tests) = read("1..3\nok 1 copy\nnot o");
        assert_eq!((reader.planned, reader.ended, tests.len()), (Some(3), 1, 1));
        assert_eq!(read("bats: no such file\n").0.planned, None);
    }
}
