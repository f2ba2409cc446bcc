//! Objects: what is put comes back, once on disk, and damage is seen.
#![allow(clippy::unwrap_used, clippy::type_complexity, missing_docs)]

mod common;

use clew_store::{Error, Store};
use common::{files_below, Directory};

#[test]
fn bytes_come_back() {
    let directory = Directory::new();
    let store = directory.store();
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for bytes in [&b""[..], b"x", "naïve".as_bytes(), &vec![0; 100_000], &large] {
        let hash = store.put_object(bytes).unwrap();
        assert_eq!(hash, blake3::hash(bytes).to_hex().as_str());
        assert!(store.has_object(&hash).unwrap());
        assert_eq!(store.object(&hash).unwrap(), bytes);
    }
}

#[test]
fn the_same_bytes_are_kept_once() {
    let directory = Directory::new();
    let store = directory.store();
    let first = store.put_object(b"again").unwrap();
    let file = directory.0.join("again");
    std::fs::write(&file, "again").unwrap();
    assert_eq!(store.put_object(b"again").unwrap(), first);
    assert_eq!(store.put_file(&file).unwrap(), first);
    assert_eq!(files_below(&directory.root().join("objects")).len(), 1);
}

#[test]
fn a_file_is_streamed() {
    let directory = Directory::new();
    let store = directory.store();
    let file = directory.0.join("log");
    let bytes = vec![7; 5_000_000];
    std::fs::write(&file, &bytes).unwrap();
    let hash = store.put_file(&file).unwrap();
    let mut copy = Vec::new();
    assert_eq!(store.copy_object(&hash, &mut copy).unwrap(), 5_000_000);
    assert_eq!(copy, bytes);
    assert!(matches!(store.put_file(&directory.0.join("absent")), Err(Error::Access { .. })));
}

#[test]
fn absent_and_badly_named_objects() {
    let directory = Directory::new();
    let store = directory.store();
    let absent = blake3::hash(b"absent").to_hex().to_string();
    assert!(matches!(store.object(&absent), Err(Error::MissingObject { hash }) if hash == absent));
    assert!(!store.has_object(&absent).unwrap());
    for text in ["", "ab", "../../etc/passwd", &absent.to_uppercase(), &format!("{absent}0")] {
        assert!(matches!(store.object(text), Err(Error::InvalidHash { .. })), "{text}");
    }
}

/// Damage is reported, and storing the same bytes anew heals it.
#[test]
fn damage_is_seen_and_healed() {
    let directory = Directory::new();
    let store = directory.store();
    let bytes = b"something worth keeping".repeat(100);
    let damages: [fn(&[u8]) -> Vec<u8>; 4] = [
        |b| b[..b.len() / 2].to_vec(),
        |_| b"not zstd at all".to_vec(),
        |_| zstd::encode_all(&b"other content"[..], 3).unwrap(),
        |b| b.iter().enumerate().map(|(i, x)| if i == b.len() / 2 { x ^ 0x55 } else { *x }).collect(),
    ];
    for damage in damages {
        let hash = store.put_object(&bytes).unwrap();
        let path = directory.root().join("objects").join(&hash[..2]).join(&hash[2..]);
        std::fs::write(&path, damage(&std::fs::read(&path).unwrap())).unwrap();
        assert!(matches!(store.object(&hash), Err(Error::DamagedObject { .. })));
        assert_eq!(store.put_object(&bytes).unwrap(), hash);
        assert_eq!(store.object(&hash).unwrap(), bytes);
    }
}

#[test]
fn an_empty_file_is_not_an_object() {
    let directory = Directory::new();
    let store = directory.store();
    let hash = store.put_object(b"kept").unwrap();
    let path = directory.root().join("objects").join(&hash[..2]).join(&hash[2..]);
    std::fs::write(&path, b"").unwrap();
    store.put_object(b"kept").unwrap();
    assert_eq!(store.object(&hash).unwrap(), b"kept");
}

#[test]
fn a_store_survives_a_change_of_directory_and_holds_no_file() {
    let directory = Directory::new();
    let store: Store = directory.store();
    let hash = store.put_object(b"x").unwrap();
    if cfg!(target_os = "linux") {
        let root = directory.root();
        let held = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let held: Vec<_> = held.filter_map(|e| e.path().read_link().ok()).filter(|p| p.starts_with(&root)).collect();
        assert!(held.is_empty(), "{held:?}");
    }
    assert!(store.root().is_absolute());
    assert_eq!(store.clone().object(&hash).unwrap(), b"x");
}
