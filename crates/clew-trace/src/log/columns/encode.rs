//! Raw events to columns. This is the writer's inner loop: one pass for times, one for everything else.

use super::packing::Packer;
use super::{
    value_code, Columns, CALLEE_HIT, LONG_PAUSE, MAX_BLOCK_EVENTS, NEAR, OTHER_DETAIL, SITE_HIT, VALUES_SHIFT,
};
use crate::log::bytes::put_varint;
use crate::log::predict::Predictor;
use crate::log::stack::{CallStack, Ending, OpenCall};
use crate::log::{Error, RawEvent, ValueRef};

/// Builds blocks out of runs of raw events.
pub struct Encoder {
    columns: Columns,
    predictor: Predictor,
    packer: Packer,
    n_events: usize,
    /// The first event's time and the latest seen, of this block.
    times: Option<(u64, u64)>,
    seen: Vec<u16>,
    /// The pauses of one run, between two passes.
    pauses: Vec<u16>,
}

/// What is known of a finished block besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFacts {
    /// How many events it holds.
    pub n_events: u32,
    /// The earliest time at which a run of it begins.
    pub first_ns: u64,
    /// The latest time in it.
    pub last_ns: u64,
}

impl Encoder {
    /// An encoder with an empty block.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            columns: Columns::default(),
            predictor: Predictor::default(),
            packer: Packer::new()?,
            n_events: 0,
            times: None,
            seen: Vec::new(),
            pauses: Vec::new(),
        })
    }

    /// How many events the block holds so far.
    pub const fn n_events(&self) -> usize {
        self.n_events
    }

    /// How many more the block may take.
    pub const fn room(&self) -> usize {
        MAX_BLOCK_EVENTS - self.n_events
    }

    /// Begins a run: the events that follow are of `thread`, in which `stack` is open.
    pub fn begin_run(&mut self, thread: u16, stack: &CallStack, events: &[RawEvent]) {
        let first_ns = events.first().map_or(0, |event| event.time_ns);
        let out = &mut self.columns.runs;
        put_varint(out, u64::from(thread));
        put_varint(out, events.len() as u64);
        put_varint(out, first_ns);
        if !self.seen.contains(&thread) {
            self.seen.push(thread);
            put_open_calls(out, &stack.calls);
        }
        self.predictor.begin_run();
        self.put_times(first_ns, events);
        self.n_events += events.len();
        let (first, last) = self.times.unwrap_or((first_ns, first_ns));
        let latest = events.last().map_or(last, |event| event.time_ns);
        self.times = Some((first.min(first_ns), last.max(latest)));
        self.columns.tokens.reserve(events.len());
    }

    fn put_times(&mut self, first_ns: u64, events: &[RawEvent]) {
        let Columns { time_low, time_high, time_long, .. } = &mut self.columns;
        let mut before = first_ns;
        let pauses = events.iter().map(|event| {
            let pause = event.time_ns.wrapping_sub(before);
            before = event.time_ns;
            if pause >= LONG_PAUSE {
                put_varint(time_long, pause);
            }
            pause.min(LONG_PAUSE) as u16
        });
        self.pauses.clear();
        self.pauses.extend(pauses);
        time_low.extend(self.pauses.iter().map(|&pause| pause as u8));
        time_high.extend(self.pauses.iter().map(|&pause| (pause >> 8) as u8));
    }

    /// Puts one event of the run, except its time; `ending` is what [`CallStack::ending`] says of the end of a call.
    #[inline]
    pub fn put(&mut self, event: &RawEvent, ending: Option<Ending>) {
        let kind = event.kind as u8;
        let mut token = kind;
        if let Some(ending) = ending {
            if ending == Ending::Innermost {
                token |= SITE_HIT | CALLEE_HIT;
            } else {
                put_varint(&mut self.columns.sites, u64::from(event.site));
                put_varint(&mut self.columns.callees, u64::from(event.callee));
            }
        } else {
            token |= self.put_place(event);
        }
        self.predictor.saw(event.site, kind);
        let n_values = n_values(event.values);
        token |= n_values << VALUES_SHIFT;
        let Columns { values, near_values, far_values, .. } = &mut self.columns;
        for (place, value) in event.values.iter().enumerate().take(usize::from(n_values)) {
            let last = std::mem::replace(self.predictor.value(event.site, kind, place), value.0);
            let change = value.0.wrapping_sub(last);
            let code = if change == 0 {
                value_code::SAME
            } else if let Some(age) = self.predictor.recency(value.0) {
                value_code::RECENT + age
            } else if change.wrapping_add(NEAR) < 2 * NEAR {
                near_values.push(change.wrapping_add(NEAR) as u8);
                value_code::NEAR
            } else {
                far_values.extend_from_slice(&value.0.to_le_bytes());
                value_code::FAR
            };
            values.push(code);
        }
        if n_values > 0 {
            self.predictor.gave(event.values[usize::from(n_values) - 1].0);
        }
        let detail = self.predictor.detail(event.site, kind);
        if (event.count, event.flags) != (detail.count, detail.flags) {
            token |= OTHER_DETAIL;
            self.columns.details.push(event.flags);
            put_varint(&mut self.columns.details, u64::from(event.count));
            (detail.count, detail.flags) = (event.count, event.flags);
        }
        self.columns.tokens.push(token);
    }

    #[inline]
    fn put_place(&mut self, event: &RawEvent) -> u8 {
        let mut hits = 0;
        let expected = self.predictor.next_site();
        if *expected == event.site {
            hits |= SITE_HIT;
        } else {
            *expected = event.site;
            put_varint(&mut self.columns.sites, u64::from(event.site));
        }
        let detail = self.predictor.detail(event.site, event.kind as u8);
        if detail.callee == event.callee {
            hits |= CALLEE_HIT;
        } else {
            detail.callee = event.callee;
            put_varint(&mut self.columns.callees, u64::from(event.callee));
        }
        hits
    }

    /// The bytes of the block, if it holds an event; an empty block begins.
    pub fn finish_block(&mut self) -> Result<Option<(Vec<u8>, BlockFacts)>, Error> {
        let Some((first_ns, last_ns)) = self.times.take() else { return Ok(None) };
        let facts = BlockFacts { n_events: self.n_events as u32, first_ns, last_ns };
        self.predictor.reset();
        self.n_events = 0;
        self.seen.clear();
        let bytes = self.packer.pack(&mut self.columns)?;
        Ok(Some((bytes, facts)))
    }
}

/// How many values are left when the absent ones at the end go.
#[inline]
fn n_values(values: [ValueRef; 3]) -> u8 {
    let last = values.iter().rposition(|value| *value != ValueRef::ABSENT);
    last.map_or(0, |at| at as u8 + 1)
}

fn put_open_calls(out: &mut Vec<u8>, calls: &[OpenCall]) {
    put_varint(out, calls.len() as u64);
    let mut before = 0;
    for call in calls {
        put_varint(out, u64::from(call.site));
        put_varint(out, u64::from(call.callee));
        put_varint(out, call.start_ns.wrapping_sub(before));
        before = call.start_ns;
    }
}
