//! Archives that want to do harm, each made for real, each refused by name.

use std::{io::Write as _, path::Path};

use fs_err as fs;
use rst_archive::{Format, Limits, UnpackError, unpack, unpack_layers};
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

/// An extended header for the entry that follows.
fn pax(key: &str, value: &str) -> Vec<u8> {
    // The length counts itself; two digits do here.
    let record = format!("{} {key}={value}\n", key.len() + value.len() + 5);
    raw("pax", EntryType::XHeader, "", record.len() as u64, record.as_bytes())
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
        // Each stays by itself; the kernel, following the one through the other, leaves.
        (
            vec![link("l", "d/.."), link("d", ".")],
            few,
            "archive refused: entry `l` is a link to `d/..`, which is not inside",
        ),
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
        (
            vec![raw("a", EntryType::Block, "", 0, b"")],
            few,
            "archive refused: entry `a` is a block, expected a file, a folder or a link",
        ),
        (vec![pax("path", "/etc/x"), file("a")], few, "archive refused: entry `/etc/x`: `/etc/x` is absolute"),
        (
            vec![pax("linkpath", "../x"), link("a", "b")],
            few,
            "archive refused: entry `a` is a link to `../x`, which is not inside",
        ),
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
fn a_name_that_is_not_text_is_refused() {
    let mut entry = file("a");
    entry[0] = 0xff;
    let mut header = tar::Header::from_byte_slice(&entry[..512]).clone();
    header.set_cksum();
    entry[..512].copy_from_slice(header.as_bytes());
    let few = Limits { bytes: 100, entries: 3 };
    assert_eq!(refusal(&[entry], few), "archive refused: entry `\u{fffd}`: its name is not UTF-8");
}

#[test]
fn a_name_as_long_as_memory_ends_early() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.zst");
    let mut zstd = zstd::Encoder::new(fs::File::create(&archive).unwrap(), 1).unwrap();
    zstd.write_all(&raw("././@LongLink", EntryType::GNULongName, "", 1 << 33, b"")).unwrap();
    for _ in 0..64 {
        zstd.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    zstd.finish().unwrap();
    let error = unpack(&archive, Format::TarZst, &folder.path().join("out"), Limits::default()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("more than 1048576 bytes that are no file's content"), "{source}");
}

#[test]
fn a_stream_that_is_damaged_after_its_last_entry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&[file("a"), vec![0; 1024]].concat()).unwrap();
    let mut bytes = gzip.finish().unwrap();
    // The checksum stands before the length, at the very end.
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let error = unpack(&archive, Format::TarGz, &folder.path().join("out"), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "archive cannot be read at entry `(end)`");
}

#[test]
fn a_folder_that_is_not_empty_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    fs::write(&archive, [file("a"), vec![0; 1024]].concat()).unwrap();
    let error = unpack(&archive, Format::Tar, folder.path(), Limits::default()).unwrap_err();
    assert!(error.to_string().ends_with("expected an empty folder"), "{error}");
}

#[test]
fn links_that_stay_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    let entries = [file("d/x"), link("d/up", "../d"), link("e", "d/up/x"), raw("h", EntryType::Link, "d/x", 0, b"")];
    fs::write(&archive, [entries.concat(), raw("old/", EntryType::Regular, "", 0, b""), vec![0; 1024]].concat())
        .unwrap();
    let out = folder.path().join("out");
    unpack(&archive, Format::Tar, &out, Limits::default()).unwrap();
    assert_eq!(fs::read_to_string(out.join("e")).unwrap(), "hi");
    assert_eq!(fs::read_to_string(out.join("h")).unwrap(), "hi");
    assert!(out.join("old").is_dir());
}

/// What unpacking a zip says, after its bytes were changed: every `from` becomes `to`.
fn zip_refusal(names: [&str; 2], mode: u32, from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    for name in names {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"/x").unwrap();
    }
    zip.finish().unwrap();
    let mut bytes = fs::read(&archive).unwrap();
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        // The mode: the upper half of the external attributes, 38 bytes into a directory's entry.
        if mode != 0 && bytes[at..].starts_with(b"PK\x01\x02") {
            bytes[at + 38..at + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        }
    }
    fs::write(&archive, bytes).unwrap();
    unpack(&archive, Format::Zip, &folder.path().join("out"), Limits::default()).unwrap_err().to_string()
}

#[test]
fn zips_are_refused_for_the_same_reasons() {
    assert_eq!(zip_refusal(["a1", "a2"], 0, "a2", "a1"), "archive refused: two of its entries have one name");
    assert_eq!(zip_refusal(["a", "_tc"], 0, "_tc", "/tc"), "archive refused: entry `/tc`: `/tc` is absolute");
    assert_eq!(zip_refusal(["a", "__/c"], 0, "__/c", "../c"), "archive refused: entry `../c`: `../c` contains `..`");
    assert_eq!(
        zip_refusal(["a", "b"], 0o020_644, "-", "-"),
        "archive refused: entry `a` is a file of mode 20644, expected a file, a folder or a link"
    );
    // Its content is where it leads.
    assert_eq!(
        zip_refusal(["a", "b"], 0o120_777, "-", "-"),
        "archive refused: entry `a` is a link to `/x`, which is not inside"
    );
}

#[test]
fn a_package_may_link_to_its_own_root() {
    let folder = tempfile::tempdir().unwrap();
    let data = [link("usr/bin/awk", "/etc/alternatives/awk"), vec![0; 1024]].concat();
    let data = zstd::encode_all(&*data, 1).unwrap();
    let mut deb = b"!<arch>\n".to_vec();
    // A member of odd length, to be followed by a padding byte.
    for (name, bytes) in [("debian-binary", &b"2.0"[..]), ("data.tar.zst", &data)] {
        deb.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, bytes.len()).bytes());
        deb.extend(bytes);
        deb.resize(deb.len().next_multiple_of(2), b'\n');
    }
    let archive = folder.path().join("a.deb");
    fs::write(&archive, deb).unwrap();
    let out = folder.path().join("out");
    unpack(&archive, Format::Deb, &out, Limits::default()).unwrap();
    assert_eq!(fs::read_link(out.join("usr/bin/awk")).unwrap(), Path::new("../../etc/alternatives/awk"));
}

/// Unpacks layers, each of these entries, and shows every file and link that comes out, with its content.
fn layered(layers: &[&[Vec<u8>]]) -> Result<Vec<String>, UnpackError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |(number, entries): (usize, &&[Vec<u8>])| {
        let layer = folder.path().join(format!("{number}.tar"));
        fs::write(&layer, [entries.concat(), vec![0; 1024]].concat()).unwrap();
        (layer, Format::Tar)
    };
    let layers: Vec<_> = layers.iter().enumerate().map(write).collect();
    let out = folder.path().join("out");
    unpack_layers(&layers, &out, Limits::default())?;
    let mut found = Vec::new();
    let mut folders = vec![out.clone()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = path.strip_prefix(&out).unwrap().display().to_string();
            if entry.file_type().unwrap().is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(path).unwrap().display()));
            } else if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                found.push(format!("{name} = {}", fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn folder(name: &str) -> Vec<u8> {
    raw(name, EntryType::Directory, "", 0, b"")
}

fn text(name: &str, text: &[u8; 2]) -> Vec<u8> {
    raw(name, EntryType::Regular, "", 2, text)
}

#[test]
fn a_later_layer_lies_above() {
    let below = [
        file("a"),
        file("d/x"),
        file("d/y"),
        file("e/x"),
        link("l", "a"),
        raw("dev/null", EntryType::Char, "", 0, b""),
    ];
    for (above, expected) in [
        (vec![text("a", b"no")], vec!["a = no", "d/x = hi", "d/y = hi", "e/x = hi", "l -> a"]),
        (vec![file("d/.wh.x")], vec!["a = hi", "d/y = hi", "e/x = hi", "l -> a"]),
        (vec![file(".wh.d"), file(".wh.l")], vec!["a = hi", "e/x = hi"]),
        // It hides what lies below, not what comes with it, in whatever order.
        (vec![text("d/y", b"no"), file("d/.wh..wh..opq")], vec!["a = hi", "d/y = no", "e/x = hi", "l -> a"]),
        (vec![text("d/x", b"no"), file(".wh.d")], vec!["a = hi", "d/x = no", "e/x = hi", "l -> a"]),
        (vec![file(".wh..wh..opq"), text("b", b"no")], vec!["b = no"]),
        (vec![file("d")], vec!["a = hi", "d = hi", "e/x = hi", "l -> a"]),
        (vec![folder("l/"), text("l/x", b"no")], vec!["a = hi", "d/x = hi", "d/y = hi", "e/x = hi", "l/x = no"]),
        (vec![link("e", "/d")], vec!["a = hi", "d/x = hi", "d/y = hi", "e -> d", "l -> a"]),
        (vec![file("absent/.wh.x"), file("l/.wh.x")], vec!["a = hi", "d/x = hi", "d/y = hi", "e/x = hi", "l -> a"]),
        (
            vec![raw("h", EntryType::Link, "d/x", 0, b"")],
            vec!["a = hi", "d/x = hi", "d/y = hi", "e/x = hi", "h = hi", "l -> a"],
        ),
    ] {
        assert_eq!(layered(&[&below, &above]).unwrap(), expected);
    }
}

#[test]
fn layers_are_refused_for_the_same_reasons() {
    for (below, above, expected) in [
        (vec![link("l", "d")], vec![file("l/x")], "archive refused: entry `l/x` lies behind the link `l`"),
        (vec![], vec![file("a"), file("a")], "archive refused: entry `a` is there twice"),
        (vec![], vec![folder("a/"), file("a")], "archive refused: entry `a` is there twice"),
        (vec![file("x")], vec![file("../.wh.x")], "archive refused: entry `../.wh.x`: `../.wh.x` contains `..`"),
        (vec![file("x")], vec![file("/.wh.x")], "archive refused: entry `/.wh.x`: `/.wh.x` is absolute"),
        // What each layer alone would not do.
        (
            vec![link("d", ".")],
            vec![link("l", "d/..")],
            "archive refused: entry `l` is a link to `d/..`, which is not inside",
        ),
    ] {
        assert_eq!(layered(&[&below, &above]).unwrap_err().to_string(), expected);
    }
}
