//! The calls of an event log one by one, in the order in which they began.

use crate::Error;
use clew_trace::log::stack::CallStack;
use clew_trace::log::{Block, Event, EventKind, Tables, ValueRef};
use std::collections::BTreeMap;

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Index of the call during which it was made, in the same thread.
    pub parent: Option<usize>,
    /// Name of what was called.
    pub callee: String,
    /// Texts of the arguments; not more than the log keeps.
    pub arguments: Vec<String>,
    /// How many arguments there were.
    pub n_arguments: usize,
    /// Text of the result.
    pub result: Option<String>,
    /// Type of the exception that ended it.
    pub raised: Option<String>,
    /// Where it was made.
    pub place: Option<(String, u32)>,
    /// Number of the thread.
    pub thread: u16,
    /// Nanoseconds from the start of the run.
    pub start_ns: u64,
    /// How long it took; none if it never ended.
    pub duration_ns: Option<u64>,
}

/// Lists up to `limit` calls. Blocks that are damaged are left out.
pub fn list(
    blocks: impl Iterator<Item = Result<Block, clew_trace::log::Error>>,
    tables: &Tables,
    limit: usize,
) -> Result<Vec<Call>, Error> {
    let mut lister = Lister { tables, limit, calls: Vec::new(), threads: BTreeMap::new() };
    for block in blocks {
        match block {
            Ok(block) => {
                for (run, events) in block.by_run() {
                    let mut thread = lister.threads.remove(&run.thread).unwrap_or_default();
                    if let Some(open) = run.open.as_ref().filter(|open| !thread.stack.agrees(open)) {
                        // What lay between was left out: these calls are known by their end only.
                        thread.stack.calls.clone_from(open);
                        thread.open = vec![None; open.len()];
                    }
                    for event in events {
                        lister.event(run.thread, &mut thread, event);
                    }
                    lister.threads.insert(run.thread, thread);
                }
            }
            Err(clew_trace::log::Error::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(lister.calls)
}

#[derive(Default)]
struct Thread {
    stack: CallStack,
    /// For each open call its index, if it is listed.
    open: Vec<Option<usize>>,
    /// The call whose arguments come.
    last: Option<usize>,
}

struct Lister<'a> {
    tables: &'a Tables,
    limit: usize,
    calls: Vec<Call>,
    threads: BTreeMap<u16, Thread>,
}

impl Lister<'_> {
    fn event(&mut self, number: u16, thread: &mut Thread, event: &Event) {
        match event.kind {
            EventKind::Call => {
                thread.last = self.begin(number, thread, event);
                thread.stack.begin(event.site, event.callee, event.time_ns, 0);
                thread.open.push(thread.last);
            }
            EventKind::Arguments => {
                if let Some(call) = thread.last {
                    let more = self.texts(event, self.calls[call].n_arguments);
                    let call = &mut self.calls[call];
                    let room = call.n_arguments.saturating_sub(call.arguments.len());
                    call.arguments.extend(more.into_iter().take(room));
                }
            }
            EventKind::Return | EventKind::Raise => {
                for left in (0..event.n_ended).rev() {
                    thread.stack.calls.pop();
                    // The result is that of the outermost of the calls that end.
                    if let Some(call) = thread.open.pop().flatten() {
                        self.end(call, event, left == 0);
                    }
                }
            }
            EventKind::Operation | EventKind::Suspend | EventKind::Resume => thread.last = None,
        }
    }

    fn begin(&mut self, number: u16, thread: &Thread, event: &Event) -> Option<usize> {
        if self.calls.len() >= self.limit {
            return None;
        }
        let n_arguments = usize::from(event.count);
        self.calls.push(Call {
            parent: thread.open.iter().rev().find_map(|open| *open),
            callee: self.tables.name(event.callee).to_owned(),
            arguments: self.texts(event, n_arguments),
            n_arguments,
            place: self.tables.place(event.site).map(|(path, line)| (path.to_owned(), line)),
            thread: number,
            start_ns: event.time_ns,
            ..Call::default()
        });
        Some(self.calls.len() - 1)
    }

    fn end(&mut self, call: usize, event: &Event, is_its: bool) {
        let text = event.values[0].text(&self.tables.names);
        let call = &mut self.calls[call];
        call.duration_ns = Some(event.time_ns.saturating_sub(call.start_ns));
        if !is_its || event.values[0] == ValueRef::ABSENT {
            return;
        }
        if event.kind == EventKind::Raise {
            call.raised = Some(text.trim_matches(['<', '>']).to_owned());
        } else {
            call.result = Some(text);
        }
    }

    fn texts(&self, event: &Event, n: usize) -> Vec<String> {
        event.values.iter().take(n).map(|value| value.text(&self.tables.names)).collect()
    }
}
