//! Places in the text: lines, and the colon that ends a clause.

/// Where the lines of a source start.
///
/// Lines end as CPython's tokenizer ends them: at `\n`, `\r\n` or a lone `\r`, and at nothing else.
pub(super) struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    /// Finds the lines of `source`.
    pub(super) fn new(source: &str) -> Self {
        let bytes = source.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at as u32 + 1);
            }
        }
        Self { starts }
    }

    /// The 1-based line that holds the byte at `offset`.
    pub(super) fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|start| *start <= offset) as u32
    }
}

/// One past the colon that ends a clause whose last expression ends at `from`.
///
/// Between the two stand only closing brackets, commas, white space, continued lines and comments.
pub(super) fn after_colon(source: &str, from: u32) -> u32 {
    let bytes = source.as_bytes();
    let mut at = from as usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b':' => return at as u32 + 1,
            b'#' => {
                while bytes.get(at).is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    from
}
