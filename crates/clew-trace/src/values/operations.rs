//! The kinds of nodes, and the operations that they stand for.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of operation a node is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        /// All kinds, by number.
        pub const KINDS: &[Kind] = &[$(Kind::$name,)*];

        impl Kind {
            /// Its name, as people write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind with a name.
            pub fn by_name(name: &str) -> Option<Self> {
                KINDS.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// A value that was traced by name. No inputs; its label is the name.
    Input = "input",
    /// A value that no operation made. No inputs.
    Const = "const",
    /// A call of a traced function: the function, then its arguments. What happens in it has it as parent.
    Call = "call",
    /// A call of a method of a traced class: the receiver, then the arguments; its label begins with the name.
    Dispatch = "dispatch",
    /// A call of any other function, with plain values: the function, then its arguments.
    UntracedCall = "untraced_call",
    /// A call of a method of any other class: the receiver, then the arguments.
    UntracedDispatch = "untraced_dispatch",
    /// An object is made: the class, then the arguments.
    New = "new",
    /// A parameter of a traced call receives its value: the call, the value. Its label is the parameter's name.
    Argument = "argument",
    /// A traced call gives its result: the call, the result.
    Return = "return",
    /// An attribute is read: the object. Its label is the attribute's name.
    GetAttr = "getattr",
    /// An attribute is stored: the object, the value. Its value is the object.
    SetAttr = "setattr",
    /// An attribute is deleted: the object. Its value is the object.
    DelAttr = "delattr",
    /// An item is read: the container, the key.
    GetItem = "getitem",
    /// An item is stored: the container, the key, the value. Its value is the container.
    SetItem = "setitem",
    /// An item is deleted: the container, the key. Its value is the container.
    DelItem = "delitem",
    /// An operator with one operand, or a function that stands for one (`abs`, `round` with its digits, ...).
    Unary = "unary",
    /// An operator with two operands (`divmod`, and `pow` with its modulus, are among them).
    Binary = "binary",
    /// A comparison of two operands.
    Compare = "compare",
    /// An iterator is made of a value.
    Iter = "iter",
    /// An iterator's next value: the iterator; of a generator of a traced function also the node that yielded.
    Next = "next",
    /// A generator of a traced function gives a value: the value.
    Yield = "yield",
    /// A container is built of its elements: keys and values in turn for a dictionary.
    Build = "build",
    /// A value becomes a plain Python object that the program goes on with: a fact that holds from there on.
    Convert = "convert",
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $symbol:literal;)*) => {
        /// Which operation of its kind a node is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Op { $($(#[$doc])* $name,)* }

        /// All operations, by number.
        pub const OPS: &[Op] = &[$(Op::$name,)*];

        impl Op {
            /// Its name: that of the function in Python's `operator` or `builtins` which does the same.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How it is written between or before its operands; empty when it is written as a call.
            pub const fn symbol(self) -> &'static str {
                match self { $(Self::$name => $symbol,)* }
            }

            /// The operation with a name.
            pub fn by_name(name: &str) -> Option<Self> {
                OPS.iter().copied().find(|op| op.name() == name)
            }
        }
    };
}

ops! {
    None = "", "";
    // Unary.
    Neg = "neg", "-";
    Pos = "pos", "+";
    Invert = "invert", "~";
    Abs = "abs", "";
    Round = "round", "";
    Trunc = "trunc", "";
    Floor = "floor", "";
    Ceil = "ceil", "";
    // Binary.
    Add = "add", "+";
    Sub = "sub", "-";
    Mul = "mul", "*";
    MatMul = "matmul", "@";
    TrueDiv = "truediv", "/";
    FloorDiv = "floordiv", "//";
    Mod = "mod", "%";
    DivMod = "divmod", "";
    Pow = "pow", "**";
    LShift = "lshift", "<<";
    RShift = "rshift", ">>";
    And = "and_", "&";
    Or = "or_", "|";
    Xor = "xor", "^";
    IAdd = "iadd", "+=";
    ISub = "isub", "-=";
    IMul = "imul", "*=";
    IMatMul = "imatmul", "@=";
    ITrueDiv = "itruediv", "/=";
    IFloorDiv = "ifloordiv", "//=";
    IMod = "imod", "%=";
    IPow = "ipow", "**=";
    ILShift = "ilshift", "<<=";
    IRShift = "irshift", ">>=";
    IAnd = "iand", "&=";
    IOr = "ior", "|=";
    IXor = "ixor", "^=";
    // Compare.
    Lt = "lt", "<";
    Le = "le", "<=";
    Eq = "eq", "==";
    Ne = "ne", "!=";
    Gt = "gt", ">";
    Ge = "ge", ">=";
    // Build.
    List = "list", "";
    Tuple = "tuple", "";
    Set = "set", "";
    FrozenSet = "frozenset", "";
    Dict = "dict", "";
    Slice = "slice", "";
    Deque = "deque", "";
    /// A class is the first input, fields follow by position.
    NamedTuple = "namedtuple", "";
    /// A class is the first input, fields follow, named by the label's keywords.
    Dataclass = "dataclass", "";
    // Next.
    Send = "send", "";
    Throw = "throw", "";
    Close = "close", "";
    Await = "await", "";
    // Convert: the facts that a program goes on with.
    Bool = "bool", "";
    Int = "int", "";
    Float = "float", "";
    Complex = "complex", "";
    Index = "index", "";
    Len = "len", "";
    Str = "str", "";
    Bytes = "bytes", "";
    Hash = "hash", "";
    /// The value, and the format.
    Format = "format", "";
    /// The container, the item.
    Contains = "contains", "in";
    /// An iterator that has nothing more to give.
    Exhausted = "exhausted", "";
    /// A value that is given out as it is: `untrace`, or an array for a library.
    Plain = "untrace", "";
    /// The left operand is returned by identity.
    Is = "is_", "is";
}

impl Op {
    /// The operation that makes a new value where this one changes its operand, if it does.
    pub const fn without_place(self) -> Option<Self> {
        let plain = match self {
            Self::IAdd => Self::Add,
            Self::ISub => Self::Sub,
            Self::IMul => Self::Mul,
            Self::IMatMul => Self::MatMul,
            Self::ITrueDiv => Self::TrueDiv,
            Self::IFloorDiv => Self::FloorDiv,
            Self::IMod => Self::Mod,
            Self::IPow => Self::Pow,
            Self::ILShift => Self::LShift,
            Self::IRShift => Self::RShift,
            Self::IAnd => Self::And,
            Self::IOr => Self::Or,
            Self::IXor => Self::Xor,
            _ => return None,
        };
        Some(plain)
    }
}
