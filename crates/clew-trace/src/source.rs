//! What is known of a source before it runs: its statements, scopes, and the names they use and define.

use crate::ids::{NameId, ScopeId, StatementId};
use serde::{Deserialize, Serialize};

/// A half-open byte range of a source's UTF-8 text (after the byte-order mark is removed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Everything static about one source. Statements and scopes are in text order, parents before children.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceTable {
    /// Interned names; [`NameId`] indexes it.
    pub names: Vec<String>,
    /// Scopes; index 0 is the module.
    pub scopes: Vec<Scope>,
    /// Statements of every scope.
    pub statements: Vec<Statement>,
}

/// The kind of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeKind {
    /// The module itself.
    Module,
    /// A class body.
    Class,
    /// A `def` or `async def`.
    Function,
    /// A `lambda`.
    Lambda,
    /// A generator expression (its body runs when it is advanced).
    Generator,
    /// A list, set or dict comprehension (its body runs at once).
    Comprehension,
    /// The implicit scope of type parameters and lazily evaluated annotations (3.12).
    TypeParameters,
}

/// One scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// What it is.
    pub kind: ScopeKind,
    /// Its name (`f`, `C`, `<lambda>`); the qualified name follows from the parents.
    pub name: String,
    /// The statement whose text holds it: the `def`, the `class`, or the statement around a lambda.
    pub owner: Option<StatementId>,
    /// Names bound here (parameters included), each once.
    pub locals: Vec<NameId>,
    /// Parameters, in order; a subset of `locals`.
    pub parameters: Vec<NameId>,
    /// Names declared `global` here.
    pub declared_global: Vec<NameId>,
    /// Names declared `nonlocal` here.
    pub declared_nonlocal: Vec<NameId>,
    /// Whether it holds `yield` or `await` of its own.
    pub suspends: bool,
    /// Whether it uses `locals`, `vars`, `dir`, `eval`, `exec`, `globals` or a star import, so that names
    /// may be read or bound without being written.
    pub dynamic_names: bool,
}

/// Which block of its parent a statement stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Arm {
    /// The main block of anything (and the module's own block).
    Body,
    /// `else` of `if`, `for`, `while`, `try`. An `elif` is an `If` statement in this arm.
    Else,
    /// The `n`-th `except` clause.
    Handler(u16),
    /// `finally`.
    Finally,
    /// The `n`-th `case`.
    Case(u16),
}

/// The kind of a statement. `elif` is an [`StatementKind::If`] in its parent's [`Arm::Else`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum StatementKind {
    Function,
    Class,
    Return,
    Delete,
    Assign,
    AugmentedAssign,
    AnnotatedAssign,
    TypeAlias,
    For,
    While,
    If,
    With,
    Match,
    Raise,
    Try,
    Assert,
    Import,
    ImportFrom,
    Global,
    Nonlocal,
    Expression,
    Pass,
    Break,
    Continue,
}

impl StatementKind {
    /// Whether the statement holds blocks of statements.
    pub const fn is_compound(self) -> bool {
        matches!(
            self,
            Self::Function | Self::Class | Self::For | Self::While | Self::If | Self::With | Self::Match | Self::Try
        )
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The statement whose block holds it (a `def` or `class` too); `None` at the module's top level.
    pub parent: Option<StatementId>,
    /// The block of the parent.
    pub arm: Arm,
    /// What it is.
    pub kind: StatementKind,
    /// The scope whose names it reads and binds.
    pub scope: ScopeId,
    /// The scope that a `def` or `class` opens.
    pub opens: Option<ScopeId>,
    /// The whole text, decorators included; for `elif`, from the keyword on.
    pub span: Span,
    /// For a compound statement, from `span.start` to one past the colon of its first clause (`try:` too);
    /// otherwise equal to `span`.
    pub header: Span,
    /// First line, 1-based (decorators included).
    pub first_line: u32,
    /// Last line, 1-based, of the whole statement.
    pub last_line: u32,
    /// Names that its own text reads: for a compound statement all its clause headers (tests, iterables, context
    /// expressions, patterns and guards, exception classes, decorators, defaults, annotations that are evaluated,
    /// bases), not its blocks. Names inside lambdas, comprehensions and generator expressions of that text are included.
    pub uses: Vec<Use>,
    /// Names that its own text binds or deletes (not those bound in its blocks).
    pub defines: Vec<Define>,
    /// Attribute names and keyword-argument names its own text mentions, and string constants that are identifiers.
    pub mentions: Vec<NameId>,
    /// Whether its own text calls anything, or applies an operator, attribute or item access that could run code or raise.
    pub may_raise: bool,
    /// Whether it is a bare string expression that stands first in a module, class or function.
    pub is_docstring: bool,
}

/// One name read by a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Use {
    /// The name.
    pub name: NameId,
    /// The scope that binds it: a function or class scope, or the module (builtins count as the module's).
    pub scope: ScopeId,
    /// Read later than the statement itself: inside a lambda or a generator expression.
    pub delayed: bool,
}

/// How a name is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DefineKind {
    /// A plain binding: the old value is gone.
    Bind,
    /// `x += ...`: reads and binds.
    Augment,
    /// `del x`.
    Delete,
    /// May or may not bind: a walrus or capture that is not always reached.
    Maybe,
    /// Declared only (`x: int`).
    Declare,
}

/// One name bound or deleted by a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Define {
    /// The name.
    pub name: NameId,
    /// The scope it is bound in (through `global` and `nonlocal`, and out of comprehensions for `:=`).
    pub scope: ScopeId,
    /// How.
    pub kind: DefineKind,
}

impl SourceTable {
    /// The statement's record.
    pub fn statement(&self, id: StatementId) -> &Statement {
        &self.statements[id.index()]
    }

    /// The scope's record.
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.index()]
    }

    /// The name's text.
    pub fn name(&self, id: NameId) -> &str {
        &self.names[id.index()]
    }

    /// Whether `id` is a unit of the module: at module level, outside functions and class bodies.
    pub fn is_unit(&self, id: StatementId) -> bool {
        self.statement(id).scope == ScopeId(0)
    }

    /// The unit that holds `id`: itself, or the nearest enclosing statement of the module scope.
    pub fn unit_of(&self, id: StatementId) -> StatementId {
        let mut current = id;
        while !self.is_unit(current) {
            match self.statement(current).parent {
                Some(parent) => current = parent,
                None => return current,
            }
        }
        current
    }

    /// The innermost statement whose text covers `line`, the last one to start there.
    pub fn statement_at_line(&self, line: u32) -> Option<StatementId> {
        let covers = |s: &&Statement| s.first_line <= line && line <= s.last_line;
        let at = self.statements.iter().enumerate().filter(|(_, s)| covers(s));
        at.min_by_key(|(i, s)| (s.last_line - s.first_line, std::cmp::Reverse(*i))).map(|(i, _)| StatementId(i as u32))
    }

    /// Dotted qualified name of a scope, as `__qualname__` spells it.
    pub fn qualified_name(&self, id: ScopeId) -> String {
        let scope = self.scope(id);
        let Some(parent) = scope.parent else { return String::from("<module>") };
        let parent_scope = self.scope(parent);
        match parent_scope.kind {
            ScopeKind::Module => scope.name.clone(),
            ScopeKind::Class => format!("{}.{}", self.qualified_name(parent), scope.name),
            ScopeKind::TypeParameters => match parent_scope.parent {
                Some(grand) if grand != ScopeId(0) => format!("{}.{}", self.qualified_name(grand), scope.name),
                _ => scope.name.clone(),
            },
            _ => format!("{}.<locals>.{}", self.qualified_name(parent), scope.name),
        }
    }
}
