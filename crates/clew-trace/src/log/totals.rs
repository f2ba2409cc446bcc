//! Sums over calls, by the site that made them and the callee: exact, whatever part of the log is kept.
//!
//! The total time of a recursive function counts its outermost activation in each thread only, so that it never exceeds
//! the time that passed. What is under way when the log ends is counted, and booked up to the last event of its thread.

use super::columns::Block;
use super::stack::{CallStack, Ending};
use super::{EventKind, RawEvent};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Pairs of site and callee beyond this number are summed up in one row whose site and callee are [`u32::MAX`].
const MAX_ROWS: usize = 1 << 18;
/// Activations of callees below this number are counted in an array; of others, by searching the stack.
const MAX_COUNTED_CALLEE: u32 = 1 << 16;
/// In the note of an open call: no call of the same callee is open around it.
const OUTERMOST: u32 = 1 << 31;

/// Sums for one pair of site and callee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The site.
    pub site: u32,
    /// The callee, or the operator.
    pub callee: u32,
    /// Calls begun, or operations done.
    pub count: u64,
    /// Calls that ended by an exception.
    pub raised: u64,
    /// Time between begin and end, of outermost activations.
    pub total_ns: u64,
    /// Time not spent in calls made by it.
    pub own_ns: u64,
    /// The longest call.
    pub max_ns: u64,
}

/// All sums.
#[derive(Clone, Debug)]
pub struct Totals {
    rows: Vec<Total>,
    index: FxHashMap<(u32, u32), u32>,
    /// By the site's low bits, the pair that was last met.
    recent: Box<[Met; RECENT]>,
}

/// A pair of site and callee, its row, and how often it was met since the row was told.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    site: u32,
    callee: u32,
    row: u32,
    count: u32,
}

/// One thread's open calls, with how often each callee is among them.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// The open calls.
    pub stack: CallStack,
    open_by_callee: Vec<u32>,
    /// Time of the thread's last event.
    pub last_ns: u64,
}

const RECENT: usize = 1 << 12;

impl Default for Totals {
    #[expect(clippy::large_stack_arrays, reason = "made once, far from the end of any stack")]
    fn default() -> Self {
        Self { rows: Vec::new(), index: FxHashMap::default(), recent: Box::new([Met::default(); RECENT]) }
    }
}

impl Totals {
    /// The sums, in the order in which the pairs first occurred.
    pub fn rows(&mut self) -> &[Total] {
        for at in 0..RECENT {
            self.tell(at);
        }
        &self.rows
    }

    /// Takes one event in; gives how it ends a call, if it does.
    #[inline]
    pub fn take(&mut self, event: &RawEvent, thread: &mut Activity) -> Option<Ending> {
        thread.last_ns = event.time_ns;
        match event.kind {
            EventKind::Call => {
                self.begin(event.site, event.callee, event.time_ns, thread);
                None
            }
            EventKind::Return | EventKind::Raise => {
                let ending = thread.stack.ending(event.site, event.callee);
                let n_ended = match ending {
                    Ending::Innermost => 1,
                    Ending::Outer { above } => above + 1,
                    Ending::Unknown => 0,
                };
                for _ in 0..n_ended {
                    self.end(event.time_ns, event.kind == EventKind::Raise, thread);
                }
                Some(ending)
            }
            EventKind::Operation => {
                self.meet(event.site, event.callee);
                None
            }
            EventKind::Arguments | EventKind::Suspend | EventKind::Resume => None,
        }
    }

    /// Takes in a call that ended with nothing in between.
    #[inline]
    pub fn take_whole(&mut self, call: &RawEvent, end: &RawEvent, thread: &mut Activity) {
        thread.last_ns = end.time_ns;
        let row = self.meet(call.site, call.callee) as usize;
        let total_ns = end.time_ns.saturating_sub(call.time_ns);
        if let Some(parent) = thread.stack.calls.last_mut() {
            parent.children_ns += total_ns;
        }
        let row = &mut self.rows[row];
        row.own_ns += total_ns;
        row.max_ns = row.max_ns.max(total_ns);
        if !thread.is_open(call.callee) {
            row.total_ns += total_ns;
        }
    }

    /// Takes in the calls that were open before the first event that is left of a thread.
    pub fn take_open(&mut self, open: &[super::OpenCall], thread: &mut Activity) {
        for call in open {
            self.begin(call.site, call.callee, call.start_ns, thread);
        }
    }

    /// Books what is still open in a thread up to the thread's last event.
    pub fn close(&mut self, thread: &mut Activity) {
        while !thread.stack.calls.is_empty() {
            self.end(thread.last_ns, false, thread);
        }
    }

    /// Sums up what is left of a log that has no sums of its own.
    pub fn of_blocks(blocks: impl Iterator<Item = Result<Block, super::Error>>) -> Result<Self, super::Error> {
        let mut totals = Self::default();
        let mut threads: FxHashMap<u16, Activity> = FxHashMap::default();
        for block in blocks {
            let block = block?;
            for (run, events) in block.by_run() {
                let thread = threads.entry(run.thread).or_default();
                if let Some(open) = run.open.as_ref().filter(|open| !thread.stack.agrees(open)) {
                    totals.close(thread);
                    totals.take_open(open, thread);
                }
                for event in events {
                    totals.take(&event.raw(), thread);
                }
            }
        }
        for thread in threads.values_mut() {
            totals.close(thread);
        }
        Ok(totals)
    }

    #[inline]
    fn begin(&mut self, site: u32, callee: u32, time_ns: u64, thread: &mut Activity) {
        let row = self.meet(site, callee);
        let outermost = if thread.enter(callee) { OUTERMOST } else { 0 };
        thread.stack.begin(site, callee, time_ns, row | outermost);
    }

    #[inline]
    fn end(&mut self, time_ns: u64, raised: bool, thread: &mut Activity) {
        let Some((call, total_ns, own_ns)) = thread.stack.end(time_ns) else { return };
        thread.leave(call.callee);
        let row = &mut self.rows[(call.note & !OUTERMOST) as usize];
        row.own_ns += own_ns;
        row.max_ns = row.max_ns.max(total_ns);
        row.raised += u64::from(raised);
        if call.note & OUTERMOST != 0 {
            row.total_ns += total_ns;
        }
    }

    /// Counts an operation, or a call that begins; gives the row of its site and callee.
    #[inline(always)]
    pub fn meet(&mut self, site: u32, callee: u32) -> u32 {
        let met = &mut self.recent[site as usize % RECENT];
        if met.count == 0 || met.site != site || met.callee != callee || met.count == u32::MAX {
            return self.meet_another(site, callee);
        }
        met.count += 1;
        met.row
    }

    #[cold]
    #[inline(never)]
    fn meet_another(&mut self, site: u32, callee: u32) -> u32 {
        let at = site as usize % RECENT;
        self.tell(at);
        let row = self.find_row(site, callee);
        self.recent[at] = Met { site, callee, row, count: 1 };
        row
    }

    /// Adds to its row how often a pair was met.
    fn tell(&mut self, at: usize) {
        let met = &mut self.recent[at];
        let count = std::mem::take(&mut met.count);
        if let Some(row) = self.rows.get_mut(met.row as usize) {
            row.count += u64::from(count);
        }
    }

    fn find_row(&mut self, site: u32, callee: u32) -> u32 {
        let full = self.rows.len() >= MAX_ROWS;
        let key = if full && !self.index.contains_key(&(site, callee)) { (u32::MAX, u32::MAX) } else { (site, callee) };
        let rows = &mut self.rows;
        *self.index.entry(key).or_insert_with(|| {
            rows.push(Total { site: key.0, callee: key.1, ..Total::default() });
            rows.len() as u32 - 1
        })
    }
}

impl Activity {
    /// Notes that a callee is entered; whether it was not open before.
    #[inline]
    fn enter(&mut self, callee: u32) -> bool {
        if callee >= MAX_COUNTED_CALLEE {
            return !self.is_open(callee);
        }
        let at = callee as usize;
        if at >= self.open_by_callee.len() {
            self.open_by_callee.resize(at + 1, 0);
        }
        self.open_by_callee[at] += 1;
        self.open_by_callee[at] == 1
    }

    /// Whether a call of the callee is open.
    #[inline]
    fn is_open(&self, callee: u32) -> bool {
        if callee >= MAX_COUNTED_CALLEE {
            return self.stack.calls.iter().any(|call| call.callee == callee);
        }
        self.open_by_callee.get(callee as usize).is_some_and(|open| *open > 0)
    }

    #[inline]
    fn leave(&mut self, callee: u32) {
        if let Some(open) = self.open_by_callee.get_mut(callee as usize) {
            *open = open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ValueRef;

    const NONE: ValueRef = ValueRef::ABSENT;

    fn call(time_ns: u64, callee: u32) -> RawEvent {
        RawEvent::call(time_ns, callee, callee, [NONE; 3], 0)
    }

    fn ended(time_ns: u64, callee: u32) -> RawEvent {
        RawEvent::ended(time_ns, callee, callee, NONE)
    }

    fn check(events: &[RawEvent], expect: &[(u32, u64, u64, u64)]) {
        let mut totals = Totals::default();
        let mut thread = Activity::default();
        for event in events {
            totals.take(event, &mut thread);
        }
        totals.close(&mut thread);
        let rows: Vec<_> = totals.rows().iter().map(|r| (r.callee, r.count, r.total_ns, r.own_ns)).collect();
        assert_eq!(rows, expect);
    }

    #[test]
    fn own_time_leaves_out_callees() {
        check(&[call(0, 1), call(10, 2), ended(40, 2), ended(100, 1)], &[(1, 1, 100, 70), (2, 1, 30, 30)]);
    }

    #[test]
    fn recursion_counts_time_once() {
        let deep = 1 << 20;
        for callee in [1, deep] {
            check(
                &[call(0, callee), call(10, callee), ended(40, callee), ended(100, callee)],
                &[(callee, 2, 100, 100)],
            );
        }
    }

    #[test]
    fn open_calls_last_until_the_last_event() {
        check(&[call(0, 1), call(10, 2), ended(40, 2)], &[(1, 1, 40, 10), (2, 1, 30, 30)]);
    }

    #[test]
    fn lost_ends_are_made_up() {
        check(&[call(0, 1), call(10, 2), ended(40, 1), ended(50, 7)], &[(1, 1, 40, 10), (2, 1, 30, 30)]);
    }
}
