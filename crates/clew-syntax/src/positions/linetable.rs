//! Location tables of code objects (CPython's `Objects/locations.md`), decoded, mapped and encoded again.
//!
//! An entry covers one to eight code units and begins with a byte that has its top bit set. How many units each entry
//! covers is never changed.

use super::{Place, PositionMap};

const SHORT_FORMS: u8 = 10;
const ONE_LINE: u8 = 10;
const NO_COLUMNS: u8 = 13;
const LONG: u8 = 14;
const NONE: u8 = 15;

/// Where an instruction is, as far as its entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Location {
    line: i32,
    end_line: i32,
    /// `None` when it is not known.
    column: Option<u32>,
    end_column: Option<u32>,
}

/// The location table with every column mapped from the rewritten source to the original.
///
/// `first_line` is the code object's `co_firstlineno`. A table that cannot be read is returned as it is.
pub fn remap_linetable(linetable: &[u8], first_line: i32, map: &PositionMap) -> Vec<u8> {
    remap(linetable, first_line, map).unwrap_or_else(|| linetable.to_vec())
}

fn remap(linetable: &[u8], first_line: i32, map: &PositionMap) -> Option<Vec<u8>> {
    let mut reader = Reader { bytes: linetable, at: 0 };
    let mut out = Vec::with_capacity(linetable.len());
    // Lines are stored as differences; mapping may move an entry to another line.
    let mut read_line = first_line;
    let mut written_line = first_line;
    while let Some(head) = reader.byte() {
        let code = (head >> 3) & 15;
        let units = head & 7;
        match code {
            NONE => out.push(0x80 | (NONE << 3) | units),
            NO_COLUMNS => {
                read_line += reader.signed()?;
                out.push(0x80 | (NO_COLUMNS << 3) | units);
                write_signed(&mut out, read_line - written_line);
                written_line = read_line;
            }
            _ => {
                let location = reader.location(code, &mut read_line)?;
                let location = map_location(location, map);
                write_location(&mut out, location, units, written_line);
                written_line = location.line;
            }
        }
    }
    Some(out)
}

fn map_location(location: Location, map: &PositionMap) -> Location {
    let (Ok(line), Ok(end_line)) = (u32::try_from(location.line), u32::try_from(location.end_line)) else {
        return location;
    };
    let (Some(column), Some(end_column)) = (location.column, location.end_column) else { return location };
    // The start of a module and of a function stand on no token; their columns are zero, which nothing moves.
    let empty = line == end_line && column == end_column;
    if (empty && column == 0) || !map.touches(line, end_line) {
        return location;
    }
    let (start, end) = map.span(Place { line, column }, Place { line: end_line, column: end_column });
    let end = if empty { start } else { end };
    let end = if (end.line, end.column) < (start.line, start.column) { start } else { end };
    from_places(start, end)
}

fn from_places(start: Place, end: Place) -> Location {
    Location {
        line: start.line as i32,
        end_line: end.line as i32,
        column: Some(start.column),
        end_column: Some(end.column),
    }
}

/// Writes an entry in the shortest form that holds it, as the compiler does.
fn write_location(out: &mut Vec<u8>, location: Location, units: u8, line_before: i32) {
    let Location { line, end_line, column, end_column } = location;
    let delta = line - line_before;
    let head = |code: u8| 0x80 | (code << 3) | units;
    if let (true, Some(column), Some(end_column)) = (line == end_line, column, end_column) {
        if delta == 0 && column < 80 && end_column >= column && end_column - column < 16 {
            let (column, width) = (column as u8, (end_column - column) as u8);
            out.extend([head(column >> 3), ((column & 7) << 4) | width]);
            return;
        }
        if (0..3).contains(&delta) && column < 128 && end_column < 128 {
            out.extend([head(ONE_LINE + delta as u8), column as u8, end_column as u8]);
            return;
        }
    }
    out.push(head(LONG));
    write_signed(out, delta);
    write_unsigned(out, (end_line - line) as u32);
    write_unsigned(out, column.map_or(0, |column| column + 1));
    write_unsigned(out, end_column.map_or(0, |column| column + 1));
}

fn write_unsigned(out: &mut Vec<u8>, mut value: u32) {
    while value >= 64 {
        out.push(0x40 | (value & 63) as u8);
        value >>= 6;
    }
    out.push(value as u8);
}

fn write_signed(out: &mut Vec<u8>, value: i32) {
    let magnitude = value.unsigned_abs() << 1;
    write_unsigned(out, magnitude | u32::from(value < 0));
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u32> {
        let mut byte = self.byte()?;
        let mut value = u32::from(byte & 63);
        let mut shift = 0;
        while byte & 0x40 != 0 {
            byte = self.byte()?;
            shift += 6;
            value |= u32::from(byte & 63).checked_shl(shift)?;
        }
        Some(value)
    }

    fn signed(&mut self) -> Option<i32> {
        let value = self.unsigned()?;
        let magnitude = (value >> 1) as i32;
        Some(if value & 1 == 0 { magnitude } else { -magnitude })
    }

    /// The rest of an entry that has columns.
    fn location(&mut self, code: u8, line: &mut i32) -> Option<Location> {
        if code < SHORT_FORMS {
            let byte = self.byte()?;
            let column = u32::from(code << 3) | u32::from((byte >> 4) & 7);
            return Some(Location {
                line: *line,
                end_line: *line,
                column: Some(column),
                end_column: Some(column + u32::from(byte & 15)),
            });
        }
        if code < NO_COLUMNS {
            *line += i32::from(code - ONE_LINE);
            let (column, end_column) = (self.byte()?, self.byte()?);
            return Some(Location {
                line: *line,
                end_line: *line,
                column: Some(u32::from(column)),
                end_column: Some(u32::from(end_column)),
            });
        }
        *line += self.signed()?;
        let end_line = *line + self.unsigned()? as i32;
        // Columns are stored with one added; zero is a column that is not known.
        let column = self.unsigned()?.checked_sub(1);
        let end_column = self.unsigned()?.checked_sub(1);
        Some(Location { line: *line, end_line, column, end_column })
    }
}
