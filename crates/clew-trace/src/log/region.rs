//! Where in the file the next frame goes, so that the blocks stay under the cap.
//!
//! Keeping the first blocks is simple: when the cap is met, no more are taken. Keeping the last ones makes the blocks a
//! ring: a new block overwrites the oldest. Tables must not be lost: when the ring is about to go round for the first
//! time, all of them are written once more behind its end, and new ones follow there. The file may exceed the cap by its
//! tables and footer, nothing else.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Which blocks to keep when the cap is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The first ones.
    First,
    /// The last ones.
    Last,
}

/// A frame's place in the file, with what an index needs to know of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Offset of the frame's head.
    pub offset: u64,
    /// Length of the whole frame.
    pub length: u64,
    /// How many events the block holds.
    pub n_events: u32,
    /// Earliest begin of a run in it.
    pub first_ns: u64,
    /// Latest time in it.
    pub last_ns: u64,
}

impl Placed {
    const fn end(&self) -> u64 {
        self.offset + self.length
    }

    const fn overlaps(&self, offset: u64, length: u64) -> bool {
        self.offset < offset + length && offset < self.end()
    }
}

/// The answer to where a block may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To this offset.
    At(u64),
    /// The ring has to go round first: write all tables at [`Region::end`], call [`Region::go_round`], ask again.
    Round,
    /// Nowhere.
    Full,
}

/// The layout of the file so far.
#[derive(Debug)]
pub struct Region {
    keep: Keep,
    start: u64,
    /// No block may reach beyond it.
    limit: u64,
    cursor: u64,
    /// One past the last byte of the file.
    end: u64,
    went_round: bool,
    /// Blocks, oldest first.
    pub blocks: VecDeque<Placed>,
    /// Tables, oldest first.
    pub tables: Vec<Placed>,
    /// Events of blocks that were overwritten.
    pub n_overwritten: u64,
}

impl Region {
    /// An empty region that begins at `start` and gives blocks `cap_bytes`.
    pub const fn new(start: u64, cap_bytes: u64, keep: Keep) -> Self {
        Self {
            keep,
            start,
            limit: start.saturating_add(cap_bytes),
            cursor: start,
            end: start,
            went_round: false,
            blocks: VecDeque::new(),
            tables: Vec::new(),
            n_overwritten: 0,
        }
    }

    /// Where what must not be overwritten goes: tables and the footer.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Where the next block of this length goes. The blocks that it overwrites are forgotten.
    pub fn place_block(&mut self, length: u64) -> Place {
        if self.cursor.saturating_add(length) > self.limit {
            if self.keep == Keep::First || self.start.saturating_add(length) > self.limit {
                return Place::Full;
            }
            if !self.went_round {
                return Place::Round;
            }
            self.forget(self.cursor, self.limit - self.cursor);
            self.cursor = self.start;
        }
        if self.went_round {
            self.forget(self.cursor, length);
        }
        Place::At(self.cursor)
    }

    /// Closes the ring. Tables that stand in it may be overwritten from now on; those written last stay.
    pub fn go_round(&mut self) {
        self.went_round = true;
        self.limit = self.cursor;
        self.cursor = self.start;
        let Self { tables, limit, .. } = self;
        tables.retain(|table| table.offset >= *limit);
    }

    /// Notes that a block was written where [`Region::place_block`] said.
    pub fn wrote_block(&mut self, block: Placed) {
        self.cursor = block.end();
        self.end = self.end.max(self.cursor);
        self.blocks.push_back(block);
    }

    /// Notes that tables were written at [`Region::end`]; `all` of them, before the ring goes round, or new ones.
    pub fn wrote_tables(&mut self, length: u64, all: bool) {
        let tables = Placed { offset: self.end, length, n_events: 0, first_ns: 0, last_ns: 0 };
        self.end = tables.end();
        if !self.went_round && !all {
            self.cursor = self.end;
            // Tables do not count against the cap.
            self.limit = self.limit.saturating_add(length);
        }
        self.tables.push(tables);
    }

    fn forget(&mut self, offset: u64, length: u64) {
        let Self { blocks, n_overwritten, .. } = self;
        blocks.retain(|block| {
            let stays = !block.overlaps(offset, length);
            *n_overwritten += if stays { 0 } else { u64::from(block.n_events) };
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(region: &mut Region, length: u64) -> Option<u64> {
        let place = match region.place_block(length) {
            Place::Round => {
                region.wrote_tables(5, true);
                region.go_round();
                region.place_block(length)
            }
            place => place,
        };
        let Place::At(offset) = place else { return None };
        region.wrote_block(Placed { offset, length, n_events: 1, first_ns: 0, last_ns: 0 });
        Some(offset)
    }

    #[test]
    fn the_first_blocks_stay_until_the_cap() {
        let mut region = Region::new(16, 100, Keep::First);
        assert_eq!([put(&mut region, 60), put(&mut region, 60), put(&mut region, 40)], [Some(16), None, Some(76)]);
    }

    #[test]
    fn the_last_blocks_replace_the_oldest() {
        let mut region = Region::new(16, 100, Keep::Last);
        assert_eq!([put(&mut region, 60), put(&mut region, 40), put(&mut region, 30)], [Some(16), Some(76), Some(16)]);
        assert_eq!(region.blocks.iter().map(|b| b.offset).collect::<Vec<_>>(), [76, 16]);
        assert_eq!(region.n_overwritten, 1);
        assert_eq!(put(&mut region, 101), None);
        assert_eq!(put(&mut region, 30), Some(46));
    }

    #[test]
    fn tables_move_out_of_the_ring() {
        let mut region = Region::new(16, 100, Keep::Last);
        put(&mut region, 60);
        region.wrote_tables(10, false);
        put(&mut region, 40);
        assert_eq!(put(&mut region, 90), Some(16));
        assert_eq!(region.tables.iter().map(|t| t.offset).collect::<Vec<_>>(), [126]);
        assert_eq!(region.n_overwritten, 2);
    }

    proptest! {
        #[test]
        fn frames_never_overlap_and_stay_under_the_cap(
            steps in prop::collection::vec((any::<bool>(), 1_u64..50), 1..200),
            first: bool,
        ) {
            let keep = if first { Keep::First } else { Keep::Last };
            let mut region = Region::new(16, 200, keep);
            let mut tables = 5;
            for (is_block, length) in steps {
                if is_block {
                    let placed = put(&mut region, length);
                    prop_assert!(first || placed.is_some());
                } else {
                    region.wrote_tables(length, false);
                    tables += length;
                }
                let mut all: Vec<_> = region.blocks.iter().chain(&region.tables).copied().collect();
                all.sort_by_key(|frame| frame.offset);
                for pair in all.windows(2) {
                    prop_assert!(pair[0].end() <= pair[1].offset);
                }
                prop_assert!(region.end <= 16 + 200 + tables);
                prop_assert!(all.iter().all(|frame| frame.end() <= region.end));
            }
        }
    }
}
