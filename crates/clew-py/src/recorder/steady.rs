//! What was found by looking, and holds until one of the objects is written that were looked at.

use std::sync::atomic::{AtomicU64, Ordering};

/// Walks that are kept.
const N_WALKS: usize = 16;
/// Bits of the set of watched addresses.
const N_WATCHED: usize = 4096;

/// Addresses about which somebody knows something that holds until they are written.
///
/// They are a set of bits, so that a write may be taken for another's: that costs a look, no more.
pub struct Watch {
    bits: [u64; N_WATCHED / 64],
    /// Changes with each write to one of them.
    stamp: u64,
    walks: [Walk; N_WALKS],
}

/// A walk that would find the same if the unit did it again, as long as nobody writes what it met.
///
/// So it is for structures that change by nothing but writes that are told: containers, arrays and frames. Variables of
/// functions, generators and the attributes that `__init__` sets are not told.
#[derive(Clone, Copy, Default)]
struct Walk {
    root: usize,
    unit: u32,
    /// The number of the watch at that time; 0 while it was met but once.
    stamp: u64,
}

fn slot(root: usize, unit: u32) -> usize {
    ((root >> 4) ^ unit as usize) % N_WALKS
}

/// The number of a watch that begins: never used again, whatever the recording.
fn new_stamp() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Default for Watch {
    fn default() -> Self {
        Self { bits: [0; N_WATCHED / 64], stamp: new_stamp(), walks: [Walk::default(); N_WALKS] }
    }
}

impl Watch {
    /// The number that is another after a write to a watched address; never 0.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Watches the addresses too. Gives the number.
    pub fn add(&mut self, addresses: &[usize]) -> u64 {
        for address in addresses {
            let (word, bit) = Self::place(*address);
            self.bits[word] |= bit;
        }
        self.stamp
    }

    fn place(address: usize) -> (usize, u64) {
        let index = ((address >> 4) ^ (address >> 16)) % N_WATCHED;
        (index / 64, 1 << (index % 64))
    }

    /// Whether a walk from `root` by `unit` would find what it found before.
    pub fn holds(&self, root: usize, unit: u32) -> bool {
        let walk = &self.walks[slot(root, unit)];
        (walk.root, walk.unit, walk.stamp) == (root, unit, self.stamp)
    }

    /// Whether a walk is one that is done again and again.
    pub fn is_usual(&mut self, root: usize, unit: u32) -> bool {
        let walk = &mut self.walks[slot(root, unit)];
        let usual = (walk.root, walk.unit) == (root, unit);
        if !usual {
            *walk = Walk { root, unit, stamp: 0 };
        }
        usual
    }

    /// Keeps a walk that met these addresses. `died` must be told when the root dies.
    pub fn keep(&mut self, root: usize, unit: u32, addresses: &[usize]) {
        let stamp = self.add(addresses);
        self.walks[slot(root, unit)] = Walk { root, unit, stamp };
    }

    /// An object died that had an entry.
    pub fn died(&mut self, address: usize) {
        for walk in self.walks.iter_mut().filter(|walk| walk.root == address) {
            *walk = Walk::default();
        }
    }

    /// An object was written.
    #[inline]
    pub fn written(&mut self, address: usize) {
        let (word, bit) = Self::place(address);
        if self.bits[word] & bit != 0 {
            self.bits = [0; N_WATCHED / 64];
            self.stamp = new_stamp();
        }
    }
}
