//! Guesses, made alike by the writer and the reader, so that only surprises are written.
//!
//! Programs repeat themselves: the site of the next event follows from the last few, a site calls what it called
//! before, and its values are near those of the last time. The tables are small, start empty with each block and are
//! indexed by hashes: a collision costs bytes, never correctness.

const SITE_BITS: u32 = 14;
const DETAIL_BITS: u32 = 12;
const FACTOR: u32 = 0x9E37_79B1;

/// The tables of one block.
#[derive(Default)]
pub struct Predictor {
    /// Which site follows.
    pub sites: Sites,
    /// What an event at a site is like.
    pub details: Details,
    /// The last results.
    pub recent: Recent,
}

impl Predictor {
    /// Forgets everything: a block begins.
    pub fn reset(&mut self) {
        self.sites.table.fill(0);
        self.details.table.fill(Detail::default());
        self.begin_run();
    }

    /// Forgets which events came last: another thread's events begin.
    pub const fn begin_run(&mut self) {
        self.sites.history = 0;
        self.recent.results = [0; Recent::N];
    }
}

/// The sites that followed the last few events.
pub struct Sites {
    table: Box<[u32; 1 << SITE_BITS]>,
    history: u32,
}

impl Default for Sites {
    #[expect(clippy::large_stack_arrays, reason = "made once, far from the end of any stack")]
    fn default() -> Self {
        Self { table: Box::new([0; 1 << SITE_BITS]), history: 0 }
    }
}

impl Sites {
    /// Where the site that follows the last events was, and will be, noted.
    #[inline]
    pub fn next(&mut self) -> &mut u32 {
        &mut self.table[(self.history.wrapping_mul(FACTOR) >> (32 - SITE_BITS)) as usize]
    }

    /// Takes an event into the history. An event leaves it again after the third that follows.
    #[inline]
    pub const fn saw(&mut self, site: u32, kind: u8) {
        let event = site.wrapping_mul(8).wrapping_add(kind as u32);
        self.history = (self.history << 10) ^ event.wrapping_mul(0x85EB_CA6B);
    }
}

/// What an event at a site looked like the last time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    /// The callee.
    pub callee: u32,
    /// The values.
    pub values: [u32; 3],
    /// The number of values.
    pub count: u16,
    /// The flags.
    pub flags: u8,
}

/// What the last events were like, by site and kind.
pub struct Details {
    table: Box<[Detail; 1 << DETAIL_BITS]>,
}

impl Default for Details {
    #[expect(clippy::large_stack_arrays, reason = "made once, far from the end of any stack")]
    fn default() -> Self {
        Self { table: Box::new([Detail::default(); 1 << DETAIL_BITS]) }
    }
}

impl Details {
    /// The last event of this kind at this site.
    #[inline]
    pub fn of(&mut self, site: u32, kind: u8) -> &mut Detail {
        let key = site.wrapping_mul(8).wrapping_add(u32::from(kind));
        &mut self.table[(key.wrapping_mul(FACTOR) >> (32 - DETAIL_BITS)) as usize]
    }
}

/// The last results, the latest first.
#[derive(Default)]
pub struct Recent {
    results: [u32; Self::N],
}

impl Recent {
    /// How many results are remembered.
    pub const N: usize = 3;

    /// How recent a result is that has this value, if any of those remembered has.
    #[inline]
    pub fn age(&self, value: u32) -> Option<u8> {
        self.results.iter().position(|result| *result == value).map(|age| age as u8)
    }

    /// The result that is as recent as this.
    #[inline]
    pub const fn result(&self, age: u8) -> u32 {
        self.results[age as usize % Self::N]
    }

    /// Takes a result into what is remembered.
    #[inline]
    pub const fn gave(&mut self, value: u32) {
        self.results = [value, self.results[0], self.results[1]];
    }
}
