//! Who wrote which object last.
//!
//! Objects are known by address. An entry dies with its object (see `memory`), so an address never speaks
//! of another object. Per object there is one writer for the whole and one for each attribute or string key
//! that was written by itself.

#![allow(unsafe_code)]

use rustc_hash::FxHashMap;

use super::units::hot;
use super::{Recorder, NO_UNIT};
use clew_trace::FlowKind;

/// Key of a write to the object as a whole.
pub const WHOLE: u32 = 0;

/// The last writers of one object.
#[derive(Default)]
pub struct Entry {
    first: (u32, u32),
    #[allow(clippy::box_collection)]
    more: Option<Box<Vec<(u32, u32)>>>,
}

impl Entry {
    fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        std::iter::once(self.first).chain(self.more.iter().flat_map(|more| more.iter().copied()))
    }

    fn has_unit(&self, unit: u32) -> bool {
        self.iter().any(|(_, u)| u == unit)
    }

    fn set_key(&mut self, key: u32, unit: u32) {
        if self.first.0 == key {
            self.first.1 = unit;
        } else {
            let more = self.more.get_or_insert_default();
            match more.iter_mut().find(|slot| slot.0 == key) {
                Some(slot) => slot.1 = unit,
                None => more.push((key, unit)),
            }
        }
    }

    fn set_whole(&mut self, unit: u32) {
        self.first = (WHOLE, unit);
        self.more = None;
    }
}

/// The table of last writers.
#[derive(Default)]
pub struct Written {
    entries: FxHashMap<usize, Entry>,
    /// Objects that the running unit wrote, to be marked old when it ends.
    pending: Vec<usize>,
    /// Entries removed since the bitmaps were made.
    n_stale: usize,
}

/// How a write relates to what was there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The old value of this key is gone and nothing of it matters (an attribute).
    Replaces,
    /// Builds on what was there (an item, an append, an in-place operator).
    Updates,
}

impl Written {
    /// The units that last wrote the object, for one key or (`WHOLE`) all of it.
    pub fn writers(&self, address: usize, key: u32) -> impl Iterator<Item = u32> + '_ {
        self.entries
            .get(&address)
            .into_iter()
            .flat_map(Entry::iter)
            .filter(move |(k, _)| key == WHOLE || *k == WHOLE || *k == key)
            .map(|(_, unit)| unit)
    }

    /// Whether the object has an entry.
    pub fn contains(&self, address: usize) -> bool {
        self.entries.contains_key(&address)
    }

    /// Makes the object's death known, without a writer.
    pub fn follow(&mut self, address: usize) {
        self.entries.entry(address).or_insert(Entry { first: (WHOLE, NO_UNIT), more: None });
        // SAFETY: hooks run with the interpreter lock held; the bitmaps have `mask + 1` bits.
        unsafe {
            let hot = &mut *hot();
            hot.n_known = self.entries.len();
            set_bit(hot.known, hot.mask, address);
        }
    }

    /// All units that wrote anything that is still alive.
    pub fn all_writers(&self) -> Vec<u32> {
        let mut units: Vec<u32> = self.entries.values().flat_map(Entry::iter).map(|(_, unit)| unit).collect();
        units.sort_unstable();
        units.dedup();
        units
    }

    /// Forgets an object that died.
    pub fn forget(&mut self, address: usize) {
        if let Some(entry) = self.entries.remove(&address) {
            self.n_stale += 1;
            // SAFETY: the interpreter lock is held by whoever frees an object.
            unsafe {
                let hot = &mut *hot();
                hot.n_known = self.entries.len();
                for (key, _) in entry.iter() {
                    let slot = &mut hot.recent[recent_slot(address, key)];
                    if slot.0 == address {
                        *slot = (0, 0);
                    }
                }
            }
        }
    }

    /// What the former unit wrote is now old.
    pub fn age(&mut self) {
        // SAFETY: called with the interpreter lock held; the bitmaps have `mask + 1` bits.
        unsafe {
            let hot = &mut *hot();
            if !self.pending.is_empty() {
                hot.any_old = true;
            }
            for address in self.pending.drain(..) {
                set_bit(hot.old, hot.mask, address);
            }
            let n_bits = hot.mask + 1;
            if self.entries.len() * 8 > n_bits && n_bits < (1 << 26) || self.n_stale * 8 > n_bits {
                let mut wanted = n_bits;
                while self.entries.len() * 16 > wanted && wanted < (1 << 26) {
                    wanted *= 2;
                }
                self.rebuild(wanted);
            }
        }
    }

    fn rebuild(&mut self, n_bits: usize) {
        self.n_stale = 0;
        resize_bitmaps(n_bits);
        // SAFETY: as in `age`.
        unsafe {
            let hot = &mut *hot();
            for &address in self.entries.keys() {
                set_bit(hot.known, hot.mask, address);
                set_bit(hot.old, hot.mask, address);
            }
        }
    }
}

impl Recorder {
    /// Records that the running unit reads `key` of the object at `address`.
    pub fn read_address(&mut self, unit: u32, address: usize, key: u32, kind: FlowKind) {
        let Some(entry) = self.written.entries.get(&address) else {
            return;
        };
        let wanted = |k: u32| key == WHOLE || k == WHOLE || k == key;
        let (k, writer) = entry.first;
        let first = (wanted(k) && writer != unit).then_some(writer);
        if entry.more.is_none() {
            if let Some(writer) = first {
                self.flow(unit, writer, kind);
            }
            return;
        }
        let writers: Vec<u32> = entry.iter().filter(|(k, u)| wanted(*k) && *u != unit).map(|(_, u)| u).collect();
        for writer in writers {
            self.flow(unit, writer, kind);
        }
    }

    /// Records that the running unit writes `key` of the object at `address`.
    pub fn write_address(&mut self, unit: u32, address: usize, key: u32, strength: Strength) {
        if unit == NO_UNIT {
            return;
        }
        self.hidden.n_changes += 1;
        if strength == Strength::Updates || key == WHOLE {
            self.read_address(unit, address, key, FlowKind::Mutate);
        }
        let entries = &mut self.written.entries;
        let entry = entries.entry(address);
        let fresh = match entry {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(Entry { first: (key, unit), more: None });
                true
            }
            std::collections::hash_map::Entry::Occupied(mut slot) => {
                let entry = slot.get_mut();
                let fresh = !entry.has_unit(unit);
                if key == WHOLE {
                    entry.set_whole(unit);
                } else {
                    entry.set_key(key, unit);
                }
                fresh
            }
        };
        // SAFETY: hooks run with the interpreter lock held; the bitmaps have `mask + 1` bits.
        unsafe {
            let hot = &mut *hot();
            hot.n_known = entries.len();
            set_bit(hot.known, hot.mask, address);
            hot.recent[recent_slot(address, key)] = (address, key);
        }
        if fresh {
            self.written.pending.push(address);
            self.walks.clear();
        }
    }
}

/// Where the most recent writes remember (address, key).
#[inline(always)]
pub fn recent_slot(address: usize, key: u32) -> usize {
    ((address >> 4) ^ (key as usize).wrapping_mul(37)) & 255
}

/// Sets the bit of an address.
///
/// # Safety
/// `bits` has `mask + 1` bits.
#[inline]
pub unsafe fn set_bit(bits: *mut u8, mask: usize, address: usize) {
    let index = (address >> 4) & mask;
    // SAFETY: promised by the caller.
    unsafe { *bits.add(index >> 3) |= 1 << (index & 7) };
}

/// Whether the bit of an address is set.
///
/// # Safety
/// `bits` has `mask + 1` bits.
#[inline(always)]
pub unsafe fn bit(bits: *const u8, mask: usize, address: usize) -> bool {
    let index = (address >> 4) & mask;
    // SAFETY: promised by the caller.
    unsafe { *bits.add(index >> 3) & (1 << (index & 7)) != 0 }
}

/// Replaces both bitmaps by empty ones of `n_bits` (a power of two, with slack for reads past the end).
pub fn resize_bitmaps(n_bits: usize) {
    // SAFETY: called with the interpreter lock held; the old maps were made by the same function.
    unsafe {
        drop_bitmaps();
        let hot = &mut *hot();
        for bits in [&mut hot.old, &mut hot.known] {
            *bits = Box::into_raw(vec![0u8; n_bits / 8 + 8].into_boxed_slice()).cast::<u8>();
        }
        hot.mask = n_bits - 1;
    }
}

/// Frees both bitmaps.
pub fn drop_bitmaps() {
    // SAFETY: called with the interpreter lock held; the maps were made by `resize_bitmaps`.
    unsafe {
        let hot = &mut *hot();
        for bits in [&mut hot.old, &mut hot.known] {
            let bits = std::mem::replace(bits, std::ptr::null_mut());
            if !bits.is_null() {
                drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(bits, (hot.mask + 1) / 8 + 8)));
            }
        }
    }
}
