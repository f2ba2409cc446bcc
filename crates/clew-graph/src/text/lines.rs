//! The lines of a source: where they begin and end, and which are blank or comments.

use clew_trace::SourceTable;

use crate::scan::line_end;

/// Lines end at `\n`, `\r\n` or a lone `\r`. Numbers are 0-based.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    /// Lines that begin inside a statement.
    inside: Vec<bool>,
    newline: &'static str,
}

impl<'t> Lines<'t> {
    pub(super) fn new(table: &SourceTable, text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n') {
                starts.push(at + 1);
            }
        }
        let newline = match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) if bytes[at..].starts_with(b"\r\n") => "\r\n",
            Some(at) if bytes[at] == b'\r' => "\r",
            _ => "\n",
        };
        let mut lines = Self { text, inside: vec![false; starts.len()], starts, newline };
        for statement in &table.statements {
            let (start, end) = (statement.header.start as usize, statement.header.end as usize);
            for line in lines.at(start) + 1..=lines.at(end.saturating_sub(1).max(start)) {
                lines.inside[line] = true;
            }
        }
        lines
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The line end to write.
    pub(super) const fn newline(&self) -> &'static str {
        self.newline
    }

    /// The line that holds a byte; a place at the end of a line belongs to that line.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// First byte of a line.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts[line]
    }

    /// One past the last byte of a line, its line end left out.
    pub(super) fn end(&self, line: usize) -> usize {
        line_end(self.text.as_bytes(), self.starts[line])
    }

    /// The text of a line.
    pub(super) fn text(&self, line: usize) -> &'t str {
        &self.text[self.start(line)..self.end(line)]
    }

    /// The white space at the beginning of a line.
    pub(super) fn indent(&self, line: usize) -> &'t str {
        let own = self.text(line);
        &own[..own.len() - own.trim_start().len()]
    }

    /// Whether the line holds nothing, outside statements.
    pub(super) fn is_blank(&self, line: usize) -> bool {
        !self.inside[line] && self.text(line).trim().is_empty()
    }

    /// Whether the line holds a comment only, outside statements.
    pub(super) fn is_comment(&self, line: usize) -> bool {
        !self.inside[line] && self.text(line).trim_start().starts_with('#')
    }
}
