//! The event log against what was put in: round trips, caps, truncation, damage, arbitrary bytes.

#![allow(clippy::unwrap_used)]

use clew_trace::log::{
    CallTree, Error, Event, EventKind, Keep, LogSite, RawEvent, Reader, Tables, Total, Totals, ValueRef, Writer,
};
use clew_trace::{SourceId, StatementId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Cursor;

type Runs = Vec<(u16, Vec<RawEvent>)>;

fn write(runs: &[(u16, Vec<RawEvent>)], cap_bytes: u64, keep: Keep) -> (clew_trace::log::LogSummary, Vec<u8>) {
    let mut writer = Writer::new(Cursor::new(Vec::new()), cap_bytes, keep).unwrap();
    for (i, (thread, events)) in runs.iter().enumerate() {
        writer.add_tables(Tables { names: vec![format!("f{i}")], ..Tables::default() });
        writer.push(*thread, events);
    }
    let (summary, out) = writer.finish();
    (summary, out.into_inner())
}

fn read(bytes: &[u8]) -> BTreeMap<u16, Vec<RawEvent>> {
    let mut reader = Reader::open(Cursor::new(bytes)).unwrap();
    let mut by_thread: BTreeMap<u16, Vec<RawEvent>> = BTreeMap::new();
    for block in reader.blocks() {
        let block = block.unwrap();
        for (run, events) in block.by_run() {
            by_thread.entry(run.thread).or_default().extend(events.iter().map(Event::raw));
        }
    }
    by_thread
}

fn by_thread(runs: &Runs) -> BTreeMap<u16, Vec<RawEvent>> {
    let mut threads: BTreeMap<u16, Vec<RawEvent>> = BTreeMap::new();
    for (thread, events) in runs.iter().filter(|(_, events)| !events.is_empty()) {
        threads.entry(*thread).or_default().extend(events);
    }
    threads
}

/// A program that calls itself and others in loops, on one thread: `n_calls` calls.
fn program(n_calls: usize, seed: u64) -> Vec<RawEvent> {
    let mut state = seed | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut events = Vec::new();
    let mut open: Vec<(u32, u32)> = Vec::new();
    let mut time_ns = 0;
    let mut begun = 0;
    while begun < n_calls || !open.is_empty() {
        time_ns += 20 + random(300);
        if begun < n_calls && (open.is_empty() || (open.len() < 30 && random(2) == 0)) {
            let site = random(40) as u32;
            let values =
                [ValueRef::integer(begun.try_into().unwrap()).unwrap(), ValueRef::of_type(3), ValueRef::ABSENT];
            events.push(RawEvent::call(time_ns, site, site / 2, values, 2));
            open.push((site, site / 2));
            begun += 1;
        } else if let Some((site, callee)) = open.pop() {
            events.push(RawEvent::ended(time_ns, site, callee, ValueRef::real(0.5)));
        }
    }
    events
}

fn in_chunks(thread: u16, events: &[RawEvent], size: usize) -> Runs {
    events.chunks(size).map(|chunk| (thread, chunk.to_vec())).collect()
}

fn raw_event() -> impl Strategy<Value = RawEvent> {
    let values = prop::array::uniform3(prop_oneof![Just(0), 0_u32..100, any::<u32>()].prop_map(ValueRef));
    let small = prop_oneof![0_u32..4, any::<u32>()];
    (any::<u64>(), 0_u64..5, small.clone(), small, values, 0_u16..5, 0_u8..7, 0_u8..3).prop_map(
        |(time, short, site, callee, values, count, kind, flags)| RawEvent {
            time_ns: if short > 0 { short * 1000 } else { time },
            site,
            callee,
            values,
            count,
            kind: EventKind::from_number(kind).unwrap(),
            flags,
        },
    )
}

fn runs() -> impl Strategy<Value = Runs> {
    prop::collection::vec((0_u16..3, prop::collection::vec(raw_event(), 0..200)), 0..12)
}

#[test]
fn a_real_program_comes_back_with_its_tables() {
    let runs = in_chunks(0, &program(200_000, 7), 4096);
    let (summary, bytes) = write(&runs, u64::MAX, Keep::First);
    assert_eq!((summary.n_events, summary.n_dropped), (400_000, 0));
    assert_eq!(summary.n_bytes, bytes.len() as u64);
    assert_eq!(read(&bytes), by_thread(&runs));
    let reader = Reader::open(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.tables().names.len(), runs.len());
    assert_eq!(reader.summary(), Some(&summary));
}

#[test]
fn tables_name_places() {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 1 << 20, Keep::First).unwrap();
    let site = LogSite { source: SourceId(0), statement: StatementId(4), line: 12, column: 4 };
    writer.add_tables(Tables { sites: vec![site], ..Tables::default() });
    writer.add_tables(Tables {
        sources: vec!["a.py".into()],
        threads: vec![(1, "worker".into())],
        ..Tables::default()
    });
    let bytes = writer.finish().1.into_inner();
    let reader = Reader::open(Cursor::new(bytes)).unwrap();
    assert_eq!(reader.tables().place(0), Some(("a.py", 12)));
    assert_eq!(reader.tables().place(1), None);
    assert_eq!(reader.tables().thread(1), "worker");
    assert_eq!(reader.tables().thread(2), "thread 2");
}

#[test]
fn the_cap_keeps_the_first_or_the_last_events_and_all_totals() {
    let events = program(300_000, 3);
    let runs = in_chunks(0, &events, 4096);
    let everything = write(&runs, u64::MAX, Keep::First).1;
    let totals = Reader::open(Cursor::new(&everything)).unwrap().totals().unwrap();
    for keep in [Keep::First, Keep::Last] {
        let cap = 200_000;
        let (summary, bytes) = write(&runs, cap, keep);
        let kept = read(&bytes).remove(&0).unwrap();
        assert!(bytes.len() as u64 <= cap + 20_000, "{} bytes", bytes.len());
        assert_eq!(summary.n_dropped, (events.len() - kept.len()) as u64);
        assert!(kept.len() > 50_000);
        let expect = if keep == Keep::First { &events[..kept.len()] } else { &events[events.len() - kept.len()..] };
        assert!(kept == expect);
        assert_eq!(Reader::open(Cursor::new(&bytes)).unwrap().totals().unwrap(), totals);
    }
}

#[test]
fn what_a_killed_writer_left_is_read_up_to_the_last_whole_block() {
    let events = program(300_000, 5);
    let (_, bytes) = write(&in_chunks(0, &events, 4096), u64::MAX, Keep::First);
    let n_blocks = Reader::open(Cursor::new(&bytes)).unwrap().n_blocks();
    assert!(n_blocks > 5);
    for cut in [bytes.len() - 1, bytes.len() / 2, bytes.len() / 3, 100, 16] {
        let kept = read(&bytes[..cut]).remove(&0).unwrap_or_default();
        assert!(kept == events[..kept.len()]);
        assert!(kept.len() >= events.len() * cut.saturating_sub(400_000) / bytes.len());
    }
    assert!(matches!(Reader::open(Cursor::new(&bytes[..10])), Err(Error::NotALog)));
}

#[test]
fn a_ring_whose_writer_was_killed_is_read_in_order() {
    let events = program(300_000, 5);
    let mut writer = Writer::new(Cursor::new(Vec::new()), 200_000, Keep::Last).unwrap();
    let mut shared = Vec::new();
    for chunk in events.chunks(4096) {
        writer.push(0, chunk);
        writer.flush();
    }
    // Finishing only appends, so the file without its end is what a killed writer leaves.
    shared.extend(writer.finish().1.into_inner());
    let kept = read(&shared[..shared.len() - 20]).remove(&0).unwrap();
    assert!(kept.len() > 50_000);
    assert_eq!(kept.last(), events.last());
    // Between the remains of an overwritten lap and the next there may be gaps; what there is stands in order.
    assert!(kept.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
}

#[test]
fn a_damaged_block_does_not_take_the_others_with_it() {
    let events = program(300_000, 11);
    let (_, mut bytes) = write(&in_chunks(0, &events, 4096), u64::MAX, Keep::First);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let results: Vec<_> = reader.blocks().collect();
    assert_eq!(results.iter().filter(|block| block.is_err()).count(), 1);
    let tree = CallTree::of_blocks(results.into_iter(), 1000).unwrap();
    assert_eq!(tree.n_damaged, 1);
    assert!(tree.nodes.iter().map(|node| node.own_ns).sum::<u64>() > 0);
}

#[test]
fn a_full_disk_ends_the_log_and_not_the_sums() {
    struct Small(Cursor<Vec<u8>>);
    impl std::io::Write for Small {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.get_ref().len() > 100_000 {
                return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left"));
            }
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl std::io::Seek for Small {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let events = program(300_000, 13);
    let mut writer = Writer::new(Small(Cursor::new(Vec::new())), u64::MAX, Keep::First).unwrap();
    events.chunks(4096).for_each(|chunk| writer.push(0, chunk));
    let (summary, out) = writer.finish();
    assert_eq!(summary.n_events, 600_000);
    assert!(summary.failure.unwrap().contains("no space left"));
    let kept = read(out.0.get_ref()).remove(&0).unwrap();
    assert_eq!(summary.n_dropped, 600_000 - kept.len() as u64);
}

#[test]
fn the_tree_agrees_with_the_totals() {
    let (_, bytes) = write(&in_chunks(0, &program(50_000, 17), 1000), u64::MAX, Keep::First);
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let totals = reader.totals().unwrap();
    let sum = |key: fn(&Total) -> u64| totals.iter().map(key).sum::<u64>();
    for max_nodes in [1_000_000, 500, 3] {
        let tree = CallTree::of_blocks(reader.blocks(), max_nodes).unwrap();
        assert_eq!(tree.nodes.iter().map(|n| n.count).sum::<u64>(), sum(|t| t.count));
        assert_eq!(tree.nodes.iter().map(|n| n.own_ns).sum::<u64>(), sum(|t| t.own_ns));
        for (i, node) in tree.nodes.iter().enumerate().skip(1) {
            let children = tree.nodes.iter().skip(1).filter(|child| child.parent as usize == i);
            assert!((node.parent as usize) < i);
            assert!(children.map(|child| child.total_ns).sum::<u64>() <= node.total_ns);
        }
        assert!(tree.nodes.len() <= 2 * max_nodes + 2, "{} nodes", tree.nodes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_events_come_back(runs in runs(), cap in 1_000_u64..1_000_000) {
        let (summary, bytes) = write(&runs, u64::MAX, Keep::First);
        prop_assert_eq!(read(&bytes), by_thread(&runs));
        prop_assert_eq!(summary.n_dropped, 0);
        let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
        let mut recomputed = Totals::of_blocks(reader.blocks()).unwrap();
        let mut expect = reader.totals().unwrap();
        let mut found = recomputed.rows().to_vec();
        expect.sort_by_key(|total| (total.site, total.callee));
        found.sort_by_key(|total| (total.site, total.callee));
        prop_assert_eq!(found, expect);
        for keep in [Keep::First, Keep::Last] {
            let (summary, bytes) = write(&runs, cap, keep);
            let n_kept: usize = read(&bytes).values().map(Vec::len).sum();
            prop_assert_eq!(summary.n_events, summary.n_dropped + n_kept as u64);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read(bytes: Vec<u8>, header: bool) {
        let mut input = if header { b"CLWE\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec() } else { Vec::new() };
        input.extend(bytes);
        if let Ok(mut reader) = Reader::open(Cursor::new(&input)) {
            reader.blocks().for_each(drop);
        }
    }

    #[test]
    fn arbitrary_blocks_are_refused_or_read(
        columns in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 11),
    ) {
        // Columns stored plain, so that the decoder itself meets the bytes.
        let mut bytes = Vec::new();
        for column in &columns {
            bytes.extend((column.len() as u32).to_le_bytes());
            bytes.extend((column.len() as u32).to_le_bytes());
        }
        for column in &columns {
            bytes.extend(column);
        }
        let _ = clew_trace::log::Block::decode(&bytes);
    }

    #[test]
    fn changed_bytes_are_refused_or_read(runs in runs(), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..5), cut: usize) {
        let (_, mut bytes) = write(&runs, u64::MAX, Keep::First);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut % (bytes.len() + 1));
        if let Ok(mut reader) = Reader::open(Cursor::new(&bytes)) {
            let _ = reader.totals();
            let _ = CallTree::of_blocks(reader.blocks(), 10);
        }
    }
}
