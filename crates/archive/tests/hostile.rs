//! Archives that want to do harm, each made for real, each refused by name.

use std::{io::Write as _, path::Path};

use fs_err as fs;
use rst_archive::{Format, Limits, unpack};
use tar::EntryType;

/// One raw entry: the tar crate would refuse to write most of these.
fn raw(name: &str, kind: EntryType, link: &str, declared: u64, data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(declared);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..name.len()].copy_from_slice(name.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str) -> Vec<u8> {
    raw(name, EntryType::Regular, "", 2, b"hi")
}

fn link(name: &str, target: &str) -> Vec<u8> {
    raw(name, EntryType::Symlink, target, 0, b"")
}

/// What unpacking these entries says; nothing may appear beside the folder.
fn refusal(entries: &[Vec<u8>], limits: Limits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    fs::write(&archive, [entries.concat(), vec![0; 1024]].concat()).unwrap();
    let result = unpack(&archive, Format::Tar, &folder.path().join("out"), limits);
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.tar", "out"]);
    result.unwrap_err().to_string()
}

#[test]
fn each_is_refused_by_name() {
    let few = Limits { bytes: 100, entries: 3 };
    for (entries, limits, expected) in [
        (vec![file("/etc/x")], few, "archive refused: entry `/etc/x`: `/etc/x` is absolute"),
        (vec![file("a/../../x")], few, "archive refused: entry `a/../../x`: `a/../../x` contains `..`"),
        (vec![link("a", "../x")], few, "archive refused: entry `a` is a link to `../x`, which is not inside"),
        (vec![link("a", "/etc")], few, "archive refused: entry `a` is a link to `/etc`, which is not inside"),
        (vec![link("a", "b"), file("a/x")], few, "archive refused: entry `a/x` lies behind the link `a`"),
        (
            vec![raw("a", EntryType::Link, "x", 0, b"")],
            few,
            "archive refused: entry `a` is a link to `x`, which is not inside",
        ),
        (
            vec![raw("a", EntryType::Char, "", 0, b"")],
            few,
            "archive refused: entry `a` is a char, expected a file, a folder or a link",
        ),
        (
            vec![raw("a", EntryType::Fifo, "", 0, b"")],
            few,
            "archive refused: entry `a` is a fifo, expected a file, a folder or a link",
        ),
        (vec![file("a"), file("a")], few, "archive refused: entry `a` is there twice"),
        (vec![file("a"), link("a", "b")], few, "archive refused: entry `a` is there twice"),
        (vec![file("a"), file("a/b")], few, "archive refused: entry `a` is there twice"),
        (
            vec![raw("a", EntryType::Regular, "", 1 << 40, b"")],
            few,
            "archive refused: with entry `a` it holds more than 100 bytes",
        ),
        (vec![file("a"), file("b"), file("c"), file("d")], few, "archive refused: it holds more than 3 entries"),
        (vec![file("a\nb")], few, "archive refused: entry `a\nb`: \"a\\nb\" contains a control character"),
    ] {
        assert_eq!(refusal(&entries, limits), expected);
    }
}

#[test]
fn a_cut_archive_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    let mut entry = raw("a", EntryType::Regular, "", 5000, &[b'x'; 5000]);
    entry.truncate(2000);
    fs::write(&archive, entry).unwrap();
    let error = unpack(&archive, Format::Tar, &folder.path().join("out"), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("`a`"), "{error}");
}

#[test]
fn a_zip_bomb_is_stopped_by_what_it_declares() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    zip.start_file("zeros", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![0; 10_000_000]).unwrap();
    zip.finish().unwrap();
    let limits = Limits { bytes: 1000, entries: 10 };
    let error = unpack(&archive, Format::Zip, &folder.path().join("out"), limits).unwrap_err();
    assert_eq!(error.to_string(), "archive refused: with entry `zeros` it holds more than 1000 bytes");
}

#[test]
fn a_package_may_link_to_its_own_root() {
    let folder = tempfile::tempdir().unwrap();
    let data = [link("usr/bin/awk", "/etc/alternatives/awk"), vec![0; 1024]].concat();
    let mut deb = b"!<arch>\n".to_vec();
    deb.extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "data.tar", 0, 0, 0, 100644, data.len()).bytes());
    deb.extend(&data);
    let archive = folder.path().join("a.deb");
    fs::write(&archive, deb).unwrap();
    let out = folder.path().join("out");
    unpack(&archive, Format::Deb, &out, Limits::default()).unwrap();
    assert_eq!(fs::read_link(out.join("usr/bin/awk")).unwrap(), Path::new("../../etc/alternatives/awk"));
}
