//! Guesses, made alike by the writer and the reader, so that only surprises are written.
//!
//! Programs repeat themselves: the site of the next event follows from the last few, a site calls what it called
//! before, and its values are near those of the last time. The tables are small, start empty with each block and are
//! indexed by hashes: a collision costs bytes, never correctness.

const SITE_BITS: u32 = 14;
const DETAIL_BITS: u32 = 12;
const FACTOR: u32 = 0x9E37_79B1;

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

/// How many results are remembered.
pub const RECENT: usize = 4;

/// The tables of one block.
pub struct Predictor {
    sites: Vec<u32>,
    details: Vec<Detail>,
    history: u32,
    /// The last results, in a ring.
    results: [u32; RECENT],
    latest: usize,
}

impl Default for Predictor {
    fn default() -> Self {
        Self {
            sites: vec![0; 1 << SITE_BITS],
            details: vec![Detail::default(); 1 << DETAIL_BITS],
            history: 0,
            results: [0; RECENT],
            latest: 0,
        }
    }
}

impl Predictor {
    /// Forgets everything: a block begins.
    pub fn reset(&mut self) {
        self.sites.fill(0);
        self.details.fill(Detail::default());
        self.begin_run();
    }

    /// Forgets which events came last: another thread's events begin.
    pub const fn begin_run(&mut self) {
        self.history = 0;
        self.results = [0; RECENT];
        self.latest = 0;
    }

    /// How recent a result is that has this value, if any of those remembered has.
    #[inline]
    pub fn recency(&self, value: u32) -> Option<u8> {
        (0..RECENT).find(|age| self.results[(self.latest + RECENT - age) % RECENT] == value).map(|age| age as u8)
    }

    /// The result that is as recent as this.
    #[inline]
    pub const fn result(&self, age: u8) -> u32 {
        self.results[(self.latest + RECENT - age as usize % RECENT) % RECENT]
    }

    /// Takes a result into what is remembered.
    #[inline]
    pub const fn gave(&mut self, value: u32) {
        self.latest = (self.latest + 1) % RECENT;
        self.results[self.latest] = value;
    }

    /// Where the site that follows the last events was, and will be, noted.
    #[inline]
    pub fn next_site(&mut self) -> &mut u32 {
        &mut self.sites[(self.history.wrapping_mul(FACTOR) >> (32 - SITE_BITS)) as usize]
    }

    /// The detail of the last event of this kind at this site.
    #[inline]
    pub fn detail(&mut self, site: u32, kind: u8) -> &mut Detail {
        &mut self.details[detail_index(site, kind)]
    }

    /// The value that stood in a place of the last event of this kind at this site, to be replaced.
    #[inline]
    pub fn value(&mut self, site: u32, kind: u8, place: usize) -> &mut u32 {
        &mut self.details[detail_index(site, kind)].values[place]
    }

    /// Takes an event into the history. An event leaves it again after the third that follows.
    #[inline]
    pub const fn saw(&mut self, site: u32, kind: u8) {
        let event = site.wrapping_mul(8).wrapping_add(kind as u32);
        self.history = (self.history << 10) ^ event.wrapping_mul(0x85EB_CA6B);
    }
}

#[inline]
const fn detail_index(site: u32, kind: u8) -> usize {
    let key = site.wrapping_mul(8).wrapping_add(kind as u32);
    (key.wrapping_mul(FACTOR) >> (32 - DETAIL_BITS)) as usize
}
