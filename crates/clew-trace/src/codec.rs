//! Bytes of a [`RunTrace`]: a four-byte magic, a format version, then a zstd frame of the postcard encoding.
//!
//! Version history: 1, the first.

use crate::run::RunTrace;

const MAGIC: [u8; 4] = *b"CLWT";
/// Format version that [`encode`] writes.
pub const VERSION: u16 = 1;
const LEVEL: i32 = 3;

/// Why bytes are not a trace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes do not start with the magic.
    #[error("not a Clew trace")]
    NotATrace,
    /// Written by another format version.
    #[error("trace format {found}, this Clew reads {VERSION}")]
    Version {
        /// The version in the bytes.
        found: u16,
    },
    /// Compressed data is damaged.
    #[error("trace is damaged: {0}")]
    Damaged(String),
}

/// Encodes a trace.
pub fn encode(trace: &RunTrace) -> Result<Vec<u8>, Error> {
    let plain = postcard::to_stdvec(trace).map_err(|e| Error::Damaged(e.to_string()))?;
    let packed = zstd::encode_all(plain.as_slice(), LEVEL).map_err(|e| Error::Damaged(e.to_string()))?;
    let mut bytes = Vec::with_capacity(packed.len() + 6);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&packed);
    Ok(bytes)
}

/// Decodes what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<RunTrace, Error> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Error::NotATrace)?;
    let (version, packed) = rest.split_first_chunk::<2>().ok_or(Error::NotATrace)?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(Error::Version { found });
    }
    let plain = zstd::decode_all(packed).map_err(|e| Error::Damaged(e.to_string()))?;
    postcard::from_bytes(&plain).map_err(|e| Error::Damaged(e.to_string()))
}
