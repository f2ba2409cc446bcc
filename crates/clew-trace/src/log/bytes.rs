//! Numbers to bytes and back: little-endian words, and variable-length integers of seven bits a byte.

use super::Error;

/// Appends `value` in seven-bit groups, lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that are read from the front.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

const SHORT: Error = Error::Damaged { what: "a column is too short" };

impl<'a> Cursor<'a> {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(SHORT)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|b| b[0])
    }

    /// A little-endian word of 16 bits.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    /// A little-endian word of 32 bits.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// A little-endian word of 64 bits.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    /// What [`put_varint`] wrote.
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Damaged { what: "a number is too long" })
    }

    /// A [`Cursor::varint`] of at most 32 bits.
    pub fn varint32(&mut self) -> Result<u32, Error> {
        u32::try_from(self.varint()?).map_err(|_| Error::Damaged { what: "a number is too big" })
    }
}

/// A checksum against torn and overwritten blocks; it defends against accidents only.
pub fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29);
    // Two independent sums, so that the multiplications overlap.
    let (mut even, mut odd) = (bytes.len() as u64, FACTOR);
    let mut pairs = bytes.chunks_exact(16);
    for pair in &mut pairs {
        let (low, high) = pair.split_at(8);
        even = mix(even, word(low));
        odd = mix(odd, word(high));
    }
    for part in pairs.remainder().chunks(8) {
        even = mix(even, word(part));
    }
    mix(even, odd) ^ odd
}

fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers: Vec<u64>) {
            let mut out = Vec::new();
            for &n in &numbers {
                put_varint(&mut out, n);
            }
            let mut cursor = Cursor::new(&out);
            for &n in &numbers {
                prop_assert_eq!(cursor.varint().unwrap(), n);
            }
            prop_assert!(cursor.rest().is_empty());
        }

        #[test]
        fn any_changed_byte_changes_the_checksum(bytes in prop::collection::vec(any::<u8>(), 1..100), at: usize, flip in 1_u8..) {
            let mut changed = bytes.clone();
            changed[at % bytes.len()] ^= flip;
            prop_assert_ne!(checksum(&bytes), checksum(&changed));
        }
    }
}
