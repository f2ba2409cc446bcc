//! Measures the event log: events per second through the writer and back, and bytes per event, on made-up programs.
//!
//! `cargo run --release -p clew-trace --example event_log_speed`

#![allow(clippy::cast_precision_loss, clippy::unwrap_used)]

use clew_trace::log::{CallTree, Keep, RawEvent, Reader, ValueRef, Writer};
use std::io::Cursor;
use std::time::Instant;

/// CPU time of this thread, where the system tells it, so that other work on the machine does not count.
fn now_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = told.and_then(|text| text.split(' ').next()?.parse().ok());
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    ns.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed().as_nanos() as u64)
}

const CHUNK: usize = 4096;

struct Program {
    events: Vec<RawEvent>,
    time_ns: u64,
    noise: u64,
}

impl Program {
    fn new() -> Self {
        Self { events: Vec::new(), time_ns: 0, noise: 88_172_645_463_325_252 }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        self.noise % below
    }

    /// The clock goes on by the time of a call: some 60 ns with noise, now and then much longer.
    fn tick(&mut self) -> u64 {
        let long = self.random(500) == 0;
        self.time_ns += 45 + self.random(30) + if long { 20_000 } else { 0 };
        self.time_ns
    }

    fn call(&mut self, site: u32, argument: i64) {
        let time_ns = self.tick();
        let values = [ValueRef::integer(argument).unwrap(), ValueRef::ABSENT, ValueRef::ABSENT];
        self.events.push(RawEvent::call(time_ns, site, site / 3, values, 1));
    }

    fn ended(&mut self, site: u32, result: f64) {
        let time_ns = self.tick();
        self.events.push(RawEvent::ended(time_ns, site, site / 3, ValueRef::real(result)));
    }

    fn operation(&mut self, site: u32, values: [i64; 3]) {
        let time_ns = self.time_ns;
        let values = values.map(|value| ValueRef::integer(value).unwrap());
        self.events.push(RawEvent::operation(time_ns, site, 500 + site % 7, values, 3));
    }
}

fn fibonacci(program: &mut Program, n: i64) -> i64 {
    if n < 2 {
        return n;
    }
    program.call(1, n - 1);
    let left = fibonacci(program, n - 1);
    program.ended(1, left as f64);
    program.call(2, n - 2);
    let right = fibonacci(program, n - 2);
    program.ended(2, right as f64);
    left + right
}

/// Loops over objects whose methods call others, some by chance.
fn objects(program: &mut Program, n_calls: usize) {
    let mut i = 0;
    while program.events.len() < 2 * n_calls {
        i += 1;
        program.call(10, i);
        for site in 11..15 {
            program.call(site, 3);
            if program.random(3) == 0 {
                program.call(30 + site, i % 100);
                program.ended(30 + site, 0.5);
            }
            program.ended(site, i as f64 * 0.1);
        }
        program.ended(10, 1.0);
    }
}

/// A numeric loop at the `op` level: no clock for operations.
fn operations(program: &mut Program, n: usize) {
    let mut i = 0;
    while program.events.len() < n {
        i += 1;
        program.call(3, i);
        for site in 100..120 {
            program.operation(site, [i, i64::from(site), i + i64::from(site)]);
        }
        program.ended(3, 0.0);
    }
}

fn measure(name: &str, program: &Program, keep: Keep, cap_bytes: u64) {
    let started = now_ns();
    let mut writer = Writer::new(Cursor::new(Vec::new()), cap_bytes, keep).unwrap();
    for chunk in program.events.chunks(CHUNK) {
        writer.push(0, chunk);
    }
    let (summary, out) = writer.finish();
    let written = now_ns() - started;
    let bytes = out.into_inner();
    let started = now_ns();
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let n_read: usize = reader.blocks().map(|block| block.unwrap().events.len()).sum();
    let read = now_ns() - started;
    let started = now_ns();
    let n_nodes = CallTree::of_blocks(reader.blocks(), 1000).unwrap().nodes.len();
    let tree = now_ns() - started;
    let per_event = |time_ns: u64, n: usize| time_ns as f64 / n as f64;
    println!(
        "{name:32} write {:5.1} ns/event  read {:5.1}  tree {:5.1} ({n_nodes} nodes)  {:5.2} bytes/event kept",
        per_event(written, program.events.len()),
        per_event(read, n_read),
        per_event(tree, n_read),
        bytes.len() as f64 / (summary.n_events - summary.n_dropped) as f64,
    );
}

fn main() {
    let mut recursion = Program::new();
    fibonacci(&mut recursion, 29);
    let mut calls = Program::new();
    objects(&mut calls, 2_000_000);
    let mut numeric = Program::new();
    operations(&mut numeric, 4_000_000);
    for (name, program) in [("recursion", recursion), ("objects", calls), ("operations", numeric)] {
        measure(name, &program, Keep::First, u64::MAX);
        measure(&format!("{name}, first 1 MB"), &program, Keep::First, 1 << 20);
        measure(&format!("{name}, last 1 MB"), &program, Keep::Last, 1 << 20);
    }
}
