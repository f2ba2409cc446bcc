//! Insertions, and characters that are replaced, collected in any order of places and applied in one that nests.
//!
//! At one place, what ends there is closed before anything is opened: closing text in the order in which it was
//! added (inner nodes are left first), then what follows a statement, then whole statements in the order in which they were added, then opening text in
//! the order in which it was added (outer nodes are entered first). A node is never empty, so no text opens and closes
//! at the same place.

use serde::{Deserialize, Serialize};

/// One insertion into the original source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Byte offset in the original source.
    pub at: u32,
    /// What is inserted; it holds no line end.
    pub text: String,
    /// The byte range of the original as which places inside the text are shown; the place of the insertion if `None`.
    pub shown: Option<(u32, u32)>,
}

/// The insertions made so far.
#[derive(Debug, Default)]
pub(super) struct Edits {
    closing: Vec<Edit>,
    after: Vec<Edit>,
    statements: Vec<Edit>,
    opening: Vec<Edit>,
    overwritten: Vec<(u32, u8)>,
}

impl Edits {
    /// Text that stands before what begins at `at`.
    pub(super) fn open(&mut self, at: u32, text: String) {
        self.opening.push(Edit { at, text, shown: None });
    }

    /// Text that stands before what begins at `at`, shown as some other text.
    pub(super) fn open_shown(&mut self, at: u32, text: String, shown: (u32, u32)) {
        self.opening.push(Edit { at, text, shown: Some(shown) });
    }

    /// Statements with their semicolons that stand before the one that begins at `at`, and are shown as some other text.
    pub(super) fn before(&mut self, at: u32, text: String, shown: (u32, u32)) {
        self.statements.push(Edit { at, text, shown: Some(shown) });
    }

    /// Text that stands after what ends at `at`.
    pub(super) fn close(&mut self, at: u32, text: impl Into<String>) {
        self.closing.push(Edit { at, text: text.into(), shown: None });
    }

    /// Text that stands after what ends at `at`, shown as some other text.
    pub(super) fn close_shown(&mut self, at: u32, text: String, shown: (u32, u32)) {
        self.closing.push(Edit { at, text, shown: Some(shown) });
    }

    /// Text that stands after the statement that ends at `at`, shown as some other text.
    pub(super) fn after(&mut self, at: u32, text: String, shown: (u32, u32)) {
        self.after.push(Edit { at, text, shown: Some(shown) });
    }

    /// Puts another ASCII character in the place of one.
    pub(super) fn overwrite(&mut self, at: u32, character: char) {
        self.overwritten.push((at, character as u8));
    }

    /// The rewritten source, and the edits in the order of the text.
    pub(super) fn apply(mut self, source: &str) -> (String, Vec<Edit>) {
        let overwritten = (!self.overwritten.is_empty()).then(|| overwrite(source, &self.overwritten));
        let source = overwritten.as_deref().unwrap_or(source);
        let mut edits = self.closing;
        edits.append(&mut self.after);
        edits.append(&mut self.statements);
        edits.append(&mut self.opening);
        // The sort is stable.
        edits.sort_by_key(|edit| edit.at);
        let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
        let mut text = String::with_capacity(source.len() + added);
        let mut copied = 0;
        for edit in &edits {
            text.push_str(&source[copied..edit.at as usize]);
            text.push_str(&edit.text);
            copied = edit.at as usize;
        }
        text.push_str(&source[copied..]);
        (text, edits)
    }
}

/// The text with characters replaced. All of them are ASCII characters before and after.
fn overwrite(source: &str, replacements: &[(u32, u8)]) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for (at, byte) in replacements {
        if let Some(old) = bytes.get_mut(*at as usize).filter(|old| old.is_ascii()) {
            *old = *byte;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn closing_text_comes_first_and_nests() {
        let mut edits = Edits::default();
        edits.open(0, "outer(".into());
        edits.open(0, "inner(".into());
        edits.close(1, "/inner)");
        edits.open(1, "next(".into());
        edits.close(1, "/outer)");
        assert_eq!(edits.apply("ab").0, "outer(inner(a/inner)/outer)next(b");
    }
}
