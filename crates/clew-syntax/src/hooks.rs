//! What each placeholder that the rewriter inserts stands for.
//!
//! A placeholder is a complex literal whose imaginary part is [`PLACEHOLDER_BASE`] plus the index of its hook in
//! [`crate::rewrite::Instrumented::hooks`]. After compilation the constants are replaced by objects that do what the
//! hook says. Complex literals are never folded, never shared with the program's own numbers, and take no name.

use clew_trace::{NameId, ScopeId, StatementId};
use serde::{Deserialize, Serialize};

/// The number of the first placeholder; all of a source's placeholders are exact as binary floating point.
pub const PLACEHOLDER_BASE: u64 = 7_205_759_403_792_000;

/// The index of the list whose item 0 is the unit that runs.
pub const STATE: u32 = 0;
/// The index of the list with one slot for each statement.
pub const COVERAGE: u32 = 1;
/// The index of the list with one slot for each scope.
pub const ENTERED: u32 = 2;
/// The index of the function that notes the entry into a scope.
pub const ENTER: u32 = 3;

/// One operation of the inserted text.
///
/// Hooks that take an operand return it, unless said otherwise; all the others take a number and return `True`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hook {
    /// `S`: a list; `S[0]` is the unit that runs.
    State,
    /// `K`: a list; `K[statement]` is true once the statement ran.
    Coverage,
    /// `L`: a list; `L[scope]` is the unit during which the scope was entered last.
    Entered,
    /// The object that stands for a unit in `S` and `K`.
    Unit(StatementId),
    /// `H(scope)`: the scope is entered, by another unit than the last time.
    Enter,
    /// `M(0)`: the statement begins. It becomes the running unit if it is one, and counts as having run.
    Mark(StatementId),
    /// `X(0)`: a handler of the `try` statement begins.
    Handler {
        /// The `try` statement.
        statement: StatementId,
    },
    /// `R(value)`: the scope goes on after a suspension.
    Resume(ScopeId),
    /// `C(object)`: attributes or items of the object are about to be read.
    See {
        /// The statement that reads.
        statement: StatementId,
        /// Attribute names and string keys that are read; empty for anything else.
        keys: Vec<NameId>,
    },
    /// `C(object)`: the content of the object is about to be read, however deep.
    Read {
        /// The statement that reads.
        statement: StatementId,
        /// Whether the operation may advance the object, if it is an iterator.
        advances: bool,
    },
    /// `C(iterable)`: the object is about to be iterated to its end.
    Consume {
        /// The statement that iterates.
        statement: StatementId,
        /// How deep the items are unpacked at once; 0 for not at all.
        unpacks: u32,
    },
    /// `C(iterable)`: the iterable of a `for` statement that is a unit; may return an iterable that wraps it.
    Iterate {
        /// The `for` statement.
        statement: StatementId,
        /// How deep the items are unpacked at once; 0 for not at all.
        unpacks: u32,
    },
    /// `C(manager)`: the context expression of a `with`; may return a context manager that wraps it.
    Manager {
        /// The `with` statement.
        statement: StatementId,
    },
    /// `W(object).name = ...`, `W(object)[key] = ...` and the same with `del`.
    Write {
        /// The statement that writes.
        statement: StatementId,
        /// The attribute or the string key; `None` for any other item.
        key: Option<NameId>,
        /// Whether the old value is read as well (an augmented assignment).
        update: bool,
        /// For an augmented assignment to an item: the index, if it is written as a number.
        index: Option<u32>,
    },
    /// `I(object)`: the object is the target of an augmented assignment, which may change it in place.
    InPlace {
        /// The assignment.
        statement: StatementId,
    },
    /// `W(object)[J(key)] += ...`: the item of that key in the object that `W` saw just before may be changed in place.
    ItemKey {
        /// The assignment.
        statement: StatementId,
    },
    /// `N(0)`: a variable of an enclosing function is about to be bound.
    CellWrite {
        /// The statement that binds.
        statement: StatementId,
        /// The function that owns the variable.
        scope: ScopeId,
        /// The variable.
        name: NameId,
    },
    /// `N(0)`: variables of an enclosing function, which some function binds by `nonlocal`, may be read from here on.
    CellRead {
        /// The first statement of the function, or the one that holds the lambda.
        statement: StatementId,
        /// The function that owns the variables.
        scope: ScopeId,
        /// The variables.
        names: Vec<NameId>,
    },
    /// `B(0)`: variables of the module are about to be bound anew by a unit.
    Rebind {
        /// The unit.
        statement: StatementId,
        /// The variables.
        names: Vec<NameId>,
    },
    /// `I(0)`: a module is about to be imported, which an earlier unit may have made or changed.
    Import {
        /// The import.
        statement: StatementId,
        /// The module's dotted name.
        module: NameId,
        /// What is taken from it by name.
        names: Vec<NameId>,
    },
    /// `C(object).name(...)`: a method is about to be called. May return a forwarder.
    Method {
        /// The statement that calls.
        statement: StatementId,
        /// The method.
        name: NameId,
        /// What is accessed by name through this look: the method, and what comes later. Empty for all of the object.
        keys: Vec<NameId>,
        /// Where the call is, if it is to be logged.
        logged: Option<LogPlace>,
        /// Whether a [`Hook::Ended`] is around the call.
        ends: bool,
    },
    /// `C(function)(...)`: a function is about to be called. May return a forwarder.
    Callee {
        /// The statement that calls.
        statement: StatementId,
        /// Where the call is, if it is to be logged.
        logged: Option<LogPlace>,
        /// Whether a [`Hook::Ended`] is around the call.
        ends: bool,
    },
    /// As [`Hook::Method`], of a call of which nothing but the log need know.
    LoggedMethod {
        /// The statement that calls.
        statement: StatementId,
        /// The method.
        name: NameId,
        /// Where the call is.
        place: LogPlace,
        /// Whether a [`Hook::Ended`] is around the call.
        ends: bool,
    },
    /// As [`Hook::Callee`], of a call of which nothing but the log need know.
    LoggedCallee {
        /// The statement that calls.
        statement: StatementId,
        /// Where the call is.
        place: LogPlace,
        /// Whether a [`Hook::Ended`] is around the call.
        ends: bool,
    },
    /// `A(function, argument, ...)`: calls the function and logs that. Gives the result.
    LoggedCall {
        /// The statement that calls.
        statement: StatementId,
        /// Where the call is.
        place: LogPlace,
    },
    /// `A(parameter, ...)`: the function is entered and, if a call with a [`Hook::Ended`] around it runs it, that call
    /// begins.
    Began {
        /// The function.
        scope: ScopeId,
    },
    /// `A(result)`: a call ended that began with a [`Hook::Began`], if it did. Gives the result.
    Ended {
        /// The statement that calls.
        statement: StatementId,
        /// The hook before the call, if there is one.
        call: Option<u32>,
        /// What is called, if no hook before the call looks at it.
        name: Option<NameId>,
        /// Where the call is.
        place: LogPlace,
        /// Where the call ends.
        end: LogPlace,
        /// How many arguments it has.
        n_args: u32,
        /// Whether it is written as that of a method.
        is_method: bool,
    },
    /// `H(operand, ..., object, ...)`: does an operation and logs it. Gives the result.
    Operate {
        /// The statement that does it.
        statement: StatementId,
        /// What is done.
        operation: Operation,
        /// Operands that are attributes of the objects behind the operands, and were loaded just before.
        loads: Vec<Load>,
        /// Whether only the truth of the result counts, which the hook then gives.
        is_test: bool,
        /// Where it is.
        place: LogPlace,
    },
    /// Logs an operation that the program does, or a part of one. Gives one of its arguments.
    Note {
        /// The statement that does it.
        statement: StatementId,
        /// What is noted.
        note: Note,
        /// As for [`Hook::Operate`]; for [`Note::Tested`] only.
        loads: Vec<Load>,
        /// What the operation is called.
        name: NameId,
        /// Where it is.
        place: LogPlace,
    },
}

/// The load of an attribute that is logged by the hook that gets the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Load {
    /// Which argument of the hook is the value.
    pub operand: u32,
    /// What the load is called.
    pub name: NameId,
    /// Where it is.
    pub place: LogPlace,
}

/// Where something that is logged stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogPlace {
    /// Line, 1-based.
    pub line: u32,
    /// Column, 0-based, in bytes.
    pub column: u32,
}

/// What an [`Hook::Note`] notes, and which of its arguments it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Note {
    /// `A(operand, ..., result)`: an operation. Gives the result.
    Done,
    /// `A(value, operand, ...)`: the value is about to be stored. Gives the value.
    Stored,
    /// `A(operand, ...)`: an operation begins; gives the last operand. Its result is told by a later [`Note::Result`].
    Begun,
    /// `A(operand)`: one more operand of the operation that the hook of this index began. Gives it.
    Operand(u32),
    /// `A(operand)`: the right side of a comparison of a chain, which the hook of this index began. Gives it.
    Compared(u32),
    /// `A(result)`: the result of the operation that the hook of this index began. Gives it.
    Result(u32),
    /// As [`Note::Result`], of a test. Gives the truth of the result.
    Decided(u32),
    /// As [`Note::Result`], in a statement of its own. Gives the unit that runs.
    Finished(u32),
    /// `A(value, object, ...)`: the truth of a value is about to be tested. Gives the value.
    Tested,
    /// `A(iterable)`: gives an iterable that notes each item.
    Iterated {
        /// Whether the items are unpacked.
        unpacks: bool,
    },
    /// `A(iterable)`: the iterable is about to be unpacked. Gives it.
    Unpacked,
    /// `A(value)`: the value is about to be yielded. Gives it.
    Suspended,
    /// `A(value)`: the scope goes on with this value; see [`Hook::Resume`]. Gives it.
    Resumed(ScopeId),
}

macro_rules! operations {
    ($($name:ident $symbol:literal $meaning:literal),* $(,)?) => {
        /// An operation that a hook does in place of the program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $(#[doc = $meaning] $name,)*
        }

        impl Operation {
            /// What it is called in the log.
            pub const fn symbol(self) -> &'static str {
                match self {
                    $(Self::$name => $symbol,)*
                }
            }
        }
    };
}

operations! {
    Add "+" "`a + b`",
    Subtract "-" "`a - b`",
    Multiply "*" "`a * b`",
    MatrixMultiply "@" "`a @ b`",
    Divide "/" "`a / b`",
    FloorDivide "//" "`a // b`",
    Remainder "%" "`a % b`",
    Power "**" "`a ** b`",
    LeftShift "<<" "`a << b`",
    RightShift ">>" "`a >> b`",
    And "&" "`a & b`",
    Or "|" "`a | b`",
    Xor "^" "`a ^ b`",
    AddInPlace "+=" "`a += b`",
    SubtractInPlace "-=" "`a -= b`",
    MultiplyInPlace "*=" "`a *= b`",
    MatrixMultiplyInPlace "@=" "`a @= b`",
    DivideInPlace "/=" "`a /= b`",
    FloorDivideInPlace "//=" "`a //= b`",
    RemainderInPlace "%=" "`a %= b`",
    PowerInPlace "**=" "`a **= b`",
    LeftShiftInPlace "<<=" "`a <<= b`",
    RightShiftInPlace ">>=" "`a >>= b`",
    AndInPlace "&=" "`a &= b`",
    OrInPlace "|=" "`a |= b`",
    XorInPlace "^=" "`a ^= b`",
    Less "<" "`a < b`",
    LessEqual "<=" "`a <= b`",
    Equal "==" "`a == b`",
    NotEqual "!=" "`a != b`",
    Greater ">" "`a > b`",
    GreaterEqual ">=" "`a >= b`",
    Is "is" "`a is b`",
    IsNot "is not" "`a is not b`",
    In "in" "`a in b`",
    NotIn "not in" "`a not in b`",
    Negate "-" "`-a`",
    Plus "+" "`+a`",
    Invert "~" "`~a`",
    Item "[]" "`a[b]`",
    Slice "[:]" "`a[b:c:d]`; bounds that are not given are `None`, and the step only if it is not given",
}

/// The text that stands for the hook of this index.
pub fn placeholder(index: u32) -> String {
    format!("{}j", PLACEHOLDER_BASE + u64::from(index))
}
