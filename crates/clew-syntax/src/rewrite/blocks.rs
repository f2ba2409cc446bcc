//! Which statement of a block carries a fragment: the first that has code of its own and a place for it.

use super::kills::Kills;
use super::walker::{Fragment, Walker};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

impl<'a> Walker<'a> {
    /// Walks the statements of a block.
    pub(super) fn block(&mut self, body: &'a [Stmt]) {
        let units = self.in_units();
        let mut after_jump = false;
        for (index, statement) in body.iter().enumerate() {
            if after_jump && !units {
                self.attach(&body[index..], Fragment::Cover);
            }
            self.one_statement(statement);
            after_jump = is_compound(statement) && jumps(statement);
        }
    }

    /// Notes that the block runs, and walks it.
    pub(super) fn covered_block(&mut self, body: &'a [Stmt]) {
        if !self.in_units() {
            self.attach(body, Fragment::Cover);
        }
        self.block(body);
    }

    /// Gives the fragment to the first statement of the block that can carry it. False when the block may run without
    /// meeting it.
    pub(super) fn attach(&mut self, body: &[Stmt], fragment: Fragment) -> bool {
        body.iter().any(|statement| match carrier(statement) {
            Carrier::Nothing => false,
            Carrier::Itself => self.attach_at(statement.start(), fragment),
            Carrier::Blocks => self.attach_inside(statement, fragment),
        })
    }

    /// As [`Self::attach`], of a fragment that the block must meet exactly once. False, and nothing is attached, when it
    /// may not.
    pub(super) fn attach_once(&mut self, body: &[Stmt], fragment: Fragment) -> bool {
        carrier_met_once(body).is_some_and(|at| self.attach_at(at, fragment))
    }

    fn attach_at(&mut self, at: TextSize, fragment: Fragment) -> bool {
        let fragments = self.pending.entry(at).or_default();
        if !fragments.contains(&fragment) {
            fragments.push(fragment);
        }
        true
    }

    fn attach_inside(&mut self, statement: &Stmt, fragment: Fragment) -> bool {
        match statement {
            Stmt::Try(stmt) => self.attach(&stmt.body, fragment),
            Stmt::While(stmt) => self.attach(&stmt.body, fragment) && is_true(&stmt.test),
            Stmt::For(stmt) => {
                self.attach(&stmt.body, fragment);
                false
            }
            Stmt::Match(stmt) => {
                for case in &stmt.cases {
                    self.attach(&case.body, fragment);
                }
                false
            }
            Stmt::If(stmt) => {
                let mut always = self.attach(&stmt.body, fragment);
                for clause in &stmt.elif_else_clauses {
                    match &clause.test {
                        Some(test) if !is_constant(test) => {
                            return self.attach_at(clause.start(), fragment) && always;
                        }
                        _ => always &= self.attach(&clause.body, fragment),
                    }
                }
                always && stmt.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none())
            }
            _ => false,
        }
    }
}

/// Where the statement begins that can carry a fragment for a block, if it runs exactly once when the block does.
pub(super) fn carrier_met_once(body: &[Stmt]) -> Option<TextSize> {
    match body.iter().find(|statement| !matches!(carrier(statement), Carrier::Nothing))? {
        Stmt::Try(stmt) => carrier_met_once(&stmt.body),
        // Their headers are evaluated every turn, or their blocks run every turn.
        Stmt::While(_) => None,
        statement => matches!(carrier(statement), Carrier::Itself).then(|| statement.start()),
    }
}

/// Where a statement can carry a fragment.
enum Carrier {
    /// In its header, or before it.
    Itself,
    /// Only in its blocks.
    Blocks,
    /// Nowhere.
    Nothing,
}

fn carrier(statement: &Stmt) -> Carrier {
    match statement {
        _ if header(statement).is_some() => Carrier::Itself,
        Stmt::FunctionDef(_) | Stmt::ClassDef(_) => Carrier::Nothing,
        Stmt::If(_) | Stmt::While(_) | Stmt::For(_) | Stmt::Try(_) | Stmt::Match(_) => Carrier::Blocks,
        _ if has_no_code(statement) || is_future_import(statement) => Carrier::Nothing,
        _ => Carrier::Itself,
    }
}

/// The expression of a compound statement that is evaluated first, if fragments may stand in front of it.
///
/// The compiler folds constants, and drops the branches that they rule out; those are left alone.
pub(super) fn header(statement: &Stmt) -> Option<&Expr> {
    let expr = match statement {
        Stmt::If(stmt) => Some(&*stmt.test),
        Stmt::While(stmt) => Some(&*stmt.test),
        Stmt::For(stmt) => Some(&*stmt.iter),
        Stmt::With(stmt) => return stmt.items.first().map(|item| &item.context_expr),
        Stmt::Match(stmt) => Some(&*stmt.subject),
        Stmt::FunctionDef(def) => {
            let decorators = def.decorator_list.iter().map(|decorator| &decorator.expression);
            let positional = def.parameters.posonlyargs.iter().chain(&def.parameters.args);
            let parameters = positional.chain(&def.parameters.kwonlyargs);
            let defaults = parameters.filter_map(|parameter| parameter.default());
            return decorators.chain(defaults).find(|expr| !is_constant(expr));
        }
        Stmt::ClassDef(class) => {
            let decorators = class.decorator_list.iter().map(|decorator| &decorator.expression);
            let arguments = class.arguments.iter();
            let bases = arguments.clone().flat_map(|arguments| arguments.args.iter().map(unstarred));
            let keywords = arguments.flat_map(|arguments| arguments.keywords.iter().map(|keyword| &keyword.value));
            return decorators.chain(bases).chain(keywords).find(|expr| !is_constant(expr));
        }
        _ => None,
    };
    expr.filter(|expr| !is_constant(expr))
}

fn unstarred(expr: &Expr) -> &Expr {
    match expr {
        Expr::Starred(starred) => &starred.value,
        _ => expr,
    }
}

/// Whether the compiler may fold the expression.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::EllipsisLiteral(_) => true,
        Expr::Name(name) => name.id == "__debug__",
        Expr::UnaryOp(operation) => is_constant(&operation.operand),
        Expr::BinOp(operation) => is_constant(&operation.left) && is_constant(&operation.right),
        Expr::BoolOp(operation) => operation.values.iter().any(is_constant),
        Expr::If(choice) => is_constant(&choice.test),
        Expr::Compare(comparison) => is_constant(&comparison.left) && comparison.comparators.iter().all(is_constant),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        Expr::List(list) => list.elts.iter().all(is_constant),
        Expr::Set(set) => set.elts.iter().all(is_constant),
        Expr::Subscript(subscript) => is_constant(&subscript.value) && is_constant(&subscript.slice),
        _ => false,
    }
}

/// The part of an expression that is evaluated first.
pub(super) fn first_evaluated(expr: &Expr) -> &Expr {
    let mut current = expr;
    loop {
        current = match current {
            Expr::BoolOp(operation) => &operation.values[0],
            Expr::BinOp(operation) => &operation.left,
            Expr::UnaryOp(operation) => &operation.operand,
            Expr::If(choice) => &choice.test,
            Expr::Compare(comparison) => &comparison.left,
            Expr::Call(call) => &call.func,
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Named(named) => &named.value,
            Expr::Await(suspended) => &suspended.value,
            Expr::YieldFrom(suspended) => &suspended.value,
            Expr::Starred(starred) => &starred.value,
            Expr::Tuple(tuple) if !tuple.elts.is_empty() && !is_constant(current) => &tuple.elts[0],
            Expr::List(list) if !list.elts.is_empty() && !is_constant(current) => &list.elts[0],
            Expr::Set(set) if !set.elts.is_empty() && !is_constant(current) => &set.elts[0],
            _ => return current,
        }
    }
}

/// Whether the last instruction of an expression stands where the expression begins, so that its line has code.
/// Attributes are loaded, and methods called, where their names stand.
pub(super) fn ends_in_its_place(expr: &Expr) -> bool {
    match expr {
        Expr::If(_) | Expr::FString(_) | Expr::Attribute(_) => false,
        Expr::Call(call) => !call.func.is_attribute_expr(),
        _ => true,
    }
}

/// The expression of a simple statement that is evaluated first.
pub(super) fn first_of_simple(statement: &Stmt) -> Option<&Expr> {
    let expr = match statement {
        Stmt::Expr(stmt) => Some(&*stmt.value),
        Stmt::Assign(stmt) => Some(&*stmt.value),
        Stmt::AugAssign(stmt) => Some(&*stmt.target),
        Stmt::AnnAssign(stmt) => stmt.value.as_deref(),
        Stmt::Return(stmt) => stmt.value.as_deref(),
        Stmt::Delete(stmt) => stmt.targets.first(),
        Stmt::Raise(stmt) => stmt.exc.as_deref(),
        Stmt::Assert(stmt) => Some(&*stmt.test),
        _ => None,
    };
    expr.map(first_evaluated)
}

fn is_true(expr: &Expr) -> bool {
    match expr {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::NumberLiteral(literal) => literal.value.as_int().is_some_and(|int| *int != ruff_python_ast::Int::ZERO),
        _ => false,
    }
}

/// Whether the compiler makes nothing of the statement, so that its line never runs.
pub(super) fn has_no_code(statement: &Stmt) -> bool {
    match statement {
        Stmt::Global(_) | Stmt::Nonlocal(_) => true,
        Stmt::AnnAssign(assign) => assign.value.is_none(),
        _ => false,
    }
}

/// Whether the statement must come before all others.
pub(super) fn is_future_import(statement: &Stmt) -> bool {
    let import = statement.as_import_from_stmt();
    import.is_some_and(|import| import.module.as_ref().is_some_and(|module| module.as_str() == "__future__"))
}

/// The body without its docstring.
pub(super) fn without_docstring(body: &[Stmt]) -> &[Stmt] {
    match body.split_first() {
        Some((Stmt::Expr(first), rest)) if first.value.is_string_literal_expr() => rest,
        _ => body,
    }
}

fn is_compound(statement: &Stmt) -> bool {
    matches!(statement, Stmt::If(_) | Stmt::For(_) | Stmt::While(_) | Stmt::With(_) | Stmt::Try(_) | Stmt::Match(_))
}

fn jumps(statement: &Stmt) -> bool {
    Kills::of_body(std::slice::from_ref(statement)).jumps
}
