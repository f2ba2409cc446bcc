//! Who wrote which object last.
//!
//! Objects are known by address. An entry dies with its object (see `memory`), so an address never speaks
//! of another object. Per object there is one writer for the whole and one for each attribute or string key
//! that was written by itself.

#![allow(unsafe_code)]

use rustc_hash::{FxHashMap, FxHashSet};

use pyo3::ffi;

use super::namespaces::Partners;
use super::steady::Watch;
use super::units::{hot, RecentWrite, N_RECENT};
use super::{Recorder, NO_UNIT};
use clew_trace::FlowKind;

/// Key of a write to the object as a whole.
pub const WHOLE: u32 = 0;

/// How many keys of one object are kept without an allocation.
const N_INLINE: usize = 3;

/// Key of an unused slot.
const UNUSED: u32 = u32::MAX;

/// The last writers of one object: pairs of a key and a unit.
pub struct Entry {
    first: [(u32, u32); N_INLINE],
    #[allow(clippy::box_collection)]
    more: Option<Box<Vec<(u32, u32)>>>,
}

impl Entry {
    fn new(key: u32, unit: u32) -> Self {
        let mut first = [(UNUSED, 0); N_INLINE];
        first[0] = (key, unit);
        Self { first, more: None }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let more = self.more.iter().flat_map(|more| more.iter());
        self.first.iter().take_while(|slot| slot.0 != UNUSED).chain(more).copied()
    }

    fn has_unit(&self, unit: u32) -> bool {
        self.iter().any(|(_, u)| u == unit)
    }

    fn set_key(&mut self, key: u32, unit: u32) {
        if let Some(slot) = self.first.iter_mut().find(|slot| slot.0 == key || slot.0 == UNUSED) {
            *slot = (key, unit);
            return;
        }
        let more = self.more.get_or_insert_default();
        match more.iter_mut().find(|slot| slot.0 == key) {
            Some(slot) => slot.1 = unit,
            None => more.push((key, unit)),
        }
    }

    fn set_whole(&mut self, unit: u32) {
        *self = Self::new(WHOLE, unit);
    }
}

/// The table of last writers.
#[derive(Default)]
pub struct Written {
    entries: FxHashMap<usize, Entry>,
    /// Objects and their dictionaries, where a program has asked for these.
    pub partners: Partners,
    /// Objects that the running unit wrote, to be marked old when it ends.
    pending: Vec<usize>,
    /// Entries removed since the bitmaps were made.
    n_stale: usize,
    /// Whom to tell of writes.
    pub watch: Watch,
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

    /// How many objects have an entry.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Makes the object's death known, without a writer.
    pub fn follow(&mut self, address: usize) {
        self.entries.entry(address).or_insert(Entry::new(WHOLE, NO_UNIT));
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
        self.partners.part(address);
        if let Some(entry) = self.entries.remove(&address) {
            self.n_stale += 1;
            self.watch.died(address);
            // SAFETY: the interpreter lock is held by whoever frees an object.
            unsafe {
                let hot = &mut *hot();
                hot.n_known = self.entries.len();
                for (key, _) in entry.iter() {
                    let slot = &mut hot.recent[recent_slot(address, key)];
                    if slot.address == address {
                        *slot = RecentWrite::NONE;
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
            hot.any_old = !self.entries.is_empty();
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
        if entry.more.is_none() {
            let first = entry.first;
            for (k, writer) in first.into_iter().take_while(|slot| slot.0 != UNUSED) {
                if wanted(k) && writer != unit {
                    self.flow(unit, writer, kind);
                }
            }
            return;
        }
        let writers: Vec<u32> = entry.iter().filter(|(k, u)| wanted(*k) && *u != unit).map(|(_, u)| u).collect();
        for writer in writers {
            self.flow(unit, writer, kind);
        }
    }

    /// Records that the running unit writes `key` of the object at `address`, and so of what changes with it.
    pub fn write_address(&mut self, unit: u32, address: usize, key: u32, strength: Strength) {
        if unit == NO_UNIT {
            return;
        }
        self.write_one(unit, address, key, strength);
        if let Some(partner) = self.written.partners.of(address) {
            self.write_one(unit, partner, key, strength);
        }
    }

    fn write_one(&mut self, unit: u32, address: usize, key: u32, strength: Strength) {
        self.hidden.n_changes += 1;
        self.annotated.note(address);
        self.written.watch.written(address);
        if strength == Strength::Updates || key == WHOLE {
            self.read_address(unit, address, key, FlowKind::Mutate);
        }
        let entries = &mut self.written.entries;
        let entry = entries.entry(address);
        let fresh = match entry {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(Entry::new(key, unit));
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
            hot.recent[recent_slot(address, key)] = RecentWrite { address, key, epoch: hot.epoch };
        }
        if fresh {
            self.written.pending.push(address);
            self.walks.clear();
        }
    }
}

impl Recorder {
    /// What the unit might still learn by looking: writes, still alive, of units on which it does not depend yet.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn unknown_writes(&self, unit: u32) -> Unknown {
        let known: FxHashSet<u32> = self
            .flows
            .iter()
            .filter(|flow| flow.reader.0 == unit && !matches!(flow.kind, FlowKind::External(_)))
            .map(|flow| flow.writer.0)
            .collect();
        let settled = |writer: u32| writer == unit || writer == NO_UNIT || known.contains(&writer);
        let mut unknown = Unknown::default();
        for (address, entry) in &self.written.entries {
            for (key, _) in entry.iter().filter(|(_, writer)| !settled(*writer)) {
                if !unknown.keys.contains(&key) {
                    unknown.keys.push(key);
                }
                // SAFETY: what has an entry is alive, or an address that no object has.
                unknown.inside |= !unsafe { is_class(*address) };
            }
        }
        unknown
    }
}

/// Writes that a unit does not know of.
#[derive(Default)]
pub struct Unknown {
    /// What was written.
    keys: Vec<u32>,
    /// Whether it belongs to anything but classes, which are what they are to operators whatever their attributes.
    inside: bool,
}

impl Unknown {
    /// Whether a look at these keys (none: at all) may find something.
    pub fn shows(&self, keys: &[u32]) -> bool {
        let looked_for = |key: &u32| *key == WHOLE || keys.is_empty() || keys.contains(key);
        self.keys.iter().any(looked_for)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a read of an operand may find something.
    pub fn is_inside(&self) -> bool {
        self.inside
    }
}

/// Whether the address is that of a class that `type` made.
unsafe fn is_class(address: usize) -> bool {
    // SAFETY: promised by the caller: addresses that no object has are those of cells, whose highest bit is set.
    address as isize > 0 && unsafe { (*(address as *const ffi::PyObject)).ob_type } == &raw mut ffi::PyType_Type
}

/// Where the most recent writes remember (address, key).
#[inline(always)]
pub fn recent_slot(address: usize, key: u32) -> usize {
    ((address >> 4) ^ (key as usize).wrapping_mul(37)) & (N_RECENT - 1)
}

/// Whether the running unit is remembered to have written this.
///
/// # Safety
/// The interpreter lock is held.
#[inline(always)]
pub unsafe fn was_written(address: usize, key: u32) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        let hot = hot();
        (*hot).recent[recent_slot(address, key)] == RecentWrite { address, key, epoch: (*hot).epoch }
    }
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
