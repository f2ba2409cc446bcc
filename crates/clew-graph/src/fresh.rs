//! Containers that a function makes, fills and never had from elsewhere.
//!
//! `rows = []` then `rows.append(x)`: the append changes an object, but one that only `rows` leads to. It matters
//! only if something kept uses `rows`; the closure keeps all such changes of a variable as soon as it is used, in
//! whatever order they stand. Everything that is not plainly of this form counts as a change of a shared object.

use clew_trace::{DefineKind, NameId, ScopeId, ScopeKind, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Facts;
use crate::scan::{Token, TokenKind, Tokens};

/// Builtins that make a container of their own from what they are given.
const MAKERS: [&str; 9] =
    ["list", "dict", "set", "bytearray", "defaultdict", "OrderedDict", "Counter", "deque", "sorted"];
/// Methods of builtin containers that change only their receiver.
///
/// Those that go through an argument are not among them: it may be an iterator, which they use up.
pub(crate) const CHANGERS: [&str; 12] = [
    "append",
    "insert",
    "pop",
    "remove",
    "clear",
    "sort",
    "reverse",
    "add",
    "discard",
    "setdefault",
    "popitem",
    "appendleft",
];
/// Builtins that neither change nor consume what they are given.
const PURE: [&str; 13] =
    ["len", "int", "float", "str", "bool", "abs", "round", "ord", "chr", "repr", "isinstance", "range", "type"];
/// Methods that change nothing, of whatever type has them among the builtin ones.
const HARMLESS: [&str; 20] = [
    "strip",
    "lstrip",
    "rstrip",
    "split",
    "rsplit",
    "splitlines",
    "lower",
    "upper",
    "title",
    "format",
    "join",
    "replace",
    "startswith",
    "endswith",
    "get",
    "items",
    "keys",
    "values",
    "copy",
    "count",
];

/// Statements that change only a container made by their own function.
#[derive(Default)]
pub(crate) struct Fresh {
    by_statement: FxHashMap<StatementId, (ScopeId, NameId)>,
    by_variable: FxHashMap<(ScopeId, NameId), Vec<StatementId>>,
}

impl Fresh {
    pub(crate) fn new(facts: &Facts<'_>) -> Self {
        let mut fresh = Self::default();
        let makers = variables_made_here(facts);
        if makers.is_empty() {
            return fresh;
        }
        let mut bound = vec![false; facts.table.names.len()];
        for name in facts.table.scopes.iter().flat_map(|scope| &scope.locals) {
            bound[name.index()] = true;
        }
        for id in facts.statements().filter(|id| facts.ran(*id) && !facts.table.is_unit(*id)) {
            if let Some(variable) = changed_variable(facts, id, &bound).filter(|variable| makers.contains(variable)) {
                fresh.by_statement.insert(id, variable);
                fresh.by_variable.entry(variable).or_default().push(id);
            }
        }
        fresh
    }

    /// The variable of the function whose container is all that the statement changes.
    pub(crate) fn mutated_by(&self, id: StatementId) -> Option<(ScopeId, NameId)> {
        self.by_statement.get(&id).copied()
    }

    /// The statements that change the container of a variable.
    pub(crate) fn changes(&self, scope: ScopeId, name: NameId) -> &[StatementId] {
        self.by_variable.get(&(scope, name)).map_or(&[], Vec::as_slice)
    }
}

/// Local variables of functions all of whose bindings make a container.
fn variables_made_here(facts: &Facts<'_>) -> FxHashSet<(ScopeId, NameId)> {
    let mut made = FxHashSet::default();
    let mut other = FxHashSet::default();
    for id in facts.statements().filter(|id| facts.ran(*id)) {
        let statement = facts.statement(id);
        for define in &statement.defines {
            let key = (define.scope, define.name);
            let is_own = define.scope == statement.scope
                && facts.table.scope(define.scope).kind == ScopeKind::Function
                && !facts.table.scope(define.scope).parameters.contains(&define.name);
            let grows = define.kind == DefineKind::Augment;
            if is_own && (grows || statement.defines.len() == 1 && makes_container(facts, id)) {
                made.insert(key);
            } else {
                other.insert(key);
            }
        }
    }
    made.retain(|key| !other.contains(key));
    made
}

fn tokens<'a>(facts: &Facts<'a>, id: StatementId) -> (&'a str, Vec<Token>) {
    let text = facts.header_text(id);
    let code = |token: &Token| !matches!(token.kind, TokenKind::Comment | TokenKind::Newline);
    (text, Tokens::new(text).filter(code).collect())
}

/// Whether the statement is `name = ` a display, or a call of a builtin that makes a container.
pub(crate) fn makes_container(facts: &Facts<'_>, id: StatementId) -> bool {
    if !matches!(facts.statement(id).kind, StatementKind::Assign | StatementKind::AnnotatedAssign) {
        return false;
    }
    let (text, tokens) = tokens(facts, id);
    let is_equals = |token: &Token| token.kind == TokenKind::Mark(b'=') && token.depth == 0;
    let Some(equals) = tokens.iter().position(is_equals) else { return false };
    let value = &tokens[equals + 1..];
    let display = match value {
        [first, rest @ ..] if first.kind == TokenKind::Name && MAKERS.contains(&&text[first.start..first.end]) => rest,
        _ => value,
    };
    let called = display.len() < value.len();
    let opens = display.first().is_some_and(|first| match first.kind {
        TokenKind::Mark(b'(') => called,
        TokenKind::Mark(b'[' | b'{') => !called,
        _ => false,
    });
    // The bracket that opens the value closes at its end.
    opens && display.len() > 1 && display[1..display.len() - 1].iter().all(|token| token.depth > 0)
}

/// The local variable whose container is all that the statement can change, by its form.
fn changed_variable(facts: &Facts<'_>, id: StatementId, bound: &[bool]) -> Option<(ScopeId, NameId)> {
    let statement = facts.statement(id);
    let (text, tokens) = tokens(facts, id);
    let spelled = |token: &Token| &text[token.start..token.end];
    let first = tokens.first().filter(|token| token.kind == TokenKind::Name)?;
    let name = facts.name_id(spelled(first))?;
    let kinds: Vec<TokenKind> = tokens.iter().take(4).map(|token| token.kind).collect();
    let rest = match (statement.kind, kinds.as_slice()) {
        (StatementKind::Expression, [_, TokenKind::Mark(b'.'), TokenKind::Name, TokenKind::Mark(b'(')]) => {
            // The call is the whole statement.
            let inner = tokens.get(4..tokens.len() - 1).unwrap_or_default();
            let whole = inner.iter().all(|token| token.depth > 0);
            (whole && CHANGERS.contains(&spelled(&tokens[2]))).then(|| &tokens[3..])?
        }
        (StatementKind::Assign | StatementKind::AugmentedAssign, [_, TokenKind::Mark(b'['), ..]) => {
            let close = tokens[2..].iter().position(|token| token.depth == 0)? + 2;
            // `x[i] = v`, not `x[i].y = v` or `x[i][j] = v`.
            let next = tokens.get(close + 1)?.kind;
            let is_slice = tokens[2..close].iter().any(|token| token.kind == TokenKind::Mark(b':') && token.depth == 1);
            (!is_slice && !matches!(next, TokenKind::Mark(b'.' | b'[' | b'('))).then(|| &tokens[1..])?
        }
        (StatementKind::AugmentedAssign, [_, TokenKind::Mark(b'+'), TokenKind::Mark(b'='), value]) => {
            // Anything else to add may be an iterator.
            matches!(value, TokenKind::Mark(b'[') | TokenKind::String { .. } | TokenKind::Number)
                .then(|| &tokens[1..])?
        }
        _ => return None,
    };
    let is_single = statement.kind != StatementKind::Assign
        || rest.iter().filter(|t| t.kind == TokenKind::Mark(b'=') && t.depth == 0).count() == 1;
    let scope = statement.scope;
    let is_local = statement.uses.iter().any(|used| used.name == name && used.scope == scope && !used.delayed);
    (is_single && is_local && is_quiet(facts, text, rest, bound)).then_some((scope, name))
}

/// Whether nothing among the tokens can change an object.
fn is_quiet(facts: &Facts<'_>, text: &str, tokens: &[Token], bound: &[bool]) -> bool {
    let spelled = |token: &Token| &text[token.start..token.end];
    tokens.iter().enumerate().all(|(nth, token)| {
        let called = tokens.get(nth + 1).is_some_and(|next| next.kind == TokenKind::Mark(b'('));
        let is_attribute = nth > 0 && tokens[nth - 1].kind == TokenKind::Mark(b'.');
        match token.kind {
            TokenKind::Name => {
                let name = spelled(token);
                let is_builtin = facts.name_id(name).is_none_or(|id| !bound[id.index()]);
                match name {
                    "yield" | "await" | "lambda" | "for" => false,
                    "not" | "and" | "or" | "in" | "if" | "else" | "is" => true,
                    _ if !called => true,
                    _ if is_attribute => HARMLESS.contains(&name) && is_builtin,
                    _ => PURE.contains(&name) && is_builtin,
                }
            }
            TokenKind::String { format } => !format,
            TokenKind::Mark(b'(') => {
                // Only names are called.
                nth == 0 || !matches!(tokens[nth - 1].kind, TokenKind::Mark(b')' | b']'))
            }
            _ => true,
        }
    })
}
