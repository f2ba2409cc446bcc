//! Places in the rewritten source mapped back to the original, and location tables of code objects with them.
//!
//! Insertions hold no line ends, so that every line keeps its number; only columns move. The one exception is an
//! insertion that asks to be shown on another line because its own line has no code in the plain program.

use crate::rewrite::Edit;

mod linetable;

pub use linetable::remap_linetable;

/// Where an inserted piece of text stands in its rewritten line, and what it is shown as.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// First column of the piece in the rewritten line.
    start: u32,
    /// One past its last column.
    end: u32,
    /// The original column at which it was inserted.
    at: u32,
    /// Where positions inside are shown: the places of the first and of one past the last shown character.
    shown: Option<(Place, Place)>,
}

impl Piece {
    /// The original column, unless the column is inside the piece. The end of a piece is inside it for an end, and for
    /// a start it is the next character.
    fn outside(&self, column: u32, is_end: bool) -> Option<u32> {
        (column >= self.end + u32::from(is_end)).then(|| self.at + (column - self.end))
    }
}

/// A line, 1-based, and a column in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// From columns of the rewritten source to columns of the original.
#[derive(Clone, Debug, Default)]
pub struct PositionMap {
    /// The pieces of all lines, in order.
    pieces: Vec<Piece>,
    /// Where the pieces of each line begin; the pieces of the 1-based line `n` are `first[n - 1]..first[n]`.
    first: Vec<u32>,
}

impl PositionMap {
    /// The map of a source and its edits, which are in the order of the text.
    pub fn new(original: &str, rewritten: &str, edits: &[Edit]) -> Self {
        debug_assert_eq!(original.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>(), rewritten.len());
        let starts = line_starts(original);
        let place = |offset: u32| {
            let line = starts.partition_point(|start| *start <= offset);
            Place { line: line as u32, column: offset - starts[line - 1] }
        };
        let mut pieces = Vec::with_capacity(edits.len());
        let mut first = Vec::with_capacity(starts.len() + 1);
        first.push(0);
        let mut added = 0;
        let mut line = 1;
        for edit in edits {
            let at = place(edit.at);
            while line < at.line {
                first.push(pieces.len() as u32);
                line += 1;
                added = 0;
            }
            let start = at.column + added;
            added += edit.text.len() as u32;
            let shown = edit.shown.map(|(from, to)| (place(from), place(to)));
            pieces.push(Piece { start, end: at.column + added, at: at.column, shown });
        }
        first.resize(starts.len() + 1, pieces.len() as u32);
        Self { pieces, first }
    }

    /// The original column of a column of the rewritten source; `is_end` when it is one past the end of something.
    pub fn column(&self, line: u32, column: u32, is_end: bool) -> u32 {
        let place = Place { line, column };
        let Some(piece) = self.find(place, is_end) else { return column };
        let inside = || piece.shown.map_or(piece.at, |shown| if is_end { shown.1.column } else { shown.0.column });
        piece.outside(column, is_end).unwrap_or_else(inside)
    }

    /// The original places of the start and the end of a node of the rewritten source.
    pub fn span(&self, start: Place, end: Place) -> (Place, Place) {
        let first = self.find(start, false);
        let from = match first {
            None => start,
            Some(piece) => match (piece.outside(start.column, false), piece.shown) {
                (Some(column), _) => Place { column, ..start },
                (None, Some((shown, _))) => shown,
                (None, None) => Place { column: piece.at, ..start },
            },
        };
        let to = match self.find(end, true) {
            None => end,
            Some(piece) => match (piece.outside(end.column, true), piece.shown) {
                (Some(column), _) => Place { column, ..end },
                // A node that begins before the text inserted here and ends with it is the program's own.
                (None, Some((_, shown))) if first.is_some_and(|first| first.at == piece.at) => shown,
                (None, _) => Place { column: piece.at, ..end },
            },
        };
        (from, to)
    }

    /// The last piece that begins before the place; or at it, unless the place is an end.
    fn find(&self, place: Place, is_end: bool) -> Option<&Piece> {
        let pieces = self.pieces_of(place.line)?;
        let column = place.column;
        let before = pieces.partition_point(|piece| if is_end { piece.start < column } else { piece.start <= column });
        pieces.get(before.checked_sub(1)?)
    }

    /// Whether any place of the lines from `first` to `last` is moved.
    fn touches(&self, first: u32, last: u32) -> bool {
        let bound = |line: u32| self.first.get(line as usize).or(self.first.last()).copied().unwrap_or(0);
        bound(first.saturating_sub(1)) != bound(last)
    }

    fn pieces_of(&self, line: u32) -> Option<&[Piece]> {
        let from = *self.first.get((line as usize).checked_sub(1)?)?;
        let to = *self.first.get(line as usize)?;
        self.pieces.get(from as usize..to as usize)
    }
}

/// First byte of each line, lines being ended as the tokenizer of CPython ends them.
pub(crate) fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(at as u32 + 1);
        }
    }
    starts
}
