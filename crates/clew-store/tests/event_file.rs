//! The event log's file: threads hand over, the writer is paused and killed, the program closes descriptors.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use clew_store::{read_events, EventFile};
use clew_trace::log::{Keep, RawEvent, Tables, ValueRef};
use common::{child, store_of_parent, Directory};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

const CHUNK: usize = 4096;
const CAP: u64 = 1 << 30;

fn calls(from: u64, n: usize) -> Vec<RawEvent> {
    let none = [ValueRef::ABSENT; 3];
    let pair = |i: u64| [RawEvent::call(i * 100, 1, 1, none, 0), RawEvent::ended(i * 100 + 50, 1, 1, none[0])];
    (from..from + n as u64 / 2).flat_map(pair).collect()
}

fn events_by_thread(path: &Path) -> BTreeMap<u16, Vec<RawEvent>> {
    let mut reader = read_events(path).unwrap();
    let mut threads: BTreeMap<u16, Vec<RawEvent>> = BTreeMap::new();
    for block in reader.blocks() {
        let block = block.unwrap();
        for (run, events) in block.by_run() {
            threads.entry(run.thread).or_default().extend(events.iter().map(clew_trace::log::Event::raw));
        }
    }
    threads
}

#[test]
fn threads_hand_over_at_once() {
    let directory = Directory::new();
    let path = directory.0.join("log");
    let file = EventFile::create(&path, CAP, Keep::First).unwrap();
    file.add_tables(Tables { names: vec!["f".into(), "g".into()], ..Tables::default() });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let file = &file;
            scope.spawn(move || {
                let mut buffer = Vec::with_capacity(CHUNK);
                for chunk in 0..100 {
                    buffer.extend(calls(chunk * CHUNK as u64, CHUNK));
                    buffer = file.push(thread, buffer);
                    assert!(buffer.is_empty() && buffer.capacity() >= CHUNK);
                }
            });
        }
    });
    let summary = file.finish().unwrap();
    assert_eq!((summary.n_events, summary.n_dropped, summary.failure), (400 * CHUNK as u64, 0, None));
    assert_eq!(summary.n_bytes, std::fs::metadata(&path).unwrap().len());
    let expect: Vec<RawEvent> = (0..100).flat_map(|chunk| calls(chunk * CHUNK as u64, CHUNK)).collect();
    let found = events_by_thread(&path);
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(found.values().all(|events| *events == expect));
    assert_eq!(read_events(&path).unwrap().tables().names, ["f", "g"]);
}

#[test]
fn a_pause_ends_the_thread_and_not_the_log() {
    let directory = Directory::new();
    let path = directory.0.join("log");
    let file = EventFile::create(&path, CAP, Keep::Last).unwrap();
    for round in 0..5 {
        file.push(0, calls(round * 1000, 1000));
        file.pause();
        let so_far = events_by_thread(&path).remove(&0).unwrap();
        assert_eq!(so_far.len() as u64, (round + 1) * 1000);
    }
    assert_eq!(file.finish().unwrap().n_events, 5000);
    assert_eq!(file.finish(), None);
    assert_eq!(file.push(0, calls(0, 10)), []);
    file.flush();
}

#[test]
fn an_existing_file_is_not_touched() {
    let directory = Directory::new();
    let path = directory.0.join("log");
    std::fs::write(&path, "mine").unwrap();
    assert!(EventFile::create(&path, CAP, Keep::First).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert!(read_events(&path).is_err());
    assert!(EventFile::create(&directory.0.join("none/log"), CAP, Keep::First).is_err());
}

#[test]
fn a_log_whose_directory_vanishes_says_so_at_the_end() {
    let directory = Directory::new();
    std::fs::create_dir(directory.0.join("sub")).unwrap();
    let file = EventFile::create(&directory.0.join("sub/log"), CAP, Keep::First).unwrap();
    std::fs::remove_dir_all(directory.0.join("sub")).unwrap();
    file.push(0, calls(0, 1000));
    let summary = file.finish().unwrap();
    assert_eq!((summary.n_events, summary.n_dropped), (1000, 1000));
    assert!(summary.failure.is_some());
}

#[test]
fn a_killed_process_leaves_what_it_had_handed_over() {
    let directory = Directory::new();
    let mut process = child("logging_child", &directory.root()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("handed over")));
    // The child sleeps for longer than a block that is not full has to wait.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    process.kill().unwrap();
    process.wait().unwrap();
    let events = events_by_thread(&directory.root().join("log")).remove(&0).unwrap();
    assert_eq!(events, calls(0, 300_000));
    assert!(read_events(&directory.root().join("log")).unwrap().summary().is_none());
}

#[test]
#[ignore = "a child of a_killed_process_leaves_what_it_had_handed_over"]
fn logging_child() {
    let store = store_of_parent();
    std::fs::create_dir_all(store.root()).unwrap();
    let file = EventFile::create(&store.root().join("log"), CAP, Keep::First).unwrap();
    for chunk in calls(0, 300_000).chunks(CHUNK) {
        file.push(0, chunk.to_vec());
    }
    println!("handed over");
    std::thread::sleep(std::time::Duration::from_mins(1));
}
