//! The instructions that inserted text compiles to, and those that may stand in an operand of a hook.
//!
//! Opcode numbers belong to a minor version. An instruction that is not listed ends whatever is being recognised.

/// What an instruction does, as far as finding the end of a hook's operand needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    PushNull,
    Constant,
    Local,
    Global,
    Load,
    LoadTwo,
    Attribute,
    Method,
    Item,
    StoreItem,
    Precall,
    Call,
    Is,
    Two,
    Slice,
    One,
    Build,
    Copy,
    Pop,
    Truth,
    JumpIfTrue,
    JumpIfFalse,
    JumpIfTrueOrPop,
    Jump,
    Extended,
    Other,
}

/// The instructions of one minor version.
pub struct Opcodes {
    kinds: [Op; 256],
    /// Numbers from here on belong to instructions that call tools.
    pub first_instrumented: u8,
    /// Whether pairs of instructions are joined only once the code is warm.
    pub joins_late: bool,
    /// Whether loading an attribute may leave a receiver as well, told by the argument's lowest bit.
    pub attribute_is_method: bool,
    pub jump: u8,
    pub local: u8,
}

const V11: &[(u8, Op)] = &[
    (2, Op::PushNull),
    (100, Op::Constant),
    (124, Op::Local),
    (116, Op::Global),
    (137, Op::Load),
    (136, Op::Load),
    (106, Op::Attribute),
    (160, Op::Method),
    (25, Op::Item),
    (60, Op::StoreItem),
    (166, Op::Precall),
    (171, Op::Call),
    (117, Op::Is),
    (122, Op::Two),
    (107, Op::Two),
    (118, Op::Two),
    (11, Op::One),
    (12, Op::One),
    (15, Op::One),
    (10, Op::One),
    (102, Op::Build),
    (103, Op::Build),
    (104, Op::Build),
    (120, Op::Copy),
    (1, Op::Pop),
    (115, Op::JumpIfTrue),
    (114, Op::JumpIfFalse),
    (112, Op::JumpIfTrueOrPop),
    (110, Op::Jump),
    (144, Op::Extended),
];

const V12: &[(u8, Op)] = &[
    (2, Op::PushNull),
    (100, Op::Constant),
    (124, Op::Local),
    (116, Op::Global),
    (137, Op::Load),
    (127, Op::Load),
    (106, Op::Attribute),
    (25, Op::Item),
    (60, Op::StoreItem),
    (171, Op::Call),
    (117, Op::Is),
    (122, Op::Two),
    (107, Op::Two),
    (118, Op::Two),
    (26, Op::Slice),
    (11, Op::One),
    (12, Op::One),
    (15, Op::One),
    (102, Op::Build),
    (103, Op::Build),
    (104, Op::Build),
    (120, Op::Copy),
    (1, Op::Pop),
    (115, Op::JumpIfTrue),
    (114, Op::JumpIfFalse),
    (110, Op::Jump),
    (144, Op::Extended),
];

const V13: &[(u8, Op)] = &[
    (34, Op::PushNull),
    (83, Op::Constant),
    (85, Op::Local),
    (91, Op::Global),
    (84, Op::Load),
    (87, Op::Load),
    (88, Op::LoadTwo),
    (82, Op::Attribute),
    (5, Op::Item),
    (39, Op::StoreItem),
    (53, Op::Call),
    (76, Op::Is),
    (45, Op::Two),
    (58, Op::Two),
    (59, Op::Two),
    (4, Op::Slice),
    (42, Op::One),
    (43, Op::One),
    (41, Op::One),
    (52, Op::Build),
    (47, Op::Build),
    (49, Op::Build),
    (61, Op::Copy),
    (32, Op::Pop),
    (40, Op::Truth),
    (100, Op::JumpIfTrue),
    (97, Op::JumpIfFalse),
    (79, Op::Jump),
    (71, Op::Extended),
];

impl Opcodes {
    /// Those of Python 3.`minor`, if they are known and were tried.
    pub fn of(minor: u8) -> Option<Self> {
        let (listed, first_instrumented) = match minor {
            11 => (V11, u8::MAX),
            12 => (V12, 237),
            13 => (V13, 235),
            _ => return None,
        };
        let mut kinds = [Op::Other; 256];
        for &(number, kind) in listed {
            kinds[usize::from(number)] = kind;
        }
        let number = |wanted: Op| listed.iter().find(|(_, kind)| *kind == wanted).map(|(number, _)| *number);
        let (jump, local) = (number(Op::Jump)?, number(Op::Local)?);
        Some(Self { kinds, first_instrumented, joins_late: minor == 11, attribute_is_method: minor >= 12, jump, local })
    }

    /// What the instruction of this number does.
    pub fn kind(&self, number: u8) -> Op {
        self.kinds[usize::from(number)]
    }
}

/// One instruction with its prefixes and inline caches, in code units.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    pub op: Op,
    pub argument: u32,
    pub start: u32,
    pub end: u32,
}

/// The instructions of a code object's bytes, which show neither specialisation nor the content of caches.
pub fn instructions(bytes: &[u8], opcodes: &Opcodes) -> Vec<Instruction> {
    let units: Vec<[u8; 2]> = bytes.chunks_exact(2).map(|unit| [unit[0], unit[1]]).collect();
    let mut all = Vec::with_capacity(units.len());
    let (mut at, mut start, mut high) = (0, 0, 0);
    while at < units.len() {
        let [number, low] = units[at];
        let (op, argument) = (opcodes.kind(number), high << 8 | u32::from(low));
        at += 1;
        if op == Op::Extended {
            high = argument;
            continue;
        }
        // Caches are units of number 0.
        while at < units.len() && units[at][0] == 0 {
            at += 1;
        }
        all.push(Instruction { op, argument, start, end: at as u32 });
        (start, high) = (at as u32, 0);
    }
    all
}
