//! Bytes of a [`RunTrace`]: a four-byte magic, a format version, then a zstd frame of the postcard encoding.
//!
//! Version history: 1, the first; 2, with [`RunTrace::assumed`] at the end; 3, with
//! [`RunTrace::contradicted`] after it.

use crate::run::RunTrace;

const MAGIC: [u8; 4] = *b"CLWT";
/// Format version that [`encode`] writes.
pub const VERSION: u16 = 3;
/// The first version that can be read.
const OLDEST: u16 = 1;
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
    if !(OLDEST..=VERSION).contains(&found) {
        return Err(Error::Version { found });
    }
    let mut plain = zstd::decode_all(packed).map_err(|e| Error::Damaged(e.to_string()))?;
    // Each version has one list more at the end: these are empty.
    plain.resize(plain.len() + usize::from(VERSION - found), 0);
    postcard::from_bytes(&plain).map_err(|e| Error::Damaged(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SourceId, StatementId};
    use crate::run::{Assumed, Contradiction};

    #[test]
    fn older_versions_had_fewer_lists() {
        let trace = RunTrace { degraded: vec!["why".to_owned()], ..RunTrace::default() };
        let mut plain = postcard::to_stdvec(&trace).unwrap();
        for version in (OLDEST..VERSION).rev() {
            assert_eq!(plain.pop(), Some(0));
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&version.to_le_bytes());
            bytes.extend(zstd::encode_all(plain.as_slice(), LEVEL).unwrap());
            assert_eq!(decode(&bytes).unwrap(), trace);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let assumed = Assumed { source: SourceId(0), statement: StatementId(3), callee: "m.f".to_owned() };
        let wrong = Contradiction { file: "a.yaml".to_owned(), callee: "m.f".to_owned() };
        let trace = RunTrace { assumed: vec![assumed], contradicted: vec![wrong], ..RunTrace::default() };
        assert_eq!(decode(&encode(&trace).unwrap()).unwrap(), trace);
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = encode(&RunTrace::default()).unwrap();
        bytes[MAGIC.len()] = 99;
        assert!(matches!(decode(&bytes), Err(Error::Version { found: 99 })));
        bytes[MAGIC.len()] = 0;
        assert!(matches!(decode(&bytes), Err(Error::Version { found: 0 })));
    }
}
