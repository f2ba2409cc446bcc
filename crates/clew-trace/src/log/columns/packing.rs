//! Columns to the bytes of a block and back: each compressed for itself, or stored where compression does not pay.
//!
//! Layout: for each column its plain length and its packed length (32 bits each; equal means stored plain), then the
//! packed columns in the same order.

use super::{Columns, COLUMNS};
use crate::log::bytes::Cursor;
use crate::log::Error;
use zstd::bulk::{Compressor, Decompressor};

/// The columns are already small, and the time of the writer is the program's.
const LEVEL: i32 = -3;
/// A column that lost less than this part of its length is stored plain in the next blocks.
const LEAST_GAIN: usize = 8;
const PLAIN_BLOCKS: u8 = 15;
/// Shorter columns are stored plain.
const WORTH_PACKING: usize = 64;
/// No honest column is longer; see [`super::MAX_BLOCK_EVENTS`].
const MAX_COLUMN_BYTES: usize = 1 << 24;

/// Compresses blocks; holds the compressor's memory from block to block.
pub struct Packer {
    compressor: Compressor<'static>,
    scratch: Vec<u8>,
    /// For how many blocks yet each column is stored plain.
    plain: [u8; COLUMNS],
}

impl Packer {
    /// A packer.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, scratch: Vec::new(), plain: [0; COLUMNS] })
    }

    /// The bytes of a block; `columns` are left empty.
    pub fn pack(&mut self, columns: &mut Columns) -> Result<Vec<u8>, Error> {
        let columns = columns.all();
        let mut out = vec![0; columns.len() * 8];
        for (i, column) in columns.into_iter().enumerate() {
            let before = out.len();
            let packed = self.compress(column, i)?;
            out.extend_from_slice(if packed { &self.scratch } else { column });
            let lengths = [column.len() as u32, (out.len() - before) as u32];
            out[i * 8..i * 8 + 4].copy_from_slice(&lengths[0].to_le_bytes());
            out[i * 8 + 4..i * 8 + 8].copy_from_slice(&lengths[1].to_le_bytes());
            column.clear();
        }
        Ok(out)
    }

    /// Leaves the compressed column in `scratch`, unless that is no gain.
    fn compress(&mut self, column: &[u8], number: usize) -> Result<bool, Error> {
        if column.len() < WORTH_PACKING {
            return Ok(false);
        }
        if self.plain[number] > 0 {
            self.plain[number] -= 1;
            return Ok(false);
        }
        self.scratch.clear();
        self.scratch.reserve(zstd::zstd_safe::compress_bound(column.len()));
        let packed = self.compressor.compress_to_buffer(column, &mut self.scratch)?;
        if packed > column.len() - column.len() / LEAST_GAIN {
            self.plain[number] = PLAIN_BLOCKS;
        }
        Ok(packed < column.len())
    }
}

/// Reads the columns of a block.
pub fn unpack(bytes: &[u8]) -> Result<Columns, Error> {
    let mut columns = Columns::default();
    let all = columns.all();
    let mut cursor = Cursor::new(bytes);
    let mut lengths = Cursor::new(cursor.take(all.len() * 8)?);
    let mut decompressor = Decompressor::new()?;
    for column in all {
        let (plain, packed) = (lengths.u32()? as usize, lengths.u32()? as usize);
        if plain > MAX_COLUMN_BYTES {
            return Err(Error::Damaged { what: "a column is too long" });
        }
        let stored = cursor.take(packed)?;
        *column = if plain == packed {
            stored.to_vec()
        } else {
            let damaged = |_| Error::Damaged { what: "a column cannot be decompressed" };
            decompressor.decompress(stored, plain).map_err(damaged)?
        };
        if column.len() != plain {
            return Err(Error::Damaged { what: "a column is too short" });
        }
    }
    Ok(columns)
}
