//! Calls: hooks on methods and functions, or on arguments where it is known what is done with them.

use super::builtins::{self, builtin, needs_its_caller, Known, Takes};
use super::facts::Facts;
use super::operands::Need;
use super::walker::Walker;
use crate::hooks::Hook;
use clew_trace::NameId;
use ruff_python_ast::{Arguments, Expr, ExprAttribute, ExprCall};
use ruff_text_size::Ranged;

impl<'a> Walker<'a> {
    /// Walks a call.
    pub(super) fn call(&mut self, expr: &'a Expr, call: &'a ExprCall) {
        match &*call.func {
            Expr::Attribute(method) => self.method_call(expr, call, method),
            function => self.function_call(expr, call, function),
        }
    }

    fn function_call(&mut self, expr: &'a Expr, call: &'a ExprCall, function: &'a Expr) {
        let arguments = &call.arguments;
        let likely = self.facts.likely_builtin_name(function, self.scope, &self.view());
        if likely.is_some_and(|name| needs_its_caller(name, arguments.args.len() + arguments.keywords.len())) {
            return self.arguments(arguments, Need::Value, Need::Value);
        }
        let name = self.facts.builtin_name(function, self.scope, &self.view());
        if let Some(known) = name.and_then(|name| builtin(name, arguments.args.len())) {
            return self.logged_call(expr, call, |this| this.known_arguments(name, known, arguments));
        }
        let variable = function.as_name_expr().and_then(|name| self.variable(&name.id));
        if variable.is_some_and(|variable| self.facts.is_pure_function(variable)) {
            return self.logged_call(expr, call, |this| this.arguments(arguments, Need::Read, Need::Read));
        }
        let is_plain = self.is_plain_callee(function);
        let view = self.view();
        let ends = self.may_end(arguments) && variable.is_none_or(|it| !self.facts.is_plain_class(it, &view));
        if ends && variable.is_some_and(|variable| self.facts.logs_itself(variable, &view)) {
            let name = variable.map(|variable| variable.1);
            return self.until_end(expr, (None, name), (arguments, false), |this| {
                this.expr(function, Need::Value);
                this.arguments(arguments, Need::Value, Need::Value);
            });
        }
        let statement = self.statement;
        let hook = match (self.logged(function), is_plain) {
            (Some(place), true) => self.hook(Hook::LoggedCallee { statement, place, ends }),
            (None, true) => {
                self.plain_callee(function);
                return self.arguments(arguments, Need::Value, Need::Value);
            }
            (logged, false) => self.hook(Hook::Callee { statement, logged, ends }),
        };
        let walk = |this: &mut Self| {
            this.call_around(function, hook, |this| this.expr(function, Need::Value));
            this.arguments(arguments, Need::Value, Need::Value);
        };
        if ends {
            self.until_end(expr, (Some(hook), None), (arguments, false), walk);
        } else {
            walk(self);
        }
    }

    /// Walks a call of a builtin function or method of which nothing but the log need know: a hook does it in place of
    /// the program, if what is passed is written out.
    fn logged_call(&mut self, expr: &'a Expr, call: &'a ExprCall, walk: impl FnOnce(&mut Self)) {
        let Some(place) = self.logged(expr) else { return walk(self) };
        let (arguments, function) = (&call.arguments, &*call.func);
        let is_written_out = arguments.keywords.is_empty()
            && !arguments.args.iter().any(|argument| match argument {
                Expr::Starred(_) => true,
                Expr::Generator(generator) => !generator.parenthesized,
                _ => false,
            });
        let is_near = self.source[function.end().to_usize()..].starts_with('(')
            && !self.are_on_different_lines(function.start(), function.end());
        if !is_written_out || !is_near || self.is_too_deep() {
            match function {
                Expr::Attribute(method) => self.plain_receiver(&method.value, &method.attr, Need::Value),
                _ => self.plain_callee(function),
            }
            return walk(self);
        }
        let hook = self.hook(Hook::LoggedCall { statement: self.statement, place });
        self.hook_before(expr, hook, |this| {
            let separator = if arguments.args.is_empty() { ' ' } else { ',' };
            this.edits.overwrite(function.end().to_u32(), separator);
            walk(this);
        });
    }

    /// Whether a call with these arguments may be logged by what it calls and by a hook around it: these see how many
    /// arguments there are, and not their names.
    fn may_end(&self, arguments: &Arguments) -> bool {
        self.logs_native_calls()
            && arguments.keywords.is_empty()
            && !arguments.args.iter().any(Expr::is_starred_expr)
            && self.has_room()
    }

    /// Puts a hook around a call that logs the end; `callee` is the hook before the call, or the name that is called.
    fn until_end(
        &mut self,
        expr: &'a Expr,
        (call, name): (Option<u32>, Option<NameId>),
        (arguments, is_method): (&'a Arguments, bool),
        walk: impl FnOnce(&mut Self),
    ) {
        let (place, end) = (self.log_place(expr.start()), self.log_place(expr.end()));
        let (statement, n_args) = (self.statement, arguments.args.len() as u32);
        let hook = self.hook(Hook::Ended { statement, call, name, place, end, n_args, is_method });
        self.call_around(expr, hook, walk);
    }

    /// Walks a callee of which nothing but the log need know.
    fn plain_callee(&mut self, function: &'a Expr) {
        match self.logged(function) {
            Some(place) => {
                let hook = self.hook(Hook::LoggedCallee { statement: self.statement, place, ends: false });
                self.call_around(function, hook, |this| this.expr(function, Need::Value));
            }
            None if function.is_lambda_expr() => self.expr(function, Need::Value),
            None => {}
        }
    }

    /// Walks a receiver of whose method nothing but the log need know.
    fn plain_receiver(&mut self, object: &'a Expr, method: &str, need: Need) {
        match self.logged(object) {
            Some(place) => {
                let name = self.name(method);
                let hook = self.hook(Hook::LoggedMethod { statement: self.statement, name, place, ends: false });
                self.call_around(object, hook, |this| this.expr(object, need));
            }
            None => self.expr(object, need),
        }
    }

    /// Whether the function is user code of this source for certain, which notes for itself what it does.
    fn is_plain_callee(&self, function: &Expr) -> bool {
        let view = self.view();
        match function {
            Expr::Name(name) => Facts::variable(&name.id, self.scope, &view).is_some_and(|variable| {
                self.facts.is_plain_function(variable, &view) || self.facts.is_plain_class(variable, &view)
            }),
            Expr::Lambda(_) => true,
            _ => false,
        }
    }

    /// Walks the function of a call, with its hook.
    fn callee(&mut self, function: &'a Expr) {
        let logged = self.logged(function);
        let hook = self.hook(Hook::Callee { statement: self.statement, logged, ends: false });
        self.call_around(function, hook, |this| this.expr(function, Need::Value));
    }

    /// Walks a decorator, which is called with what it decorates.
    pub(super) fn decorator(&mut self, decorator: &'a Expr) {
        let known =
            self.facts.builtin_name(decorator, self.scope, &self.view()).is_some_and(|name| builtin(name, 1).is_some());
        if known || self.is_plain_callee(decorator) {
            match self.logged(decorator) {
                Some(_) => self.plain_callee(decorator),
                None => self.expr(decorator, Need::Value),
            }
        } else {
            self.callee(decorator);
        }
    }

    /// Walks arguments of which this is done with the positional ones that are given singly: the first, the others.
    fn arguments(&mut self, arguments: &'a Arguments, first: Need, rest: Need) {
        for (index, argument) in arguments.args.iter().enumerate() {
            let need = if index == 0 { first } else { rest };
            match argument {
                // What is done with an argument is done with the items here.
                Expr::Starred(starred) if need != Need::Value => self.expr(&starred.value, Need::Search),
                _ => self.expr(argument, need),
            }
        }
        for keyword in &arguments.keywords {
            let need = if keyword.arg.is_some() { Need::Value } else { Need::Consume };
            self.expr(&keyword.value, need);
        }
    }

    fn known_arguments(&mut self, name: Option<&str>, known: Known, arguments: &'a Arguments) {
        let attribute = match (name, arguments.args.get(1)) {
            (Some("getattr" | "hasattr"), Some(key)) => self.string_key(key),
            (Some("vars"), None) => Some(self.name("__dict__")),
            _ => None,
        };
        let iterates = !name.is_some_and(builtins::takes_one_by_one);
        let need = |takes: Takes| match takes {
            Takes::Reference => Need::Value,
            Takes::Shallow => Need::See(attribute),
            Takes::Content if iterates => Need::Search,
            Takes::Content => Need::Read,
            Takes::Items => Need::Consume,
        };
        self.arguments(arguments, need(known.first), need(known.rest));
    }

    fn method_call(&mut self, expr: &'a Expr, call: &'a ExprCall, method: &'a ExprAttribute) {
        let arguments = &call.arguments;
        let object = &*method.value;
        let is_super = object.as_call_expr().is_some_and(|call| self.is_super(&call.func));
        if is_super {
            self.super_method(&call.func, object);
            return self.arguments(arguments, Need::Value, Need::Value);
        }
        let view = self.view();
        if self.facts.is_atomic(object, self.scope, &view) {
            self.plain_receiver(object, &method.attr, Need::Value);
            let need = if method.attr.as_str() == "join" { Need::Consume } else { Need::Read };
            return self.arguments(arguments, need, Need::Read);
        }
        if let Some(variable) = object.as_name_expr().and_then(|name| self.variable(&name.id)) {
            if self.facts.is_pure_module(variable) {
                let need = if builtins::takes_many(&method.attr) { Need::Consume } else { Need::Read };
                return self.logged_call(expr, call, |this| this.arguments(arguments, need, need));
            }
            if self.is_own_method(variable, &method.attr) {
                let name = self.name(&method.attr);
                let need = Need::See(Some(name));
                let Some(place) = self.logged(object) else {
                    self.expr(object, need);
                    return self.arguments(arguments, Need::Value, Need::Value);
                };
                let ends = self.may_end(arguments);
                let hook = self.hook(Hook::LoggedMethod { statement: self.statement, name, place, ends });
                let walk = |this: &mut Self| {
                    this.call_around(object, hook, |this| this.expr(object, need));
                    this.arguments(arguments, Need::Value, Need::Value);
                };
                if ends {
                    self.until_end(expr, (Some(hook), None), (arguments, true), walk);
                } else {
                    walk(self);
                }
                return;
            }
            if let Some(takes) =
                self.seen.container(variable).and_then(|made| builtins::container_method(made, &method.attr))
            {
                self.note_store();
                let need = match takes {
                    Takes::Reference | Takes::Shallow => Need::Value,
                    Takes::Content => Need::Read,
                    Takes::Items => Need::Consume,
                };
                let rest = if need == Need::Consume { need } else { Need::Value };
                return self.logged_call(expr, call, |this| this.arguments(arguments, need, rest));
            }
        }
        if is_display(object) {
            self.plain_receiver(object, &method.attr, Need::Value);
            return self.arguments(arguments, Need::Search, Need::Search);
        }
        // Few methods of other objects are user code, unless functions of this source have their names.
        let ends = self.may_end(arguments) && self.facts.is_function_name(&method.attr);
        let (name, logged) = (self.name(&method.attr), self.logged(object));
        let hook = self.hook(Hook::Method { statement: self.statement, name, keys: vec![name], logged, ends });
        let walk = |this: &mut Self| {
            this.call_around(object, hook, |this| this.expr(object, Need::Value));
            if let Some(variable) = object.as_name_expr().and_then(|name| this.followed(&name.id)) {
                this.seen.saw(variable, hook);
            }
            this.arguments(arguments, Need::Value, Need::Value);
        };
        if ends {
            self.until_end(expr, (Some(hook), None), (arguments, true), walk);
        } else {
            walk(self);
        }
    }

    /// Walks `super().name`, which is called. What it gives is a method already.
    fn super_method(&mut self, function: &'a Expr, object: &'a Expr) {
        // A call stands on the line of the name, unless something is put around the function.
        let one_line = !self.are_on_different_lines(function.start(), function.end());
        match self.logged(function).filter(|_| one_line) {
            Some(place) => {
                let hook = self.hook(Hook::LoggedCallee { statement: self.statement, place, ends: false });
                self.call_around(function, hook, |this| this.expr(object, Need::Value));
            }
            None => self.expr(object, Need::Value),
        }
    }

    /// Whether the variable is the object of the method around, whose class has this method as user code.
    fn is_own_method(&self, variable: super::names::Variable, name: &str) -> bool {
        let Some(method) = self.method else { return false };
        if method.receiver != variable {
            return false;
        }
        self.facts.is_plain_method(method.class, name, &self.view())
    }
}

fn is_display(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::List(_)
            | Expr::Dict(_)
            | Expr::Set(_)
            | Expr::Tuple(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
    )
}
