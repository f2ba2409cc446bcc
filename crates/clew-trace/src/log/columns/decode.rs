//! Columns back to events. Nothing in a block is trusted: whatever the bytes, the answer is events or an error.

use super::packing::unpack;
use super::{
    shape, Block, Event, Run, CALLEE_HIT, LONG_PAUSE, MAX_BLOCK_EVENTS, NEAR, OTHER_DETAIL, OTHER_TIME, SITE_HIT,
    VALUES_SHIFT, WHOLE,
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
        // A token may stand for two events.
        if run.n_events > 2 * decoder.tokens.rest().len() {
            return Err(Error::Damaged { what: "a run is longer than its block" });
        }
        decoder.predictor.begin_run();
        let end = run.first + run.n_events;
        let mut before = first_ns;
        while block.events.len() < end {
            let (event, ended) = decoder.event(before, stack)?;
            block.events.push(event);
            block.events.extend(ended);
            before = ended.unwrap_or(event).time_ns;
        }
        if block.events.len() > end {
            return Err(Error::Damaged { what: "a run ends within a call" });
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
    /// The next event, and the end of the call if the token stands for that as well.
    fn event(&mut self, before: u64, stack: &mut CallStack) -> Result<(Event, Option<Event>), Error> {
        let token = self.tokens.byte()?;
        let number = token & 7;
        let is_whole = number == WHOLE;
        let unknown = Error::Damaged { what: "an event is of no known kind" };
        let kind = if is_whole { EventKind::Call } else { EventKind::from_number(number).ok_or(unknown)? };
        let time_ns = if kind.is_timed() { self.time(before)? } else { before };
        let end_ns = if is_whole { self.time(time_ns)? } else { time_ns };
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
        self.predictor.sites.saw(event.site, number);
        self.content(token, &mut event)?;
        if is_whole {
            let [result, first, second] = event.values;
            self.predictor.recent.gave(result.0);
            event.values = [first, second, ValueRef::ABSENT];
            let values = [result, ValueRef::ABSENT, ValueRef::ABSENT];
            let (kind, flags) = (EventKind::Return, 0);
            let ended = Event { time_ns: end_ns, values, count: 1, flags, kind, n_ended: 1, ..event };
            return Ok((event, Some(ended)));
        }
        if kind == EventKind::Call {
            stack.begin(event.site, event.callee, time_ns, 0);
        }
        Ok((event, None))
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
        let expected = self.predictor.sites.next();
        if token & SITE_HIT == 0 {
            *expected = self.sites.varint32()?;
        }
        event.site = *expected;
        let detail = self.predictor.details.of(event.site, token & 7);
        if token & CALLEE_HIT == 0 {
            detail.callee = self.callees.varint32()?;
        }
        event.callee = detail.callee;
        Ok(())
    }

    fn content(&mut self, token: u8, event: &mut Event) -> Result<(), Error> {
        let Predictor { details, recent, .. } = &mut self.predictor;
        let detail = details.of(event.site, token & 7);
        let n_values = usize::from(token >> VALUES_SHIFT & 3);
        let mut shapes = if n_values > 0 { self.values.byte()? } else { 0 };
        for (value, last) in event.values.iter_mut().zip(&mut detail.values).take(n_values) {
            *last = match shapes % shape::N {
                shape::NEAR => last.wrapping_add(u32::from(self.near_values.byte()?)).wrapping_sub(NEAR),
                shape::FAR => self.far_values.u32()?,
                0 => *last,
                age => recent.result(age - shape::RECENT),
            };
            *value = ValueRef(*last);
            shapes /= shape::N;
        }
        if n_values > 0 && token & 7 != WHOLE {
            recent.gave(event.values[n_values - 1].0);
        }
        if token & OTHER_DETAIL != 0 {
            let flags = self.details.byte()?;
            detail.flags = flags & !OTHER_TIME;
            let count = self.details.varint()?;
            detail.count = u16::try_from(count).map_err(|_| Error::Damaged { what: "a count is too big" })?;
            if flags & OTHER_TIME != 0 {
                event.time_ns = event.time_ns.wrapping_add(self.time_long.varint()?);
                event.start_ns = event.time_ns;
            }
        }
        (event.count, event.flags) = (detail.count, detail.flags);
        Ok(())
    }
}
