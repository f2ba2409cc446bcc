//! The file as a sequence of frames, each of which can be found and checked without the others.
//!
//! A file is a header of 16 bytes (magic, version), frames in any order, and, if the writer ended well, a trailer that
//! tells where the footer's frame is. A frame is a head of 32 bytes and its payload. The sequence number orders frames
//! whatever their place, and the checksum tells a frame that was torn or partly overwritten.
//!
//! Format versions: 1, the first; 2, values by recent results; 3, operations without times, calls with nothing in
//! between as one token.

use super::bytes::{checksum, Cursor};
use super::Error;

/// Format version that is written.
pub const VERSION: u16 = 3;
/// Length of the file's header.
pub const FILE_HEADER: usize = 16;
/// Length of a frame's head.
pub const HEAD: usize = 32;
/// Length of the trailer.
pub const TRAILER: usize = 16;
/// What a frame begins with.
pub const FRAME_MAGIC: [u8; 4] = *b"CLWB";
/// No honest payload is longer.
pub const MAX_PAYLOAD: usize = 1 << 28;

const FILE_MAGIC: [u8; 4] = *b"CLWE";
const TRAILER_MAGIC: [u8; 8] = *b"CLWE-END";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A block of events.
    Block = 1,
    /// Additions to the tables.
    Tables = 2,
    /// The footer.
    Footer = 3,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the frame holds.
    pub kind: FrameKind,
    /// Its number; frames are numbered as they are written.
    pub sequence: u64,
    /// Length of its payload.
    pub length: u32,
    checksum: u64,
}

impl Head {
    /// The head for a payload.
    pub fn new(kind: FrameKind, sequence: u64, payload: &[u8]) -> Self {
        Self { kind, sequence, length: payload.len() as u32, checksum: checksum(payload) }
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4] = self.kind as u8;
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.checksum.to_le_bytes());
        let own = checksum(&bytes[..28]) as u32;
        bytes[28..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    /// Reads a head; nothing if the bytes are not one.
    pub fn from_bytes(bytes: &[u8; HEAD]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes.strip_prefix(&FRAME_MAGIC)?);
        let kind = match cursor.take(4).ok()? {
            [1, 0, 0, 0] => FrameKind::Block,
            [2, 0, 0, 0] => FrameKind::Tables,
            [3, 0, 0, 0] => FrameKind::Footer,
            _ => return None,
        };
        let (sequence, length, payload_sum) = (cursor.u64().ok()?, cursor.u32().ok()?, cursor.u64().ok()?);
        let own = cursor.u32().ok()?;
        let honest = own == checksum(&bytes[..28]) as u32 && length as usize <= MAX_PAYLOAD;
        honest.then_some(Self { kind, sequence, length, checksum: payload_sum })
    }

    /// Whether the payload is the one that was written.
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length as usize && checksum(payload) == self.checksum
    }
}

/// The file's header.
pub fn file_header() -> [u8; FILE_HEADER] {
    let mut bytes = [0; FILE_HEADER];
    bytes[..4].copy_from_slice(&FILE_MAGIC);
    bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Checks the file's header.
pub fn check_file_header(bytes: &[u8; FILE_HEADER]) -> Result<(), Error> {
    let mut cursor = Cursor::new(bytes.strip_prefix(&FILE_MAGIC).ok_or(Error::NotALog)?);
    match cursor.u16()? {
        VERSION => Ok(()),
        found => Err(Error::Version { found }),
    }
}

/// The trailer for a footer at an offset.
pub fn trailer(footer_offset: u64) -> [u8; TRAILER] {
    let mut bytes = [0; TRAILER];
    bytes[..8].copy_from_slice(&footer_offset.to_le_bytes());
    bytes[8..].copy_from_slice(&TRAILER_MAGIC);
    bytes
}

/// The footer's offset, if the bytes are a trailer.
pub fn footer_offset(bytes: &[u8; TRAILER]) -> Option<u64> {
    let mut cursor = Cursor::new(bytes.strip_suffix(&TRAILER_MAGIC)?);
    cursor.u64().ok()
}
