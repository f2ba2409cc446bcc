//! Times of events: the processor's own counter where it runs evenly, the system's clock elsewhere.
//!
//! Reading the counter costs a third of reading the clock. Events carry its ticks until their buffer is handed over;
//! only then are they turned into nanoseconds, by what the system's clock says of the time since the run began.

#![allow(unsafe_code)]

use clew_trace::log::RawEvent;
use std::time::Instant;

/// Once the counter was compared with the clock over this time, the comparison is kept.
const LONG_ENOUGH_NS: u64 = 500_000_000;
/// Nanoseconds per tick are fixed-point numbers with this many bits behind the point.
const SCALE_BITS: u32 = 32;

/// The clock of one recording.
pub struct Clock {
    began: Instant,
    first: u64,
    counts: bool,
    scale: u64,
    settled: bool,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        let counts = counter::is_even();
        let mut clock = Self { began: Instant::now(), first: 0, counts, scale: 1 << SCALE_BITS, settled: !counts };
        clock.first = clock.ticks();
        clock
    }

    /// The present, in ticks that [`Clock::convert`] understands.
    #[inline(always)]
    pub fn ticks(&self) -> u64 {
        if self.counts {
            counter::read()
        } else {
            self.began.elapsed().as_nanos() as u64
        }
    }

    /// Turns the ticks of one thread's next events into nanoseconds since the beginning; no time is before `floor`,
    /// the last time of that thread.
    pub fn convert(&mut self, events: &mut [RawEvent], floor: &mut u64) {
        self.compare();
        let mut latest = *floor;
        let mut before = self.first;
        for event in events {
            // Operations repeat the time of the last call.
            if event.time_ns != before {
                before = event.time_ns;
                latest = latest.max(self.scaled(before));
            }
            event.time_ns = latest;
        }
        *floor = latest;
    }

    /// Nanoseconds since the beginning, for ticks.
    pub fn nanoseconds(&mut self, ticks: u64) -> u64 {
        self.compare();
        self.scaled(ticks)
    }

    fn scaled(&self, ticks: u64) -> u64 {
        let ticks = ticks.saturating_sub(self.first);
        ((u128::from(ticks) * u128::from(self.scale)) >> SCALE_BITS) as u64
    }

    fn compare(&mut self) {
        if self.settled {
            return;
        }
        let ticks = self.ticks().saturating_sub(self.first).max(1);
        let elapsed_ns = self.began.elapsed().as_nanos() as u64;
        self.scale = ((u128::from(elapsed_ns) << SCALE_BITS) / u128::from(ticks)) as u64;
        self.settled = elapsed_ns >= LONG_ENOUGH_NS;
    }
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    const POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;

    /// Whether the counter goes on at one rate on all processors, asleep or not.
    pub fn is_even() -> bool {
        __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & INVARIANT != 0
    }

    #[inline(always)]
    pub fn read() -> u64 {
        // SAFETY: every processor of this architecture has the instruction.
        unsafe { _rdtsc() }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub const fn is_even() -> bool {
        false
    }

    pub const fn read() -> u64 {
        0
    }
}
