//! The event log in Chrome's trace format, which Perfetto and <chrome://tracing> open.
//!
//! Calls are pairs of begin and end events, written as they are read: memory does not depend on the length of the log.
//! Calls whose begin is no longer in the log begin where they began, calls that never ended end with their thread.

use crate::Error;
use clew_trace::log::stack::CallStack;
use clew_trace::log::{flags, Block, Event, EventKind, Run, Tables, ValueRef};
use std::collections::BTreeMap;
use std::io::Write;

/// What to write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of the process: the script.
    pub process: String,
    /// Whether operations are written too, as instants.
    pub operations: bool,
}

/// Writes the calls in `blocks`; gives how many calls begin. Blocks that are damaged are left out.
pub fn write(
    blocks: impl Iterator<Item = Result<Block, clew_trace::log::Error>>,
    tables: &Tables,
    options: &Options,
    out: impl Write,
) -> Result<u64, Error> {
    let mut writer = TraceWriter { out, tables, operations: options.operations, n_calls: 0, threads: BTreeMap::new() };
    writer.begin(&options.process)?;
    for block in blocks {
        let block = match block {
            Ok(block) => block,
            Err(clew_trace::log::Error::Damaged { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        for (run, events) in block.by_run() {
            writer.run(run, events)?;
        }
    }
    writer.end()
}

#[derive(Default)]
struct Thread {
    stack: CallStack,
    last_ns: u64,
}

struct TraceWriter<'a, W> {
    out: W,
    tables: &'a Tables,
    operations: bool,
    n_calls: u64,
    threads: BTreeMap<u16, Thread>,
}

impl<W: Write> TraceWriter<'_, W> {
    fn begin(&mut self, process: &str) -> Result<(), Error> {
        writeln!(self.out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        let name = if process.is_empty() { "python" } else { process };
        write!(
            self.out,
            "{{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}}",
            quoted(name)
        )?;
        Ok(())
    }

    fn run(&mut self, run: &Run, events: &[Event]) -> Result<(), Error> {
        let tid = run.thread;
        let mut thread = self.threads.remove(&tid).unwrap_or_default();
        if let Some(open) = run.open.as_ref().filter(|open| !thread.stack.agrees(open)) {
            self.close(tid, &mut thread)?;
            for call in open {
                self.call(tid, call.start_ns, call.site, call.callee, None)?;
            }
            thread.stack.calls.clone_from(open);
        }
        for event in events {
            self.event(tid, &mut thread, event)?;
        }
        self.threads.insert(tid, thread);
        Ok(())
    }

    fn event(&mut self, tid: u16, thread: &mut Thread, event: &Event) -> Result<(), Error> {
        thread.last_ns = event.time_ns;
        match event.kind {
            EventKind::Call => {
                self.call(tid, event.time_ns, event.site, event.callee, Some(event))?;
                thread.stack.begin(event.site, event.callee, event.time_ns, 0);
            }
            EventKind::Return | EventKind::Raise => {
                for left in (0..event.n_ended).rev() {
                    thread.stack.calls.pop();
                    // The result is that of the call which the event names, the outermost of those that end.
                    self.ended(tid, event.time_ns, (left == 0).then_some(event))?;
                }
            }
            EventKind::Operation | EventKind::Suspend | EventKind::Resume if self.operations => {
                self.instant(tid, event)?;
            }
            EventKind::Operation | EventKind::Suspend | EventKind::Resume | EventKind::Arguments => {}
        }
        Ok(())
    }

    fn call(&mut self, tid: u16, time_ns: u64, site: u32, callee: u32, event: Option<&Event>) -> Result<(), Error> {
        self.n_calls += 1;
        self.head('B', tid, time_ns)?;
        let foreign = event.is_some_and(|event| event.flags & flags::FOREIGN != 0);
        let category = if foreign { "foreign" } else { "call" };
        write!(self.out, ",\"cat\":\"{category}\",\"name\":{},\"args\":{{", quoted(self.tables.name(callee)))?;
        let place = self.tables.place(site).map(|(path, line)| format!("{path}:{line}"));
        write!(self.out, "\"from\":{}", quoted(place.as_deref().unwrap_or("?")))?;
        if let Some(text) = event.map(|event| self.values(event)).filter(|text| !text.is_empty()) {
            write!(self.out, ",\"arguments\":{}", quoted(&text))?;
        }
        write!(self.out, "}}}}")?;
        Ok(())
    }

    fn ended(&mut self, tid: u16, time_ns: u64, event: Option<&Event>) -> Result<(), Error> {
        self.head('E', tid, time_ns)?;
        if let Some(event) = event.filter(|event| event.values[0] != ValueRef::ABSENT) {
            let word = if event.kind == EventKind::Raise { "raised" } else { "result" };
            write!(self.out, ",\"args\":{{\"{word}\":{}}}", quoted(&event.values[0].text(&self.tables.names)))?;
        }
        write!(self.out, "}}")?;
        Ok(())
    }

    fn instant(&mut self, tid: u16, event: &Event) -> Result<(), Error> {
        self.head('i', tid, event.time_ns)?;
        let name = match event.kind {
            EventKind::Suspend => "suspend",
            EventKind::Resume => "resume",
            _ => self.tables.name(event.callee),
        };
        let values = quoted(&self.values(event));
        write!(
            self.out,
            ",\"s\":\"t\",\"cat\":\"operation\",\"name\":{},\"args\":{{\"values\":{values}}}}}",
            quoted(name)
        )?;
        Ok(())
    }

    /// The begin of an event's object. Times are in microseconds.
    fn head(&mut self, phase: char, tid: u16, time_ns: u64) -> Result<(), Error> {
        let (whole, part) = (time_ns / 1000, time_ns % 1000);
        write!(self.out, ",\n{{\"ph\":\"{phase}\",\"pid\":1,\"tid\":{tid},\"ts\":{whole}.{part:03}")?;
        Ok(())
    }

    fn values(&self, event: &Event) -> String {
        let told: Vec<String> = event.values.iter().map(|value| value.text(&self.tables.names)).collect();
        let n_shown = usize::from(event.count).min(told.len());
        let mut text = told[..n_shown].join(", ");
        if usize::from(event.count) > n_shown {
            text.push_str(", …");
        }
        text
    }

    fn close(&mut self, tid: u16, thread: &mut Thread) -> Result<(), Error> {
        while thread.stack.calls.pop().is_some() {
            self.ended(tid, thread.last_ns, None)?;
        }
        Ok(())
    }

    fn end(mut self) -> Result<u64, Error> {
        for (tid, mut thread) in std::mem::take(&mut self.threads) {
            self.close(tid, &mut thread)?;
            let name = quoted(&self.tables.thread(tid));
            write!(
                self.out,
                ",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{tid},\"name\":\"thread_name\",\"args\":{{\"name\":{name}}}}}"
            )?;
        }
        writeln!(self.out, "\n]}}")?;
        self.out.flush()?;
        Ok(self.n_calls)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
