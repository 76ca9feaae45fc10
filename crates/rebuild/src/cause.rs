//! Why bytes differ, guessed from how they look: what a person would look for first.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// A text that shows where something was built, and what it is there.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is: `host name`.
    pub what: &'static str,
    /// As it would stand in a file.
    pub text: String,
}

/// How far around a difference is looked.
const AROUND: usize = 128;
/// 2020-01-01 and 2045-01-01, in seconds since 1970: what a build would write of its own time.
const TIMES: std::ops::Range<u64> = 1_577_836_800..2_366_841_600;

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    let months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
    Regex::new(&format!(r"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}|({months}) [ 0-9][0-9]"))
        .expect("a constant")
});

/// The likely cause of a first difference at `offset`.
pub(crate) fn likely(first: &[u8], second: &[u8], offset: usize, marks: &[Mark]) -> Option<String> {
    let sides = [text_around(first, offset), text_around(second, offset)];
    for mark in marks {
        if sides.iter().any(|side| contains(side, mark.text.as_bytes())) {
            return Some(format!("the {} of the machine that built it, {}", mark.what, mark.text));
        }
    }
    if sides.iter().all(|side| TIME.is_match(side)) {
        return Some("a date or a time".to_owned());
    }
    if is_time(first, second, offset) {
        return Some("seconds since 1970: the time of the build, or of a file".to_owned());
    }
    if first.len() == second.len() && same_parts(first, second) {
        return Some("the order of parts that are the same: of files as a folder lists them, of a table's keys, or of jobs that end when they do".to_owned());
    }
    if sides.iter().all(|side| side.starts_with(b"/") && side.len() > 4) {
        return Some("a path".to_owned());
    }
    None
}

/// The printable text that a byte is in, as far as it is near.
fn text_around(bytes: &[u8], offset: usize) -> &[u8] {
    let offset = offset.min(bytes.len());
    let printable = |byte: &u8| (b' '..=b'~').contains(byte);
    let before = bytes[..offset].iter().rev().take(AROUND).take_while(|byte| printable(byte)).count();
    let after = bytes[offset..].iter().take(AROUND).take_while(|byte| printable(byte)).count();
    &bytes[offset - before..offset + after]
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// Whether both have a number of such a size at the difference, of four bytes, little endian, aligned.
fn is_time(first: &[u8], second: &[u8], offset: usize) -> bool {
    let at = offset - offset % 4;
    let number = |bytes: &[u8]| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        // Four letters are a number of that size, too.
        if four.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return None;
        }
        Some(u64::from(u32::from_le_bytes(four)))
    };
    [number(first), number(second)].iter().all(|number| number.is_some_and(|number| TIMES.contains(&number)))
}

/// Whether both consist of the same lines, or of the same words of eight bytes, in another order.
fn same_parts(first: &[u8], second: &[u8]) -> bool {
    let lines = |bytes: &[u8]| sorted(bytes.split(|byte| *byte == b'\n' || *byte == 0).map(<[u8]>::to_vec).collect());
    let words = |bytes: &[u8]| sorted(bytes.chunks(8).map(<[u8]>::to_vec).collect());
    lines(first) == lines(second) || words(first) == words(second)
}

fn sorted(mut parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    parts.sort();
    parts
}

#[cfg(test)]
mod tests {
    use super::{Mark, likely};

    #[track_caller]
    fn is_likely(first: &[u8], second: &[u8], part: &str) {
        let offset = first.iter().zip(second).position(|(a, b)| a != b).expect("they differ");
        let marks = [Mark { what: "host name", text: "elsewhere".to_owned() }];
        let cause = likely(first, second, offset, &marks).unwrap_or_default();
        assert!(cause.contains(part), "expected {part}, found {cause:?}");
    }

    #[test]
    fn what_people_look_for_is_named() {
        is_likely(b"\0built by me@here\0", b"\0built by me@elsewhere\0", "host name");
        is_likely(b"made 2026-01-01 by", b"made 2026-01-02 by", "date");
        is_likely(b"\0/home/a/src/x.c\0", b"\0/home/b/src/x.c\0", "path");
        is_likely(&1_767_225_600_u32.to_le_bytes(), &1_767_225_999_u32.to_le_bytes(), "seconds since 1970");
        is_likely(b"alpha\nbeta\n", b"beta\nalpha\n", "order");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_known() {
        assert_eq!(likely(&[1, 2, 3], &[1, 9, 3], 1, &[]), None);
        assert_eq!(likely(b"libc", b"cont", 0, &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_fine(first: Vec<u8>, second: Vec<u8>, offset in 0_usize..300) {
            likely(&first, &second, offset, &[]);
        }
    }
}
