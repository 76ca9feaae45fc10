//! The store against what goes wrong: damage, two owners, killed owners.

use std::{collections::BTreeSet, path::Path, time::Duration};

use fs_err as fs;
use proptest::prelude::*;
use rst_model::Digest;
use rst_store::{ActionResult, Store, StoreError, scan};

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn adopt(store: &Store, files: &[(&str, &str)]) -> Digest {
    let scratch = store.scratch().unwrap();
    let top = scratch.path().join("top");
    fs::create_dir(&top).unwrap();
    for (name, text) in files {
        fs::create_dir_all(top.join(name).parent().unwrap()).unwrap();
        fs::write(top.join(name), text).unwrap();
    }
    store.adopt(&top).unwrap()
}

#[test]
fn a_tree_is_its_names_and_contents_and_nothing_else() {
    let (_folder, store) = open();
    let one = adopt(&store, &[("a/b", "1"), ("c", "2")]);
    let two = adopt(&store, &[("c", "2"), ("a/b", "1")]);
    assert_eq!(one, two);
    assert_eq!(scan(&store.tree_path(one)).unwrap().digest(), one);
    assert_ne!(one, adopt(&store, &[("a/b", "1"), ("c", "3")]));
}

#[test]
fn a_checkout_is_writable_and_leaves_the_tree_alone() {
    let (folder, store) = open();
    let tree = adopt(&store, &[("a/b", "1")]);
    let work = folder.path().join("work");
    store.checkout(tree, &work).unwrap();
    fs::write(work.join("a/b"), "changed").unwrap();
    assert_eq!(scan(&store.tree_path(tree)).unwrap().digest(), tree);
}

#[test]
fn verify_removes_what_is_damaged_and_only_that() {
    let (_folder, store) = open();
    let sound = adopt(&store, &[("a", "1")]);
    let damaged = adopt(&store, &[("a", "2")]);
    let file = store.tree_path(damaged).join("a");
    fs::remove_file(&file).unwrap();
    fs::write(&file, "3").unwrap();
    let key = Digest::of("key");
    let result = ActionResult { output: damaged, seconds: 1.0, cpu_seconds: 1.0, unsandboxed: false };
    store.record(key, &result).unwrap();
    let verified = store.verify().unwrap();
    assert_eq!((verified.sound, verified.damaged.len()), (1, 1));
    assert!(store.has_tree(sound) && !store.has_tree(damaged));
    assert_eq!(store.result(key), None, "a result without its output is none");
}

#[test]
fn gc_keeps_what_it_is_told_and_wants_the_store_alone() {
    let (folder, store) = open();
    let kept = adopt(&store, &[("a", "1")]);
    let other = adopt(&store, &[("a", "2")]);
    let second = Store::open(&folder.path().join("store")).unwrap();
    let keep = BTreeSet::from([kept]);
    assert!(matches!(store.gc(&keep, Duration::ZERO), Err(StoreError::Busy(_))));
    drop(second);
    store.gc(&keep, Duration::ZERO).unwrap();
    assert!(store.has_tree(kept) && !store.has_tree(other));
}

#[test]
fn what_a_dead_owner_left_is_cleared_and_what_a_living_one_has_is_not() {
    let (folder, store) = open();
    let living = store.scratch().unwrap();
    let dead = folder.path().join("store/tmp/wdead");
    fs::create_dir_all(dead.join("half")).unwrap();
    fs::write(dead.with_extension("lock"), "").unwrap();
    drop(Store::open(&folder.path().join("store")).unwrap());
    assert!(!dead.exists());
    assert!(living.path().exists());
}

#[test]
fn a_published_file_replaces_in_one_step() {
    let (folder, store) = open();
    let scratch = store.scratch().unwrap();
    let put = |text: &str| {
        let file = scratch.path().join("f");
        fs::write(&file, text).unwrap();
        store.put_blob(&file).unwrap()
    };
    let (one, two) = (put("one"), put("two"));
    let to = folder.path().join("dist/x");
    store.publish(one, &to).unwrap();
    store.publish(two, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "two");
    assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1);
    // What somebody changed is mended, though the store remembers that it was right.
    fs::write(&to, "TWO").unwrap();
    store.publish(two, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "two");
}

/// Names of up to two parts, contents of a few bytes.
fn any_tree() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<u8>>> {
    prop::collection::btree_map("[a-c]/[d-f]{1,2}", prop::collection::vec(any::<u8>(), 0..9), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn out_and_in_again_is_the_same_tree(files in any_tree()) {
        let (folder, store) = open();
        let scratch = store.scratch().unwrap();
        let top = scratch.path().join("top");
        write(&top, &files);
        let tree = store.adopt(&top).unwrap();
        let work = folder.path().join("work");
        store.checkout(tree, &work).unwrap();
        prop_assert_eq!(scan(&work).unwrap().digest(), tree);
    }
}

fn write(top: &Path, files: &std::collections::BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        fs::create_dir_all(top.join(name).parent().unwrap()).unwrap();
        fs::write(top.join(name), bytes).unwrap();
    }
}

/// Somebody else's hand on a file of a tree, in place.
fn change(store: &Store, tree: Digest, name: &str, text: &str) {
    let file = store.tree_path(tree).join(name);
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&file, text).unwrap();
}

/// As the next process sees it: this one has looked already.
fn again(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("store")).unwrap()
}

#[test]
fn a_changed_tree_is_not_used_and_goes() {
    type Damage = fn(&Store, Digest);
    let damages: [Damage; 5] = [
        |store, tree| change(store, tree, "a", "2"),
        |store, tree| change(store, tree, "b/c", ""),
        |store, tree| fs::remove_file(store.tree_path(tree).join("a")).unwrap(),
        |store, tree| fs::write(store.tree_path(tree).join("new"), "").unwrap(),
        |store, tree| fs::remove_dir_all(store.tree_path(tree).join("b")).unwrap(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (folder, store) = open();
        let tree = adopt(&store, &[("a", "1"), ("b/c", "1")]);
        assert!(store.has_tree(tree));
        std::thread::sleep(Duration::from_millis(20));
        damage(&store, tree);
        let next = again(&folder);
        assert!(!next.has_tree(tree), "damage {number}");
        assert!(!next.tree_path(tree).exists());
        assert_eq!(adopt(&next, &[("a", "1"), ("b/c", "1")]), tree);
        assert!(again(&folder).has_tree(tree));
    }
}

#[test]
fn a_tree_that_was_touched_and_is_whole_is_used() {
    let (folder, store) = open();
    let tree = adopt(&store, &[("a", "1")]);
    std::thread::sleep(Duration::from_millis(20));
    change(&store, tree, "a", "1");
    assert!(again(&folder).has_tree(tree));
}

#[test]
fn a_changed_listing_is_written_anew() {
    let (folder, store) = open();
    let tree = adopt(&store, &[("a", "1")]);
    let listing = store.listing(tree).unwrap();
    let list = store.tree_path(tree).with_extension("list");
    let text = fs::read_to_string(&list).unwrap();
    let digit = if text.contains('0') { text.replacen('0', "1", 1) } else { text.replacen('1', "0", 1) };
    fs::write(&list, digit).unwrap();
    let next = again(&folder);
    assert!(next.has_tree(tree));
    assert_eq!(next.listing(tree).unwrap(), listing);
}

#[test]
fn a_changed_blob_is_not_used_and_goes() {
    let (folder, store) = open();
    let scratch = store.scratch().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "text").unwrap();
    let blob = store.put_blob(&file).unwrap();
    assert!(again(&folder).has_blob(blob) && again(&folder).has_blob(blob));
    std::thread::sleep(Duration::from_millis(20));
    let path = store.blob_path(blob);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&path, "test").unwrap();
    assert!(!again(&folder).has_blob(blob) && !path.exists());
}

#[test]
fn what_was_changed_in_a_cache_while_nobody_worked_in_it_goes() {
    let (folder, store) = open();
    let cache = store.cache("go-build", Digest::of("tools")).unwrap();
    {
        let _working = store.work_in(&cache).unwrap();
        fs::create_dir(cache.join("00")).unwrap();
        fs::write(cache.join("00/kept"), "1").unwrap();
        fs::write(cache.join("00/changed"), "1").unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    fs::write(cache.join("00/changed"), "2").unwrap();
    let next = again(&folder);
    let _working = next.work_in(&cache).unwrap();
    assert!(cache.join("00/kept").exists() && !cache.join("00/changed").exists());
}
