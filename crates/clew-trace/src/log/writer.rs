//! The writing side: takes runs of raw events, sums them up, and keeps blocks of them as far as the cap allows.

use super::bytes::put_varint;
use super::columns::{BlockFacts, Encoder};
use super::frame::{self, FrameKind, Head};
use super::region::{Keep, Place, Placed, Region};
use super::tables::Tables;
use super::totals::{Activity, Total, Totals};
use super::{Error, EventKind, RawEvent, ValueRef};
use serde::{Deserialize, Serialize};
use std::io::{Seek, SeekFrom, Write};

/// A block is written when it holds this many events.
const BLOCK_EVENTS: usize = 1 << 16;
/// With a small cap, blocks are smaller, so that a ring has at least about this many.
const LEAST_BLOCKS: u64 = 16;
/// What an event takes at the worst, for that estimate.
const BYTES_PER_EVENT: u64 = 8;
const SMALL_BLOCK: u64 = 1 << 10;

/// What became of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSummary {
    /// Events that were handed over. All of them are in the totals.
    pub n_events: u64,
    /// Events that are not in the log: beyond the cap, or lost because writing failed.
    pub n_dropped: u64,
    /// Length of the log.
    pub n_bytes: u64,
    /// Why writing ended early, if it failed.
    pub failure: Option<String>,
}

/// What stands at the end of a log that was finished.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Footer {
    pub blocks: Vec<Placed>,
    pub tables: Vec<Placed>,
    pub totals: Vec<Total>,
    pub n_events: u64,
    pub n_dropped: u64,
    pub failure: Option<String>,
}

/// Writes one log.
///
/// A failure to write (a full disk) does not fail the run: the log stops there, sums go on, and the summary tells.
pub struct Writer<W> {
    out: W,
    region: Region,
    encoder: Encoder,
    threads: Vec<Activity>,
    totals: Totals,
    tables: Tables,
    /// How much of each table is in the file.
    tables_written: [usize; 4],
    block_events: usize,
    frame: Vec<u8>,
    recording: bool,
    sequence: u64,
    summary: LogSummary,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a log that keeps at most `cap_bytes` of events.
    pub fn new(mut out: W, cap_bytes: u64, keep: Keep) -> Result<Self, Error> {
        out.write_all(&frame::file_header())?;
        let fitting = (cap_bytes / (LEAST_BLOCKS * BYTES_PER_EVENT)).max(SMALL_BLOCK);
        Ok(Self {
            out,
            region: Region::new(frame::FILE_HEADER as u64, cap_bytes, keep),
            encoder: Encoder::new()?,
            threads: Vec::new(),
            totals: Totals::default(),
            tables: Tables::default(),
            tables_written: [0; 4],
            block_events: usize::try_from(fitting).unwrap_or(BLOCK_EVENTS).min(BLOCK_EVENTS),
            frame: Vec::new(),
            recording: true,
            sequence: 0,
            summary: LogSummary::default(),
        })
    }

    /// Adds to the tables. May come before or after the events that need it.
    pub fn add_tables(&mut self, more: Tables) {
        self.tables.extend(more);
    }

    /// Takes the next events of one thread, in their order.
    pub fn push(&mut self, thread: u16, events: &[RawEvent]) {
        self.summary.n_events += events.len() as u64;
        if self.threads.len() <= usize::from(thread) {
            self.threads.resize_with(usize::from(thread) + 1, Activity::default);
        }
        let mut rest = events;
        while !rest.is_empty() {
            if !self.recording {
                self.summary.n_dropped += rest.len() as u64;
                self.sum_up(thread, rest);
                return;
            }
            let (now, later) = rest.split_at(rest.len().min(self.encoder.room()));
            self.encode(thread, now);
            rest = later;
            if self.encoder.n_events() >= self.block_events {
                self.flush();
            }
        }
    }

    fn encode(&mut self, thread: u16, events: &[RawEvent]) {
        let Self { encoder, totals, threads, .. } = self;
        let activity = &mut threads[usize::from(thread)];
        encoder.begin_run(thread, &activity.stack, events);
        let mut rest = events;
        while let Some((event, after)) = rest.split_first() {
            rest = after;
            if event.kind == EventKind::Operation {
                totals.meet(event.site, event.callee);
                encoder.put(event, None);
                activity.last_ns = event.time_ns;
                continue;
            }
            if event.kind == EventKind::Call {
                if let Some((end, after)) = after.split_first().filter(|(end, _)| is_whole(event, end)) {
                    totals.take_whole(event, end, activity);
                    encoder.put_whole(event, end);
                    rest = after;
                    continue;
                }
            }
            let ending = totals.take(event, activity);
            encoder.put(event, ending);
        }
    }

    fn sum_up(&mut self, thread: u16, events: &[RawEvent]) {
        let activity = &mut self.threads[usize::from(thread)];
        for event in events {
            self.totals.take(event, activity);
        }
    }

    /// Writes what was taken so far, so that it outlives the process.
    pub fn flush(&mut self) {
        if let Err(error) = self.try_flush() {
            self.recording = false;
            self.summary.failure.get_or_insert_with(|| error.to_string());
        }
    }

    fn try_flush(&mut self) -> Result<(), Error> {
        let block = self.encoder.finish_block()?;
        if !self.recording && self.summary.failure.is_some() {
            return Ok(());
        }
        self.write_tables(false)?;
        let Some((payload, facts)) = block else { return Ok(()) };
        let written = self.write_block(&payload, facts);
        if !matches!(written, Ok(true)) {
            self.summary.n_dropped += u64::from(facts.n_events);
            self.recording = false;
        }
        written.map(drop)
    }

    fn write_block(&mut self, payload: &[u8], facts: BlockFacts) -> Result<bool, Error> {
        let length = (frame::HEAD + payload.len()) as u64;
        let offset = match self.region.place_block(length) {
            Place::At(offset) => offset,
            Place::Full => return Ok(false),
            Place::Round => {
                self.tables_written = [0; 4];
                self.write_tables(true)?;
                self.region.go_round();
                return self.write_block(payload, facts);
            }
        };
        self.write_frame(FrameKind::Block, offset, payload)?;
        let BlockFacts { n_events, first_ns, last_ns } = facts;
        self.region.wrote_block(Placed { offset, length, n_events, first_ns, last_ns });
        Ok(true)
    }

    fn write_tables(&mut self, all: bool) -> Result<(), Error> {
        let before = self.tables_written;
        let part = self.tables.part_behind(&mut self.tables_written);
        if before == self.tables_written {
            return Ok(());
        }
        let payload = pack(&part)?;
        self.write_frame(FrameKind::Tables, self.region.end(), &payload)?;
        self.region.wrote_tables((frame::HEAD + payload.len()) as u64, all);
        Ok(())
    }

    fn write_frame(&mut self, kind: FrameKind, offset: u64, payload: &[u8]) -> Result<(), Error> {
        let head = Head::new(kind, self.sequence, payload);
        self.sequence += 1;
        self.frame.clear();
        self.frame.extend_from_slice(&head.to_bytes());
        self.frame.extend_from_slice(payload);
        self.out.seek(SeekFrom::Start(offset))?;
        // In one piece: what is written to may open the file for each write.
        self.out.write_all(&self.frame)?;
        Ok(())
    }

    /// Ends the log: writes what is left and the footer. Gives the summary and what was written to.
    pub fn finish(mut self) -> (LogSummary, W) {
        self.flush();
        for thread in &mut self.threads {
            self.totals.close(thread);
        }
        self.summary.n_dropped += self.region.n_overwritten;
        if let Err(error) = self.write_footer() {
            self.summary.failure.get_or_insert_with(|| error.to_string());
        }
        (self.summary, self.out)
    }

    fn write_footer(&mut self) -> Result<(), Error> {
        let offset = self.region.end();
        let footer = Footer {
            blocks: self.region.blocks.iter().copied().collect(),
            tables: self.region.tables.clone(),
            totals: self.totals.rows().to_vec(),
            n_events: self.summary.n_events,
            n_dropped: self.summary.n_dropped,
            failure: self.summary.failure.clone(),
        };
        let payload = pack(&footer)?;
        self.write_frame(FrameKind::Footer, offset, &payload)?;
        self.out.write_all(&frame::trailer(offset))?;
        self.out.flush()?;
        self.summary.n_bytes = self.out.stream_position()?;
        Ok(())
    }
}

/// Whether an event that follows the beginning of a call ends it, and both are as plain as one token can tell.
#[inline]
fn is_whole(call: &RawEvent, end: &RawEvent) -> bool {
    const NONE: ValueRef = ValueRef::ABSENT;
    end.kind == EventKind::Return
        && (end.site, end.callee) == (call.site, call.callee)
        && (end.count, end.flags) == (1, 0)
        && (end.values[1], end.values[2], call.values[2]) == (NONE, NONE, NONE)
}

const PACK_LEVEL: i32 = 3;

/// Tables and footers: their plain length, then a zstd frame of the postcard encoding.
fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let plain = postcard::to_stdvec(value).map_err(|_| Error::Damaged { what: "a table cannot be encoded" })?;
    let mut out = Vec::new();
    put_varint(&mut out, plain.len() as u64);
    out.extend(zstd::bulk::compress(&plain, PACK_LEVEL)?);
    Ok(out)
}
