//! Which statements of functions may change something by what they call.
//!
//! The trace says which statement changed something by its own text. A statement that calls a function which does
//! has an effect as well, though its own text shows none. Which function a call enters is not recorded by statement,
//! so names decide: a statement may run whatever a name in it may stand for. A name stands for the functions and
//! classes it names, and, where such a function is used as a value, for those it is handed to.

use clew_trace::{NameId, ScopeId, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::denoted::{Denoted, Meaning, Site};
use crate::facts::{region, Facts, Touch};
use crate::fresh::Fresh;
use crate::looks;
use crate::scan::{standing, Standing, TokenKind, Tokens};

/// Names that may stand for functions with effects.
pub(crate) struct Effects<'f, 'a> {
    facts: &'f Facts<'a>,
    fresh: &'f Fresh,
    sites: FxHashMap<Meaning<'a>, Vec<Site>>,
    denoted: Denoted<'f, 'a>,
    /// Functions that change something that outlives them, beyond the object they initialise.
    effectful: Vec<bool>,
    dangerous: FxHashSet<Meaning<'a>>,
    returning: FxHashSet<Meaning<'a>>,
    /// Dangerous names whose sites are still to be visited, and names of functions that return dangerous ones.
    work: Vec<Meaning<'a>>,
    returned: Vec<Meaning<'a>>,
    /// Whether operators, loops or attribute accesses may run functions with effects.
    implicit: bool,
    /// Whether entering a `with` block may.
    in_with: bool,
}

impl<'f, 'a> Effects<'f, 'a> {
    pub(crate) fn new(facts: &'f Facts<'a>, fresh: &'f Fresh) -> Self {
        let denoted = Denoted::new(facts);
        let mut effects = Self {
            facts,
            fresh,
            sites: FxHashMap::default(),
            effectful: vec![false; denoted.functions.len()],
            dangerous: FxHashSet::default(),
            returning: FxHashSet::default(),
            work: Vec::new(),
            returned: Vec::new(),
            implicit: denoted.has_unknown,
            in_with: false,
            denoted,
        };
        if !effects.denoted.functions.is_empty() {
            effects.collect_sites();
            effects.start();
            effects.spread();
        }
        effects
    }

    /// Whether what the statement's own text calls may change something.
    pub(crate) fn calls(&self, id: StatementId) -> bool {
        if self.denoted.functions.is_empty() {
            return false;
        }
        let facts = self.facts;
        let statement = facts.statement(id);
        let is_definition = matches!(statement.kind, StatementKind::Function | StatementKind::Class);
        let mut uses = statement.uses.iter().filter(|site| !(is_definition && site.delayed));
        uses.any(|site| self.dangerous.contains(&self.denoted.in_scope(0, site.scope, site.name)))
            || statement.mentions.iter().any(|name| self.dangerous.contains(&self.denoted.named(0, *name)))
            || self.implicit && statement.may_raise && !is_definition
            || self.in_with && statement.kind == StatementKind::With
    }

    /// Whether operators, loops or attribute accesses may run functions with effects.
    pub(crate) const fn are_implicit(&self) -> bool {
        self.implicit
    }

    /// Functions that bind this variable of another scope have an effect from now on: something needs the variable.
    pub(crate) fn demand(&mut self, scope: ScopeId, name: NameId) {
        let facts = self.facts;
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let binds = facts.statement(id).defines.iter().any(|define| define.scope == scope && define.name == name);
            if binds && facts.home(id).0 != facts.region(scope) {
                if let Some(function) = self.denoted.function_of((0, id)) {
                    self.make_effectful(function);
                }
            }
        }
        self.spread();
    }
}

impl<'a> Effects<'_, 'a> {
    fn collect_sites(&mut self) {
        for (source, table) in self.facts.program.tables.iter().enumerate() {
            for index in 0..table.statements.len() as u32 {
                let site = (source as u32, StatementId(index));
                if source > 0 || self.facts.ran(site.1) {
                    for meaning in self.denoted.held(site) {
                        self.sites.entry(meaning).or_default().push(site);
                    }
                }
            }
        }
    }

    /// Functions with effects of their own.
    ///
    /// Binding a top-level name or another function's variable counts only when something needs it, see [`Self::demand`]
    /// (in imported modules, which are kept whole, always).
    fn start(&mut self) {
        let facts = self.facts;
        let mut touched: FxHashMap<Site, Touch> = FxHashMap::default();
        for touch in &facts.trace.touched {
            touched.entry((touch.source.0, touch.statement)).or_default().add(touch.kind);
        }
        for (source, table) in facts.program.tables.iter().enumerate() {
            let text = facts.program.texts.get(source).map_or("", String::as_str);
            for index in 0..table.statements.len() as u32 {
                let site = (source as u32, StatementId(index));
                if source == 0 && !facts.ran(site.1) {
                    continue;
                }
                let statement = self.denoted.statement(site);
                let touch = touched.get(&site).copied().unwrap_or_default();
                if touch.lasts() && statement.uses.iter().any(|used| used.delayed) {
                    // Perhaps a lambda in it did that.
                    self.hand_out(site);
                }
                let Some(function) = self.denoted.function_of(site) else { continue };
                let is_user = |name: &str| facts.is_user_function(name);
                let for_effect = !touch.output && looks::calls_for_effect(text, statement, is_user);
                let lasts = touch.lasts() || for_effect || looks::stores(text, statement);
                let is_local = source == 0 && self.fresh.mutated_by(site.1).is_some();
                let changes = lasts && !is_local && !self.initialises(site, function);
                let binds_outside = source > 0
                    && statement
                        .defines
                        .iter()
                        .any(|define| region(table, define.scope) != region(table, statement.scope));
                if changes || binds_outside || statement.kind == StatementKind::Raise {
                    self.make_effectful(function);
                }
            }
        }
    }

    /// Whether the statement only stores an attribute of the object that its `__init__` was given.
    fn initialises(&self, site: Site, function: usize) -> bool {
        let entered = &self.denoted.functions[function];
        let statement = self.denoted.statement(site);
        let is_store = matches!(statement.kind, StatementKind::Assign | StatementKind::AnnotatedAssign);
        let is_init = entered.class.is_some() && matches!(entered.name, "__init__" | "__post_init__");
        let Some(text) = self.facts.program.texts.get(site.0 as usize).filter(|_| is_store && is_init) else {
            return false;
        };
        let own = text.get(statement.span.start as usize..statement.span.end as usize).unwrap_or_default();
        let tokens: Vec<_> = Tokens::new(own).take(4).collect();
        let receiver = tokens.first().map(|token| &own[token.start..token.end]);
        let scope = self.denoted.table(site.0).scope(region(self.denoted.table(site.0), statement.scope));
        let shape: Vec<TokenKind> = tokens.iter().map(|token| token.kind).collect();
        receiver.is_some()
            && receiver == scope.parameters.first().map(|first| self.denoted.table(site.0).name(*first))
            && matches!(
                shape.as_slice(),
                [TokenKind::Name, TokenKind::Mark(b'.'), TokenKind::Name, TokenKind::Mark(b'=' | b':')]
            )
    }

    fn make_effectful(&mut self, function: usize) {
        if std::mem::replace(&mut self.effectful[function], true) {
            return;
        }
        let entered = &self.denoted.functions[function];
        let (name, meaning) = (entered.name, entered.meaning);
        match (name, entered.class) {
            ("__init__" | "__new__" | "__post_init__" | "__init_subclass__" | "__set_name__", Some(class)) => {
                self.danger(Meaning::Named(class));
            }
            ("__enter__" | "__exit__" | "__aenter__" | "__aexit__", Some(_)) => self.in_with = true,
            // The statement that stores is itself seen to change the object, whatever its method does.
            (
                "__setitem__" | "__delitem__" | "__setattr__" | "__delattr__" | "__set__" | "__delete__" | "__del__"
                | "__iadd__" | "__isub__" | "__imul__" | "__ior__" | "__iand__",
                Some(_),
            ) => {}
            (special, Some(_)) if special.starts_with("__") && special.ends_with("__") => self.implicit = true,
            _ => {}
        }
        self.danger(meaning);
    }

    fn danger(&mut self, meaning: Meaning<'a>) {
        if self.dangerous.insert(meaning) {
            self.work.push(meaning);
        }
    }

    fn spread(&mut self) {
        loop {
            if let Some(meaning) = self.work.pop() {
                for site in self.sites.get(&meaning).cloned().unwrap_or_default() {
                    self.reach(site, meaning);
                }
            } else if let Some(meaning) = self.returned.pop() {
                for site in self.sites.get(&meaning).cloned().unwrap_or_default() {
                    self.hand_out(site);
                }
            } else {
                return;
            }
        }
    }

    /// A statement holds a dangerous name.
    fn reach(&mut self, site: Site, meaning: Meaning<'a>) {
        let statement = self.denoted.statement(site);
        if let Some(function) = self.denoted.function_of(site) {
            // What the body of a nested `def` captures is not evaluated by the `def` itself.
            let is_definition = matches!(statement.kind, StatementKind::Function | StatementKind::Class);
            let evaluates =
                |u: &clew_trace::Use| !u.delayed && self.denoted.in_scope(site.0, u.scope, u.name) == meaning;
            if !is_definition || statement.uses.iter().any(evaluates) {
                self.make_effectful(function);
            }
        }
        if self.is_value(site, meaning) {
            self.hand_out(site);
        }
    }

    /// Whether the statement uses the name other than by calling it.
    fn is_value(&self, site: Site, meaning: Meaning<'a>) -> bool {
        let header = self.denoted.statement(site).header;
        let text = self.facts.program.texts.get(site.0 as usize);
        let name = match meaning {
            Meaning::Local(source, _, name) => self.denoted.table(source).name(name),
            Meaning::Named(name) => name,
        };
        text.and_then(|text| text.get(header.start as usize..header.end as usize))
            .is_none_or(|own| standing(own, name) == Standing::Value)
    }

    /// The statement hands a dangerous function on: to the names it binds, the attributes and keys it stores, the
    /// parameters of the functions it calls, or to its caller.
    fn hand_out(&mut self, site: Site) {
        let statement = self.denoted.statement(site);
        for define in &statement.defines {
            self.danger(self.denoted.in_scope(site.0, define.scope, define.name));
        }
        match statement.kind {
            StatementKind::Assign | StatementKind::AugmentedAssign | StatementKind::AnnotatedAssign => {
                for name in &statement.mentions {
                    self.danger(self.denoted.named(site.0, *name));
                }
            }
            StatementKind::Return => {
                if let Some(function) = self.denoted.function_of(site) {
                    let meaning = self.denoted.functions[function].meaning;
                    if self.returning.insert(meaning) {
                        self.returned.push(meaning);
                    }
                }
            }
            _ => {}
        }
        for meaning in self.denoted.held(site) {
            for function in self.denoted.by_meaning.get(&meaning).cloned().unwrap_or_default() {
                for parameter in self.denoted.functions[function].parameters.clone() {
                    self.danger(parameter);
                }
            }
        }
    }
}
