//! The operations that were met, by what they do, in little memory; and the spreading of bits that tables need.

/// Spreads the bits of a number.
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let spread = (number ^ (number >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ (spread >> 32)
}

/// The operations that were met, by what they do: a table of eight bytes an entry.
pub(super) struct Known {
    /// Upper half of the hash, node; all ones where there is none.
    slots: Vec<u64>,
    n_used: usize,
}

impl Known {
    const FREE: u64 = u64::MAX;

    pub(super) fn new(n_expected: usize) -> Self {
        let len = (n_expected + n_expected / 3).clamp(16, 1 << 16).next_power_of_two();
        Self { slots: vec![Self::FREE; len], n_used: 0 }
    }

    /// An earlier node that is the same, or none: then this one is kept.
    pub(super) fn find(&mut self, hash: u64, node: u32, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        if self.n_used * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as u32 as usize & mask;
        while self.slots[at] != Self::FREE {
            if self.slots[at] as u32 == hash as u32 && is_same((self.slots[at] >> 32) as u32) {
                return Some((self.slots[at] >> 32) as u32);
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = u64::from(node) << 32 | u64::from(hash as u32);
        self.n_used += 1;
        None
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let old = std::mem::replace(&mut self.slots, vec![Self::FREE; mask + 1]);
        for slot in old.into_iter().filter(|slot| *slot != Self::FREE) {
            let mut at = slot as u32 as usize & mask;
            while self.slots[at] != Self::FREE {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}
