//! The reading side. A log that was finished is read by its footer; any other by looking for frames from front to back,
//! so that what a killed process left behind, torn last frame included, gives everything that is whole.

use super::bytes::Cursor;
use super::columns::Block;
use super::frame::{self, FrameKind, Head};
use super::tables::Tables;
use super::totals::{Total, Totals};
use super::writer::{Footer, LogSummary};
use super::Error;
use serde::de::DeserializeOwned;
use std::io::{Read, Seek, SeekFrom};

/// No honest table or footer is longer when unpacked.
const MAX_PLAIN: u64 = 1 << 28;
/// Frames are looked for in steps of this many bytes.
const WINDOW: usize = 1 << 16;

/// Reads one log.
pub struct Reader<R> {
    input: R,
    /// Offsets of the blocks, oldest first.
    blocks: Vec<u64>,
    tables: Tables,
    totals: Option<Vec<Total>>,
    summary: Option<LogSummary>,
    n_bytes: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a log.
    pub fn open(mut input: R) -> Result<Self, Error> {
        let n_bytes = input.seek(SeekFrom::End(0))?;
        input.rewind()?;
        let mut header = [0; frame::FILE_HEADER];
        input.read_exact(&mut header).map_err(|_| Error::NotALog)?;
        frame::check_file_header(&header)?;
        let mut reader =
            Self { input, blocks: Vec::new(), tables: Tables::default(), totals: None, summary: None, n_bytes };
        match reader.footer()? {
            Some(footer) => reader.take_footer(footer)?,
            None => reader.scan()?,
        }
        Ok(reader)
    }

    /// What the numbers in events stand for.
    pub const fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What became of the events; nothing if the log was not finished.
    pub const fn summary(&self) -> Option<&LogSummary> {
        self.summary.as_ref()
    }

    /// How many blocks there are.
    pub fn n_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The blocks, oldest first. A block that is damaged gives an error, and the iteration goes on behind it.
    pub fn blocks(&mut self) -> impl Iterator<Item = Result<Block, Error>> + '_ {
        let Self { input, blocks, n_bytes, .. } = self;
        blocks.iter().map(|&offset| {
            let (head, payload) = read_frame(input, offset, *n_bytes)?.ok_or(TORN)?;
            if head.kind != FrameKind::Block {
                return Err(TORN);
            }
            Block::decode(&payload)
        })
    }

    /// Sums over all calls: from the footer, or, in a log that was not finished, over the blocks that are whole.
    pub fn totals(&mut self) -> Result<Vec<Total>, Error> {
        if let Some(totals) = &self.totals {
            return Ok(totals.clone());
        }
        let whole = self.blocks().filter(|block| !matches!(block, Err(Error::Damaged { .. })));
        Ok(Totals::of_blocks(whole)?.rows().to_vec())
    }

    fn footer(&mut self) -> Result<Option<Footer>, Error> {
        if self.n_bytes < (frame::FILE_HEADER + frame::TRAILER) as u64 {
            return Ok(None);
        }
        self.input.seek(SeekFrom::Start(self.n_bytes - frame::TRAILER as u64))?;
        let mut trailer = [0; frame::TRAILER];
        self.input.read_exact(&mut trailer)?;
        let Some(offset) = frame::footer_offset(&trailer) else { return Ok(None) };
        let found = read_frame(&mut self.input, offset, self.n_bytes)?;
        let footer = found.filter(|(head, _)| head.kind == FrameKind::Footer);
        Ok(footer.and_then(|(_, payload)| unpack(&payload).ok()))
    }

    fn take_footer(&mut self, footer: Footer) -> Result<(), Error> {
        self.blocks = footer.blocks.iter().map(|block| block.offset).collect();
        for placed in &footer.tables {
            if let Some((_, payload)) = read_frame(&mut self.input, placed.offset, self.n_bytes)? {
                self.tables.put_part(unpack(&payload)?);
            }
        }
        self.totals = Some(footer.totals);
        let (n_events, n_dropped, failure) = (footer.n_events, footer.n_dropped, footer.failure);
        self.summary = Some(LogSummary { n_events, n_dropped, n_bytes: self.n_bytes, failure });
        Ok(())
    }

    fn scan(&mut self) -> Result<(), Error> {
        let (mut found, mut tables) = (Vec::new(), Vec::new());
        let mut offset = frame::FILE_HEADER as u64;
        while let Some((at, head, payload)) = next_frame(&mut self.input, offset, self.n_bytes)? {
            offset = at + (frame::HEAD + payload.len()) as u64;
            match head.kind {
                FrameKind::Block => found.push((head.sequence, at)),
                FrameKind::Tables => {
                    if let Ok(part) = unpack(&payload) {
                        tables.push((head.sequence, part));
                    }
                }
                FrameKind::Footer => {}
            }
        }
        tables.sort_by_key(|(sequence, _)| *sequence);
        for (_, part) in tables {
            self.tables.put_part(part);
        }
        found.sort_unstable();
        self.blocks = found.into_iter().map(|(_, at)| at).collect();
        Ok(())
    }
}

const TORN: Error = Error::Damaged { what: "a block is torn" };

/// The frame at an offset, if there is a whole one.
fn read_frame<R: Read + Seek>(input: &mut R, offset: u64, n_bytes: u64) -> Result<Option<(Head, Vec<u8>)>, Error> {
    let room = n_bytes.checked_sub(offset).and_then(|rest| rest.checked_sub(frame::HEAD as u64));
    let Some(room) = room else { return Ok(None) };
    input.seek(SeekFrom::Start(offset))?;
    let mut bytes = [0; frame::HEAD];
    input.read_exact(&mut bytes)?;
    let Some(head) = Head::from_bytes(&bytes).filter(|head| u64::from(head.length) <= room) else { return Ok(None) };
    let mut payload = vec![0; head.length as usize];
    input.read_exact(&mut payload)?;
    Ok(head.fits(&payload).then_some((head, payload)))
}

type Found = Option<(u64, Head, Vec<u8>)>;

/// The first whole frame at or behind an offset.
fn next_frame<R: Read + Seek>(input: &mut R, mut offset: u64, n_bytes: u64) -> Result<Found, Error> {
    loop {
        if let Some((head, payload)) = read_frame(input, offset, n_bytes)? {
            return Ok(Some((offset, head, payload)));
        }
        match next_magic(input, offset + 1, n_bytes)? {
            Some(at) => offset = at,
            None => return Ok(None),
        }
    }
}

/// The first place at or behind an offset where a frame might begin.
fn next_magic<R: Read + Seek>(input: &mut R, mut offset: u64, n_bytes: u64) -> Result<Option<u64>, Error> {
    let magic = frame::FRAME_MAGIC;
    let mut window = Vec::new();
    while offset + frame::HEAD as u64 <= n_bytes {
        window.clear();
        input.seek(SeekFrom::Start(offset))?;
        input.take(WINDOW as u64).read_to_end(&mut window)?;
        if let Some(at) = window.windows(magic.len()).position(|bytes| bytes == magic) {
            return Ok(Some(offset + at as u64));
        }
        // Windows overlap by less than a magic, so that none is missed between two of them.
        offset += window.len().saturating_sub(magic.len() - 1).max(1) as u64;
    }
    Ok(None)
}

/// Reads what the writer's `pack` wrote.
fn unpack<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Error> {
    let damaged = || Error::Damaged { what: "a table cannot be read" };
    let mut cursor = Cursor::new(payload);
    let length = cursor.varint()?;
    if length > MAX_PLAIN {
        return Err(damaged());
    }
    let capacity = usize::try_from(length).map_err(|_| damaged())?;
    let plain = zstd::bulk::decompress(cursor.rest(), capacity).map_err(|_| damaged())?;
    postcard::from_bytes(&plain).map_err(|_| damaged())
}
