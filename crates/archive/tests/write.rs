//! What is written: the same bytes twice, and opened by the system's own tar.

use std::{collections::BTreeMap, path::Path, process::Command};

use fs_err as fs;
use proptest::prelude::*;
use rst_archive::{ArchiveEntry, Compression, Content, Format, Limits, WriteError, unpack, write};
use rst_model::RelPath;

const EPOCH: u64 = 1_767_225_600;

fn entries(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Vec<ArchiveEntry> {
    files
        .iter()
        .map(|(name, bytes)| {
            let file = folder.join(name.replace('/', "_"));
            fs::write(&file, bytes).unwrap();
            let path = RelPath::new(&format!("top/{name}")).unwrap();
            ArchiveEntry { path, content: Content::File(file), executable: bytes.len() % 2 == 1 }
        })
        .collect()
}

fn sample() -> BTreeMap<String, Vec<u8>> {
    let long = format!("share/{}", "long-".repeat(40));
    [("bin/podman".to_owned(), b"program".repeat(3)), ("share/x".to_owned(), Vec::new()), (long, b"1".to_vec())].into()
}

#[test]
fn twice_the_same_bytes_whatever_the_order() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [Compression::Zstd, Compression::ZstdDraft, Compression::Gzip] {
        let mut list = entries(folder.path(), &sample());
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        write(list.clone(), EPOCH, compression, &one).unwrap();
        list.reverse();
        write(list, EPOCH, compression, &two).unwrap();
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }
}

#[test]
fn the_systems_tar_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = entries(folder.path(), &sample());
    list.push(ArchiveEntry {
        path: RelPath::new("top/bin/link").unwrap(),
        content: Content::Symlink("podman".into()),
        executable: false,
    });
    for (compression, ending) in [(Compression::Zstd, "tar.zst"), (Compression::Gzip, "tar.gz")] {
        let archive = folder.path().join(format!("a.{ending}"));
        write(list.clone(), EPOCH, compression, &archive).unwrap();
        let listed =
            Command::new("tar").arg("--numeric-owner").arg("-tvf").arg(&archive).env("TZ", "UTC").output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("-rwxr-xr-x 0/0              21 2026-01-01 00:00 top/bin/podman\n"), "{listed}");
        assert!(listed.contains("top/bin/link -> podman\n"), "{listed}");
        assert!(listed.starts_with("drwxr-xr-x 0/0               0 2026-01-01 00:00 top/\n"), "{listed}");
    }
}

#[test]
fn no_decoder_has_to_be_told_of_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a");
    write(entries(folder.path(), &sample()), EPOCH, Compression::Zstd, &archive).unwrap();
    // RFC 8878, 3.1.1.1: after the magic the descriptor (no single segment, a checksum), then the
    // window: 2^(10 + 16), which is half of what every decoder takes.
    let bytes = fs::read(archive).unwrap();
    assert_eq!((bytes[4], bytes[5]), (0b100, 16 << 3));
}

#[test]
fn one_name_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = entries(folder.path(), &sample());
    let twice = [list.clone(), list].concat();
    let error = write(twice, EPOCH, Compression::Gzip, &folder.path().join("a")).unwrap_err();
    assert!(matches!(error, WriteError::Duplicate(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_comes_out_again(
        files in prop::collection::btree_map("[a-c]{1,2}/[d-f]{1,3}", prop::collection::vec(any::<u8>(), 0..40), 1..9)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.tar.zst");
        write(entries(folder.path(), &files), EPOCH, Compression::ZstdDraft, &archive).unwrap();
        let out = folder.path().join("out");
        unpack(&archive, Format::TarZst, &out, Limits::default()).unwrap();
        for (name, bytes) in &files {
            prop_assert_eq!(&fs::read(out.join("top").join(name)).unwrap(), bytes);
        }
    }
}
