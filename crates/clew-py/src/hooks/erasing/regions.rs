//! Where inserted text stands in compiled code, and which jumps skip it.
//!
//! Only shapes that the compiler is known to make are recognised: a mark or an entry check as a whole, and the call of
//! a hook around an operand without jumps. Anything else is left alone.

use super::opcodes::{instructions, Instruction, Op, Opcodes};
use clew_syntax::hooks::Hook;

/// When a region has nothing more to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The statement is known to have run; this stays true.
    Covered(u32),
    /// The scope was entered during this unit, and the statement, if any, is known to have run.
    Entered(u32, Option<u32>),
    /// Nothing that this unit could find by this constant's hook is new to it.
    Looked(u32),
}

/// A unit of code that skips text, and where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    pub at: u32,
    pub unit: [u8; 2],
}

/// A piece of code that can be skipped.
#[derive(Clone, Debug)]
pub struct Region {
    pub condition: Condition,
    pub patches: [Option<Patch>; 2],
    /// What was there, while the region is erased.
    pub saved: Option<[[u8; 2]; 2]>,
    /// Where a frame may be while it holds a hook that it is about to call: first unit and end. The region stays as it
    /// is as long as one is there.
    pub held: Option<(u32, u32)>,
    /// The call, if it must have been warmed up before the region may be skipped.
    pub warm_call: Option<u32>,
}

/// What a constant of a code object stands for.
#[derive(Clone, Copy)]
pub enum Constant<'a> {
    /// A hook.
    Hook(&'a Hook),
    /// A small number, such as those of statements and scopes.
    Number(u32),
    /// Anything else.
    Other,
}

/// The regions of a code object.
pub fn find(bytes: &[u8], constants: &[Constant<'_>], opcodes: &Opcodes) -> Vec<Region> {
    let code = instructions(bytes, opcodes);
    let finder = Finder { code: &code, constants, opcodes };
    (0..code.len()).filter_map(|index| finder.region(index)).collect()
}

struct Finder<'a> {
    code: &'a [Instruction],
    constants: &'a [Constant<'a>],
    opcodes: &'a Opcodes,
}

impl Finder<'_> {
    fn op(&self, index: usize) -> Op {
        self.code.get(index).map_or(Op::Other, |instruction| instruction.op)
    }

    fn ops_are(&self, index: usize, wanted: &[Op]) -> bool {
        wanted.iter().enumerate().all(|(offset, op)| self.op(index + offset) == *op)
    }

    fn constant(&self, index: usize) -> Constant<'_> {
        let instruction = self.code.get(index).filter(|instruction| instruction.op == Op::Constant);
        let constant = instruction.and_then(|instruction| self.constants.get(instruction.argument as usize));
        constant.copied().unwrap_or(Constant::Other)
    }

    fn hook(&self, index: usize) -> Option<&Hook> {
        match self.constant(index) {
            Constant::Hook(hook) => Some(hook),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<u32> {
        match self.constant(index) {
            Constant::Number(number) => Some(number),
            _ => None,
        }
    }

    fn is(&self, index: usize, wanted: &Hook) -> bool {
        self.hook(index) == Some(wanted)
    }

    fn region(&self, index: usize) -> Option<Region> {
        match self.op(index) {
            Op::Constant if self.is(index, &Hook::Coverage) => self.covered_test(index),
            Op::Constant if self.is(index, &Hook::Entered) => self.entry(index),
            Op::Constant if self.is(index + 1, &Hook::Coverage) => self.covered(index),
            Op::Constant | Op::PushNull => self.operand(index),
            _ => None,
        }
    }

    fn skip(&self, index: usize, target: u32, condition: Condition) -> Option<Region> {
        let patch = self.jump(self.code[index].start, target)?;
        Some(Region { condition, patches: [Some(patch), None], saved: None, held: None, warm_call: None })
    }

    fn jump(&self, at: u32, target: u32) -> Option<Patch> {
        let distance = u8::try_from(target.checked_sub(at + 1)?).ok()?;
        Some(Patch { at, unit: [self.opcodes.jump, distance] })
    }

    /// `K[i]=1`, from its value on.
    fn covered(&self, index: usize) -> Option<Region> {
        self.ops_are(index + 1, &[Op::Constant, Op::Constant, Op::StoreItem]).then_some(())?;
        self.skip(index, self.code[index + 3].end, Condition::Covered(self.number(index + 2)?))
    }

    /// `K[i]or M(0)` where a jump follows.
    fn covered_test(&self, index: usize) -> Option<Region> {
        self.ops_are(index + 1, &[Op::Constant, Op::Item]).then_some(())?;
        let target = self.true_target(index + 3)?;
        self.skip(index, target, Condition::Covered(self.number(index + 1)?))
    }

    /// Where a test whose value is on the stack goes on when it is true.
    fn true_target(&self, index: usize) -> Option<u32> {
        let jump = if self.op(index) == Op::Truth { index + 1 } else { index };
        let instruction = self.code.get(jump).filter(|instruction| instruction.op == Op::JumpIfTrue)?;
        Some(instruction.end + instruction.argument)
    }

    /// `L[k]is S[0]or H(k)`, whose value is tested or goes to `K[i]`.
    fn entry(&self, index: usize) -> Option<Region> {
        use Op::{Constant, Is, Item};
        self.ops_are(index + 1, &[Constant, Item, Constant, Constant, Item, Is]).then_some(())?;
        self.is(index + 3, &Hook::State).then_some(())?;
        let scope = self.number(index + 1)?;
        if let Some(target) = self.true_target(index + 7) {
            return self.skip(index, target, Condition::Entered(scope, None));
        }
        let kept = match self.op(index + 7) {
            Op::JumpIfTrueOrPop => self.code[index + 7].end + self.code[index + 7].argument,
            Op::Copy => self.true_target(index + 8)?,
            _ => return None,
        };
        let store = self.code.partition_point(|instruction| instruction.start < kept);
        if self.is(store, &Hook::Coverage) && self.ops_are(store + 1, &[Constant, Op::StoreItem]) {
            let statement = self.number(store + 1)?;
            return self.skip(index, self.code[store + 2].end, Condition::Entered(scope, Some(statement)));
        }
        None
    }

    /// The call of a hook that gives its operand back and is erasable.
    fn operand(&self, index: usize) -> Option<Region> {
        let (first, second) = (self.op(index), self.op(index + 1));
        let constant = match (first, second) {
            (Op::PushNull, Op::Constant) => index + 1,
            (Op::Constant, Op::PushNull) => index,
            _ => return None,
        };
        let erasable = matches!(self.hook(constant)?, Hook::See { .. } | Hook::Read { advances: false, .. });
        if !erasable {
            return None;
        }
        let condition = Condition::Looked(self.code[constant].argument);
        let (call, is_plain) = self.call_of(index + 2)?;
        let (start, operand) = (self.code[index].start, self.code[index + 2].start);
        let end = self.code[call + usize::from(self.op(call) == Op::Precall)].end;
        let called = self.code[call].start;
        let local = self.code[index + 2];
        if call == index + 3 && local.op == Op::Local && local.argument < 256 {
            let load = Patch { at: start, unit: [self.opcodes.local, local.argument as u8] };
            let patches = [Some(load), Some(self.jump(start + 1, end)?)];
            let warm_call = self.opcodes.joins_late.then_some(called);
            return Some(Region { condition, patches, saved: None, held: None, warm_call });
        }
        let patches = [Some(self.jump(start, operand)?), Some(self.jump(called, end)?)];
        let held = (!is_plain).then_some((start, called));
        Some(Region { condition, patches, saved: None, held, warm_call: None })
    }

    /// The call (or what precedes it) that takes the operand which begins here, if the operand has no jumps; and
    /// whether nothing in it can run other code.
    fn call_of(&self, index: usize) -> Option<(usize, bool)> {
        let mut depth = 0_i64;
        let mut is_plain = true;
        for at in index..self.code.len() {
            let Instruction { op, argument, .. } = self.code[at];
            let count = i64::from(argument);
            is_plain &= matches!(op, Op::Constant | Op::Local | Op::Load | Op::Global)
                || depth == 1 && matches!(op, Op::Precall | Op::Call);
            match op {
                Op::Precall if depth == 1 && count == 1 => return Some((at, is_plain)),
                Op::Call if depth == 1 && count == 1 => return Some((at, is_plain)),
                Op::PushNull | Op::Constant | Op::Local | Op::Load | Op::Method => depth += 1,
                Op::Attribute => depth += i64::from(self.opcodes.attribute_is_method) * (count & 1),
                Op::Global => depth += 1 + (count & 1),
                Op::LoadTwo => depth += 2,
                Op::Item | Op::Two | Op::Is => depth -= 1,
                Op::Slice => depth -= 2,
                Op::Build => depth += 1 - count,
                Op::Call => depth -= count + 1,
                Op::Precall | Op::One | Op::Truth => {}
                _ => return None,
            }
            if depth < 1 {
                return None;
            }
        }
        None
    }
}
