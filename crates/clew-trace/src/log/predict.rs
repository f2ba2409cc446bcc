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

/// The tables of one block.
pub struct Predictor {
    sites: Vec<u32>,
    details: Vec<Detail>,
    history: u32,
}

impl Default for Predictor {
    fn default() -> Self {
        Self { sites: vec![0; 1 << SITE_BITS], details: vec![Detail::default(); 1 << DETAIL_BITS], history: 0 }
    }
}

impl Predictor {
    /// Forgets everything: a block begins.
    pub fn reset(&mut self) {
        self.sites.fill(0);
        self.details.fill(Detail::default());
        self.history = 0;
    }

    /// Forgets which events came last: another thread's events begin.
    pub const fn begin_run(&mut self) {
        self.history = 0;
    }

    /// Where the site that follows the last events was, and will be, noted.
    #[inline]
    pub fn next_site(&mut self) -> &mut u32 {
        &mut self.sites[(self.history.wrapping_mul(FACTOR) >> (32 - SITE_BITS)) as usize]
    }

    /// The detail of the last event of this kind at this site.
    #[inline]
    pub fn detail(&mut self, site: u32, kind: u8) -> &mut Detail {
        let key = site.wrapping_mul(8).wrapping_add(u32::from(kind));
        &mut self.details[(key.wrapping_mul(FACTOR) >> (32 - DETAIL_BITS)) as usize]
    }

    /// Takes an event into the history. An event leaves it again after the third that follows.
    #[inline]
    pub const fn saw(&mut self, site: u32, kind: u8) {
        let event = site.wrapping_mul(8).wrapping_add(kind as u32);
        self.history = (self.history << 10) ^ event.wrapping_mul(0x85EB_CA6B);
    }
}
