//! Annotations: read like other expressions where Python evaluates them, mentioned where it keeps them as text.

use super::collect::Collector;
use super::names::identifiers;
use ruff_python_ast::visitor::{walk_expr, Visitor};
use ruff_python_ast::{Expr, Parameters};

impl<'a> Collector<'a> {
    /// Walks the annotations of a function's parameters and result, which become its `__annotations__`.
    pub(super) fn signature_annotations(&mut self, parameters: &'a Parameters, returns: Option<&'a Expr>) {
        for annotation in parameters.iter().filter_map(ruff_python_ast::AnyParameterRef::annotation).chain(returns) {
            self.annotation(annotation);
        }
    }

    /// Walks an annotation that the program can ask for.
    ///
    /// Libraries evaluate the ones that are text, so the names in that text are mentions.
    pub(super) fn annotation(&mut self, annotation: &'a Expr) {
        if !self.lazy_annotations {
            self.expression(annotation);
        }
        let mut finder = TextNames { lazy: self.lazy_annotations, found: Vec::new() };
        finder.visit_expr(annotation);
        for name in finder.found {
            let name = self.names.intern(name);
            self.mention(name);
        }
    }
}

/// Finds the names that an annotation holds as text: those in its strings, and all of them when it is `lazy`.
struct TextNames<'a> {
    lazy: bool,
    found: Vec<&'a str>,
}

impl<'a> Visitor<'a> for TextNames<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::StringLiteral(node) => self.found.extend(identifiers(node.value.to_str())),
            Expr::Name(node) if self.lazy => self.found.push(node.id.as_str()),
            Expr::Attribute(node) if self.lazy => self.found.push(node.attr.as_str()),
            _ => {}
        }
        walk_expr(self, expression);
    }
}
