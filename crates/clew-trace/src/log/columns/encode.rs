//! Raw events to columns. This is the writer's inner loop, and its time is the program's.

use super::packing::Packer;
use super::{
    shape, Columns, CALLEE_HIT, LONG_PAUSE, MAX_BLOCK_EVENTS, NEAR, OTHER_DETAIL, OTHER_TIME, SITE_HIT, VALUES_SHIFT,
    WHOLE,
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
    /// The time of the last event of the run.
    before: u64,
    /// The first event's time and the latest seen, of this block.
    times: Option<(u64, u64)>,
    seen: Vec<u16>,
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
            before: 0,
            times: None,
            seen: Vec::new(),
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
        self.before = first_ns;
        self.n_events += events.len();
        let (first, last) = self.times.unwrap_or((first_ns, first_ns));
        let latest = events.last().map_or(last, |event| event.time_ns);
        self.times = Some((first.min(first_ns), last.max(latest)));
        let Columns { tokens, values, time_low, time_high, .. } = &mut self.columns;
        for column in [tokens, values, time_low, time_high] {
            column.reserve(events.len());
        }
    }

    /// Puts one event of the run; `ending` is what [`CallStack::ending`] says of the end of a call.
    #[inline(always)]
    pub fn put(&mut self, event: &RawEvent, ending: Option<Ending>) {
        let kind = event.kind as u8;
        let mut token = kind;
        match ending {
            Some(Ending::Innermost) => token |= SITE_HIT | CALLEE_HIT,
            Some(_) => {
                put_varint(&mut self.columns.sites, u64::from(event.site));
                put_varint(&mut self.columns.callees, u64::from(event.callee));
            }
            None => token |= self.put_place(event, kind),
        }
        let mut pause = 0;
        if event.kind.is_timed() {
            self.put_time(event.time_ns);
        } else {
            pause = event.time_ns.wrapping_sub(self.before);
            self.before = event.time_ns;
        }
        let n_values = n_values(event.values);
        self.put_values(token, event, kind, (event.values, n_values), pause);
        if n_values > 0 {
            self.predictor.recent.gave(event.values[usize::from(n_values) - 1].0);
        }
    }

    /// Puts a call that ended with nothing in between.
    #[inline]
    pub fn put_whole(&mut self, call: &RawEvent, end: &RawEvent) {
        let token = WHOLE | self.put_place(call, WHOLE);
        self.put_time(call.time_ns);
        self.put_time(end.time_ns);
        let values = [end.values[0], call.values[0], call.values[1]];
        self.put_values(token, call, WHOLE, (values, n_values(values)), 0);
        self.predictor.recent.gave(values[0].0);
    }

    #[inline(always)]
    fn put_time(&mut self, time_ns: u64) {
        let pause = time_ns.wrapping_sub(self.before);
        self.before = time_ns;
        let short = pause.min(LONG_PAUSE) as u16;
        self.columns.time_low.push(short as u8);
        self.columns.time_high.push((short >> 8) as u8);
        if pause >= LONG_PAUSE {
            put_varint(&mut self.columns.time_long, pause);
        }
    }

    #[inline(always)]
    fn put_place(&mut self, event: &RawEvent, kind: u8) -> u8 {
        let mut hits = 0;
        let expected = self.predictor.sites.next();
        if *expected == event.site {
            hits |= SITE_HIT;
        } else {
            *expected = event.site;
            put_varint(&mut self.columns.sites, u64::from(event.site));
        }
        let detail = self.predictor.details.of(event.site, kind);
        if detail.callee == event.callee {
            hits |= CALLEE_HIT;
        } else {
            detail.callee = event.callee;
            put_varint(&mut self.columns.callees, u64::from(event.callee));
        }
        hits
    }

    /// Puts the token, the values by one byte that says how each of them is told, and what is unlike the last time.
    /// `pause` is time that passed before an event of a kind that has no time of its own.
    #[inline(always)]
    fn put_values(
        &mut self,
        mut token: u8,
        event: &RawEvent,
        kind: u8,
        (all, n_values): ([ValueRef; 3], u8),
        pause: u64,
    ) {
        let Predictor { sites, details, recent } = &mut self.predictor;
        let Columns { tokens, time_long, values, near_values, far_values, details: others, .. } = &mut self.columns;
        sites.saw(event.site, kind);
        token |= n_values << VALUES_SHIFT;
        let detail = details.of(event.site, kind);
        let mut shapes = 0;
        let mut place = 1;
        for (value, last) in all.iter().zip(&mut detail.values).take(usize::from(n_values)) {
            let change = value.0.wrapping_sub(*last);
            if change != 0 {
                *last = value.0;
                let shape = if let Some(age) = recent.age(value.0) {
                    shape::RECENT + age
                } else if change.wrapping_add(NEAR) < 2 * NEAR {
                    near_values.push(change.wrapping_add(NEAR) as u8);
                    shape::NEAR
                } else {
                    far_values.extend_from_slice(&value.0.to_le_bytes());
                    shape::FAR
                };
                shapes += shape * place;
            }
            place = place.wrapping_mul(shape::N);
        }
        if n_values > 0 {
            values.push(shapes);
        }
        if (event.count, event.flags) != (detail.count, detail.flags) || pause > 0 {
            token |= OTHER_DETAIL;
            (detail.count, detail.flags) = (event.count, event.flags);
            others.push(event.flags | if pause > 0 { OTHER_TIME } else { 0 });
            put_varint(others, u64::from(event.count));
            if pause > 0 {
                put_varint(time_long, pause);
            }
        }
        tokens.push(token);
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
#[inline(always)]
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
