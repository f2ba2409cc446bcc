//! Columns back to events. Nothing in a block is trusted: whatever the bytes, the answer is events or an error.

use super::packing::unpack;
use super::{
    value_code, Block, Event, Run, CALLEE_HIT, LONG_PAUSE, MAX_BLOCK_EVENTS, NEAR, OTHER_DETAIL, SITE_HIT, VALUES_SHIFT,
};
use crate::log::bytes::Cursor;
use crate::log::predict::Predictor;
use crate::log::stack::{CallStack, Ending, OpenCall};
use crate::log::{Error, EventKind, ValueRef};
use std::collections::BTreeMap;

const NO_CALL: Error = Error::Damaged { what: "a call ends that is not open" };

/// Reads one block.
pub fn block(bytes: &[u8]) -> Result<Block, Error> {
    let columns = unpack(bytes)?;
    let n_tokens = columns.tokens.len();
    if n_tokens > MAX_BLOCK_EVENTS {
        return Err(Error::Damaged { what: "a block has too many events" });
    }
    let mut decoder = Decoder {
        tokens: Cursor::new(&columns.tokens),
        time_low: Cursor::new(&columns.time_low),
        time_high: Cursor::new(&columns.time_high),
        time_long: Cursor::new(&columns.time_long),
        sites: Cursor::new(&columns.sites),
        callees: Cursor::new(&columns.callees),
        values: Cursor::new(&columns.values),
        near_values: Cursor::new(&columns.near_values),
        far_values: Cursor::new(&columns.far_values),
        details: Cursor::new(&columns.details),
        predictor: Predictor::default(),
    };
    let mut runs = Cursor::new(&columns.runs);
    let mut stacks: BTreeMap<u16, CallStack> = BTreeMap::new();
    let mut block = Block { runs: Vec::new(), events: Vec::with_capacity(n_tokens) };
    while !runs.rest().is_empty() {
        let (run, first_ns) = run(&mut runs, &mut stacks, block.events.len())?;
        let stack = stacks.entry(run.thread).or_default();
        if run.n_events > decoder.tokens.rest().len() {
            return Err(Error::Damaged { what: "a run is longer than its block" });
        }
        decoder.predictor.begin_run();
        let mut before = first_ns;
        for _ in 0..run.n_events {
            let event = decoder.event(before, stack)?;
            before = event.time_ns;
            block.events.push(event);
        }
        block.runs.push(run);
    }
    Ok(block)
}

fn run(runs: &mut Cursor, stacks: &mut BTreeMap<u16, CallStack>, first: usize) -> Result<(Run, u64), Error> {
    let thread = u16::try_from(runs.varint()?).map_err(|_| Error::Damaged { what: "a thread's number is too big" })?;
    let n_events = runs.varint32()? as usize;
    let first_ns = runs.varint()?;
    let mut open = None;
    if let std::collections::btree_map::Entry::Vacant(vacant) = stacks.entry(thread) {
        let calls = open_calls(runs)?;
        vacant.insert(CallStack { calls: calls.clone() });
        open = Some(calls);
    }
    Ok((Run { thread, first, n_events, open }, first_ns))
}

fn open_calls(runs: &mut Cursor) -> Result<Vec<OpenCall>, Error> {
    let n_calls = runs.varint32()? as usize;
    // A call takes at least three bytes, so a count that lies cannot make this allocate much.
    let mut calls = Vec::with_capacity(n_calls.min(runs.rest().len() / 3));
    let mut before = 0_u64;
    for _ in 0..n_calls {
        let (site, callee) = (runs.varint32()?, runs.varint32()?);
        before = before.wrapping_add(runs.varint()?);
        calls.push(OpenCall { site, callee, start_ns: before, ..OpenCall::default() });
    }
    Ok(calls)
}

struct Decoder<'a> {
    tokens: Cursor<'a>,
    time_low: Cursor<'a>,
    time_high: Cursor<'a>,
    time_long: Cursor<'a>,
    sites: Cursor<'a>,
    callees: Cursor<'a>,
    values: Cursor<'a>,
    near_values: Cursor<'a>,
    far_values: Cursor<'a>,
    details: Cursor<'a>,
    predictor: Predictor,
}

impl Decoder<'_> {
    fn event(&mut self, before: u64, stack: &mut CallStack) -> Result<Event, Error> {
        let token = self.tokens.byte()?;
        let number = token & 7;
        let kind = EventKind::from_number(number).ok_or(Error::Damaged { what: "an event is of no known kind" })?;
        let time_ns = self.time(before)?;
        let mut event = Event {
            time_ns,
            start_ns: time_ns,
            site: 0,
            callee: 0,
            values: [ValueRef::ABSENT; 3],
            count: 0,
            flags: 0,
            kind,
            n_ended: 0,
        };
        if kind.is_end() {
            self.end(token, &mut event, stack)?;
        } else {
            self.place(token, &mut event)?;
        }
        self.predictor.saw(event.site, number);
        self.detail(token, &mut event)?;
        if kind == EventKind::Call {
            stack.begin(event.site, event.callee, time_ns, 0);
        }
        Ok(event)
    }

    fn time(&mut self, before: u64) -> Result<u64, Error> {
        let short = u64::from(self.time_low.byte()?) | u64::from(self.time_high.byte()?) << 8;
        let pause = if short == LONG_PAUSE { self.time_long.varint()? } else { short };
        Ok(before.wrapping_add(pause))
    }

    fn end(&mut self, token: u8, event: &mut Event, stack: &mut CallStack) -> Result<(), Error> {
        let ending = if token & SITE_HIT != 0 {
            let top = stack.calls.last().ok_or(NO_CALL)?;
            (event.site, event.callee) = (top.site, top.callee);
            Ending::Innermost
        } else {
            (event.site, event.callee) = (self.sites.varint32()?, self.callees.varint32()?);
            stack.ending(event.site, event.callee)
        };
        event.n_ended = match ending {
            Ending::Innermost => 1,
            Ending::Outer { above } => above as u32 + 1,
            Ending::Unknown => 0,
        };
        for _ in 0..event.n_ended {
            event.start_ns = stack.calls.pop().ok_or(NO_CALL)?.start_ns;
        }
        Ok(())
    }

    fn place(&mut self, token: u8, event: &mut Event) -> Result<(), Error> {
        let expected = self.predictor.next_site();
        if token & SITE_HIT == 0 {
            *expected = self.sites.varint32()?;
        }
        event.site = *expected;
        let detail = self.predictor.detail(event.site, event.kind as u8);
        if token & CALLEE_HIT == 0 {
            detail.callee = self.callees.varint32()?;
        }
        event.callee = detail.callee;
        Ok(())
    }

    fn detail(&mut self, token: u8, event: &mut Event) -> Result<(), Error> {
        let n_values = usize::from(token >> VALUES_SHIFT & 3);
        for (place, value) in event.values.iter_mut().enumerate().take(n_values) {
            let last = *self.predictor.value(event.site, event.kind as u8, place);
            let now = match self.values.byte()? {
                value_code::SAME => last,
                value_code::NEAR => last.wrapping_add(u32::from(self.near_values.byte()?)).wrapping_sub(NEAR),
                value_code::FAR => self.far_values.u32()?,
                code if code < value_code::NEAR => self.predictor.result(code - value_code::RECENT),
                _ => return Err(Error::Damaged { what: "a value is of no known kind" }),
            };
            *self.predictor.value(event.site, event.kind as u8, place) = now;
            *value = ValueRef(now);
        }
        if n_values > 0 {
            self.predictor.gave(event.values[n_values - 1].0);
        }
        let detail = self.predictor.detail(event.site, event.kind as u8);
        if token & OTHER_DETAIL != 0 {
            detail.flags = self.details.byte()?;
            let count = self.details.varint()?;
            detail.count = u16::try_from(count).map_err(|_| Error::Damaged { what: "a count is too big" })?;
        }
        (event.count, event.flags) = (detail.count, detail.flags);
        Ok(())
    }
}
