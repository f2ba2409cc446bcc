//! The text of a slice: the user's own lines, in their order, with the comments that belong to them.
//!
//! Nothing is moved to another depth and nothing is rewritten: lines are kept or left out. Only where a block would be
//! empty, `pass` stands in for it (`yield` in a generator function, which must stay one), and where statements share a
//! line, those that stay are joined again. A comment belongs to the statement on whose line it ends, or above which it
//! stands directly and at the same depth. The result always parses.

mod lines;

use clew_trace::{Arm, SourceTable, StatementId, StatementKind};
use std::collections::BTreeSet;

use crate::clauses::{clauses, is_elif};
use crate::facts::{region, Blocks};
use crate::program::Program;
use crate::scan::{TokenKind, Tokens};
use crate::slice::Slice;
use lines::Lines;

/// The program text of a slice. Empty when the program's text is not available.
pub fn text(program: &Program<'_>, slice: &Slice) -> String {
    let (Some(table), Some(text)) = (program.tables.first(), program.texts.first()) else { return String::new() };
    let blocks = Blocks::new(table);
    let mut printer = Printer {
        table,
        text,
        lines: Lines::new(table, text),
        blocks: &blocks,
        kept: &slice.kept,
        arms: &slice.arms,
        out: String::new(),
        next_line: 0,
        at_block_start: true,
        after_definition: false,
    };
    printer.opening_comments();
    printer.block(blocks.top());
    printer.out
}

struct Printer<'p> {
    table: &'p SourceTable,
    text: &'p str,
    lines: Lines<'p>,
    blocks: &'p Blocks,
    kept: &'p BTreeSet<StatementId>,
    arms: &'p BTreeSet<(StatementId, Arm)>,
    out: String,
    /// The first line of the original that has not been passed.
    next_line: usize,
    /// Whether a header has just been printed.
    at_block_start: bool,
    /// Whether a function or class has just been printed.
    after_definition: bool,
}

impl Printer<'_> {
    /// The interpreter line and the encoding declaration, which mean something where they stand.
    fn opening_comments(&mut self) {
        for line in 0..self.lines.len().min(2) {
            let own = self.lines.text(line);
            let is_encoding = own.trim_start().starts_with('#') && {
                let after = own.split_once("coding").map(|(_, rest)| rest);
                after.is_some_and(|rest| rest.starts_with([':', '=']))
            };
            if is_encoding || line == 0 && own.starts_with("#!") {
                self.out.push_str(own);
                self.out.push_str(self.lines.newline());
                self.next_line = line + 1;
                self.at_block_start = false;
            }
        }
    }

    fn span(&self, id: StatementId) -> (usize, usize) {
        let span = self.table.statement(id).span;
        (span.start as usize, span.end as usize)
    }

    fn has_any(&self, block: &[StatementId]) -> bool {
        match (block.first(), block.last()) {
            (Some(first), Some(last)) => self.kept.range(*first..StatementId(self.blocks.end(*last))).next().is_some(),
            _ => false,
        }
    }

    fn block(&mut self, block: &[StatementId]) {
        let mut at = 0;
        while at < block.len() {
            let id = block[at];
            if self.table.statement(id).kind.is_compound() {
                if self.kept.contains(&id) {
                    self.compound(id);
                }
                at += 1;
                continue;
            }
            // Statements on one logical line.
            let mut end = at + 1;
            while end < block.len() && !self.is_split(self.span(block[end - 1]).1, self.span(block[end]).0) {
                end += 1;
            }
            self.group(&block[at..end]);
            at = end;
        }
    }

    /// Whether a line ends between two places that hold no statement in between.
    fn is_split(&self, from: usize, to: usize) -> bool {
        Tokens::within(self.text, from, to).any(|token| token.kind == TokenKind::Newline)
    }

    fn group(&mut self, group: &[StatementId]) {
        let kept: Vec<StatementId> = group.iter().copied().filter(|id| self.kept.contains(id)).collect();
        let (Some(&first), Some(&last)) = (group.first(), group.last()) else { return };
        if kept.is_empty() {
            return;
        }
        let (start, end) = (self.span(first).0, self.span(last).1);
        let line_start = self.lines.start(self.lines.at(start));
        let body = if kept.len() == group.len() {
            self.text[line_start..self.lines.end(self.lines.at(end))].to_owned()
        } else {
            format!("{}{}{}", &self.text[line_start..start], self.joined(&kept), self.comment_after(end))
        };
        self.piece(start, &body, end, false);
    }

    fn joined(&self, kept: &[StatementId]) -> String {
        let texts: Vec<&str> = kept.iter().map(|id| &self.text[self.span(*id).0..self.span(*id).1]).collect();
        texts.join("; ")
    }

    /// The comment that follows on the same line.
    fn comment_after(&self, end: usize) -> String {
        let line_end = self.lines.end(self.lines.at(end));
        let comment = Tokens::within(self.text, end, line_end).find(|token| token.kind == TokenKind::Comment);
        comment.map_or(String::new(), |token| format!("  {}", &self.text[token.start..line_end]))
    }

    fn compound(&mut self, id: StatementId) {
        let statement = self.table.statement(id);
        let (start, header_end) = (self.span(id).0, statement.header.end as usize);
        let is_definition = matches!(statement.kind, StatementKind::Function | StatementKind::Class);
        let body = self.blocks.arm(id, Arm::Body);
        if statement.kind == StatementKind::Match {
            self.header(start, header_end, false);
        } else {
            self.clause(id, start, header_end, body, is_definition);
        }
        let clauses = clauses(self.table, self.text, self.blocks, id);
        for (arm, block) in self.blocks.arms(id) {
            if *arm == Arm::Body || !self.has_any(block) && !self.arms.contains(&(id, *arm)) {
                continue;
            }
            match clauses.iter().find(|clause| clause.arm == *arm) {
                Some(clause) => self.clause(id, clause.start, clause.end, block, false),
                None => {
                    // The only statement of the block is the `elif`.
                    for inner in block.iter().filter(|inner| is_elif(self.table, self.text, **inner)) {
                        self.compound(*inner);
                    }
                }
            }
        }
        self.after_definition = is_definition;
    }

    /// A clause's own lines, up to the end of the line that holds its colon.
    fn header(&mut self, start: usize, end: usize, is_definition: bool) {
        let line_start = self.lines.start(self.lines.at(start));
        let body = self.text[line_start..self.lines.end(self.lines.at(end))].to_owned();
        self.piece(start, &body, end, is_definition);
        self.at_block_start = true;
    }

    /// A clause and its block.
    fn clause(&mut self, id: StatementId, start: usize, end: usize, block: &[StatementId], is_definition: bool) {
        let Some(&first) = block.first() else { return self.header(start, end, is_definition) };
        let first_start = self.span(first).0;
        if self.is_split(end, first_start) {
            self.header(start, end, is_definition);
            self.block(block);
            if let Some(filler) = self.filler(id, block) {
                let line = self.lines.at(first_start);
                let indent = &self.text[self.lines.start(line)..first_start];
                let body = format!("{indent}{filler}");
                self.out.push_str(&body);
                self.out.push_str(self.lines.newline());
                self.at_block_start = false;
            }
            return;
        }
        let last_end = block.last().map_or(end, |last| self.span(*last).1);
        let line_start = self.lines.start(self.lines.at(start));
        let kept: Vec<StatementId> = block.iter().copied().filter(|id| self.kept.contains(id)).collect();
        let body = if kept.len() == block.len() {
            self.text[line_start..self.lines.end(self.lines.at(last_end))].to_owned()
        } else {
            let mut inner = self.joined(&kept);
            if let Some(filler) = self.filler(id, block) {
                inner = if inner.is_empty() { filler.to_owned() } else { format!("{inner}; {filler}") };
            }
            format!("{} {inner}{}", &self.text[line_start..end], self.comment_after(last_end))
        };
        self.piece(start, &body, last_end, is_definition);
    }

    /// What must stand in a block so that it is not empty, and a generator function stays one.
    fn filler(&self, id: StatementId, block: &[StatementId]) -> Option<&'static str> {
        let is_empty = !self.has_any(block);
        let only_documented = || {
            let inside = StatementId(id.0 + 1)..StatementId(self.blocks.end(id));
            self.kept.range(inside).all(|inner| self.table.statement(*inner).is_docstring)
        };
        let is_function = self.table.statement(id).kind == StatementKind::Function;
        if is_function && only_documented() && self.is_generator(id) {
            Some("yield")
        } else if is_empty {
            Some("pass")
        } else {
            None
        }
    }

    fn is_generator(&self, id: StatementId) -> bool {
        let Some(scope) = self.table.statement(id).opens.filter(|scope| self.table.scope(*scope).suspends) else {
            return false;
        };
        (id.0 + 1..self.blocks.end(id)).any(|index| {
            let statement = self.table.statement(StatementId(index));
            let own = &self.text[statement.header.start as usize..statement.header.end as usize];
            region(self.table, statement.scope) == scope && crate::closure::functions::yields(own)
        })
    }

    /// Prints some lines that begin on the line of `start` and end on that of `end`, with the comments above them.
    fn piece(&mut self, start: usize, body: &str, end: usize, is_definition: bool) {
        let first = self.lines.at(start);
        let mut top = first;
        while top > self.next_line
            && self.lines.is_comment(top - 1)
            && self.lines.indent(top - 1) == self.lines.indent(first)
        {
            top -= 1;
        }
        for _ in 0..self.blank_lines(top, is_definition) {
            self.out.push_str(self.lines.newline());
        }
        for line in top..first {
            self.out.push_str(self.lines.text(line));
            self.out.push_str(self.lines.newline());
        }
        self.out.push_str(body);
        self.out.push_str(self.lines.newline());
        self.next_line = self.lines.at(end) + 1;
        self.at_block_start = false;
        self.after_definition = false;
    }

    /// Blank lines before the line `top`: those of the original if only they stand there, else few.
    fn blank_lines(&self, top: usize, is_definition: bool) -> usize {
        if self.at_block_start || self.out.is_empty() {
            return 0;
        }
        let (mut longest, mut run, mut only) = (0, 0, true);
        for line in self.next_line..top {
            if self.lines.is_blank(line) {
                run += 1;
                longest = longest.max(run);
            } else {
                run = 0;
                only = false;
            }
        }
        let around_definition = is_definition || self.after_definition;
        longest.min(if only || around_definition { 2 } else { 1 })
    }
}
