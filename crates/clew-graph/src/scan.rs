//! A light scanner of Python text: names, brackets, strings and comments, enough to find clauses and calls.
//!
//! It is used on text that a parser has accepted, so it need not recover from errors.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An identifier or keyword.
    Name,
    /// A string, with its prefix; `format` when names inside it are evaluated.
    String {
        /// Whether it is an f-string.
        format: bool,
    },
    /// A number.
    Number,
    /// A comment, without its line end.
    Comment,
    /// A line end that is not continued.
    Newline,
    /// One character of anything else.
    Mark(u8),
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Brackets open around it; an opening and its closing bracket have the same depth.
    pub(crate) depth: u32,
}

/// The tokens of a text, or of the part of it from `start` to `end`.
pub(crate) struct Tokens<'t> {
    bytes: &'t [u8],
    at: usize,
    end: usize,
    depth: u32,
}

impl<'t> Tokens<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, end: text.len(), depth: 0 }
    }

    pub(crate) fn within(text: &'t str, start: usize, end: usize) -> Self {
        Self { bytes: text.as_bytes(), at: start, end: end.min(text.len()), depth: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            if start >= self.end {
                return None;
            }
            let byte = self.bytes[start];
            let (kind, end) = match byte {
                b' ' | b'\t' | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'\\' => {
                    // A continued line: the line end is white space.
                    self.at += 1;
                    while self.bytes.get(self.at).is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                        self.at += 1;
                        if self.bytes[self.at - 1] == b'\n' {
                            break;
                        }
                    }
                    continue;
                }
                b'#' => (TokenKind::Comment, line_end(self.bytes, start)),
                b'\n' | b'\r' => (TokenKind::Newline, start + 1),
                b'"' | b'\'' => (TokenKind::String { format: false }, string_end(self.bytes, start, false)),
                _ if starts_name(byte) => {
                    let end = name_end(self.bytes, start);
                    match self.bytes.get(end) {
                        Some(b'"' | b'\'') if is_prefix(&self.bytes[start..end]) => {
                            let format = self.bytes[start..end].iter().any(|b| matches!(b, b'f' | b'F' | b't' | b'T'));
                            (TokenKind::String { format }, string_end(self.bytes, end, format))
                        }
                        _ => (TokenKind::Name, end),
                    }
                }
                b'0'..=b'9' => (TokenKind::Number, number_end(self.bytes, start)),
                _ => (TokenKind::Mark(byte), start + 1),
            };
            let depth = match byte {
                b'(' | b'[' | b'{' => {
                    self.depth += 1;
                    self.depth - 1
                }
                b')' | b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.depth
                }
                _ => self.depth,
            };
            self.at = end.max(start + 1);
            return Some(Token { kind, start, end: self.at, depth });
        }
    }
}

/// One past the last byte before the end of the line that holds `at`.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| matches!(b, b'\n' | b'\r')).map_or(bytes.len(), |length| at + length)
}

fn starts_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic() || byte >= 0x80
}

fn name_end(bytes: &[u8], start: usize) -> usize {
    let inside = |b: &u8| starts_name(*b) || b.is_ascii_digit();
    bytes[start..].iter().position(|b| !inside(b)).map_or(bytes.len(), |length| start + length)
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        let sign = matches!(byte, b'+' | b'-')
            && at > start
            && matches!(bytes[at - 1], b'e' | b'E')
            && !bytes[start..].starts_with(b"0x");
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || sign) {
            break;
        }
        at += 1;
    }
    at
}

fn is_prefix(name: &[u8]) -> bool {
    name.len() <= 2 && name.iter().all(|b| b"rRbBuUfFtT".contains(b))
}

/// One past the end of the string whose opening quote is at `start`.
fn string_end(bytes: &[u8], start: usize, format: bool) -> usize {
    let quote = bytes[start];
    let triple = bytes.get(start + 1) == Some(&quote) && bytes.get(start + 2) == Some(&quote);
    let mut at = start + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'{' if format && bytes.get(at + 1) == Some(&b'{') => at += 2,
            b'{' if format => at = field_end(bytes, at + 1),
            _ if byte == quote && !triple => return at + 1,
            _ if byte == quote && bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote) => {
                return at + 3
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// One past the brace that closes a replacement field whose expression begins at `start`.
fn field_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_u32;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b'}' if depth == 0 => return at + 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return format_end(bytes, at + 1),
            b'#' => {
                at = line_end(bytes, at);
                continue;
            }
            b'"' | b'\'' => {
                let name = bytes[..at].iter().rposition(|b| !starts_name(*b)).map_or(0, |before| before + 1);
                let format = is_prefix(&bytes[name..at]) && bytes[name..at].iter().any(|b| matches!(b, b'f' | b'F'));
                at = string_end(bytes, at, format);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// One past the brace that closes a replacement field whose format begins at `start`.
fn format_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' => at = field_end(bytes, at + 1),
            b'}' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How a name stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Every time, it is followed by an opening parenthesis.
    OnlyCalled,
    /// It is used as a value, or may be.
    Value,
}

/// How `name` stands in the text of one statement.
pub(crate) fn standing(text: &str, name: &str) -> Standing {
    let mut found = false;
    let mut tokens =
        Tokens::new(text).filter(|t| !matches!(t.kind, TokenKind::Newline | TokenKind::Comment)).peekable();
    while let Some(token) = tokens.next() {
        let own = &text[token.start..token.end];
        match token.kind {
            TokenKind::Name if own == name => {
                found = true;
                if tokens.peek().map(|next| next.kind) != Some(TokenKind::Mark(b'(')) {
                    return Standing::Value;
                }
            }
            TokenKind::String { .. } if own.contains(name) => return Standing::Value,
            _ => {}
        }
    }
    if found {
        Standing::OnlyCalled
    } else {
        Standing::Value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(&str, u32)> {
        Tokens::new(text).map(|t| (&text[t.start..t.end], t.depth)).collect()
    }

    #[test]
    fn strings_hide_what_they_hold() {
        assert_eq!(kinds("a = 'x: [' # c"), [("a", 0), ("=", 0), ("'x: ['", 0), ("# c", 0)]);
        assert_eq!(kinds(r#"f"{d["a:}"]}" + b"#), [(r#"f"{d["a:}"]}""#, 0), ("+", 0), ("b", 0)]);
        assert_eq!(kinds("f'{x:\">{w}}' [y]"), [("f'{x:\">{w}}'", 0), ("[", 0), ("y", 1), ("]", 0)]);
        assert_eq!(kinds("r'\\' 1e-5j"), [("r'\\' 1e-5j", 0)]);
        assert_eq!(kinds("\"\"\"a\n\"b\"\"\" \\\n c"), [("\"\"\"a\n\"b\"\"\"", 0), ("c", 0)]);
    }

    #[test]
    fn numbers_are_not_names() {
        assert_eq!(kinds("1e-5j+0xe-1"), [("1e-5j", 0), ("+", 0), ("0xe", 0), ("-", 0), ("1", 0)]);
    }

    #[test]
    fn calls_and_values() {
        assert_eq!(standing("f(f (x))", "f"), Standing::OnlyCalled);
        assert_eq!(standing("g(f)", "f"), Standing::Value);
        assert_eq!(standing("getattr(x, 'f')()", "f"), Standing::Value);
    }
}
