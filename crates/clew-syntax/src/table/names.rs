//! Interned names, and the mangling of private names in classes.

use clew_trace::NameId;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Every name of one source, each once, in the order of first appearance.
#[derive(Default)]
pub(super) struct Names<'a> {
    ids: FxHashMap<Cow<'a, str>, NameId>,
    texts: Vec<String>,
}

impl<'a> Names<'a> {
    /// The identifier of `text`.
    pub(super) fn intern(&mut self, text: &'a str) -> NameId {
        match self.ids.get(text) {
            Some(id) => *id,
            None => self.add(Cow::Borrowed(text)),
        }
    }

    /// The identifier of the variable or attribute that is written `text` inside the class `class`, if any.
    ///
    /// `class` comes from [`private_prefix`].
    pub(super) fn intern_in_class(&mut self, text: &'a str, class: Option<&str>) -> NameId {
        match class {
            Some(class) if text.starts_with("__") && !text.ends_with("__") => {
                let mangled = format!("_{class}{text}");
                match self.ids.get(mangled.as_str()) {
                    Some(id) => *id,
                    None => self.add(Cow::Owned(mangled)),
                }
            }
            _ => self.intern(text),
        }
    }

    /// The identifier of `text` when it appeared.
    pub(super) fn find(&self, text: &str) -> Option<NameId> {
        self.ids.get(text).copied()
    }

    /// The texts, indexed by [`NameId`].
    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }

    fn add(&mut self, text: Cow<'a, str>) -> NameId {
        let id = NameId(self.texts.len() as u32);
        self.texts.push(text.clone().into_owned());
        self.ids.insert(text, id);
        id
    }
}

/// What private names of the class get in front of them; a class named only with underscores mangles nothing.
pub(super) fn private_prefix(class_name: &str) -> Option<&str> {
    let stripped = class_name.trim_start_matches('_');
    (!stripped.is_empty()).then_some(stripped)
}

/// Whether the text could name a variable or an attribute.
pub(super) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_identifier) && characters.all(continues_identifier)
}

/// The identifiers of a text that is itself an expression, such as a string annotation.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !continues_identifier(character)).filter(|part| is_identifier(part))
}

fn starts_identifier(character: char) -> bool {
    character == '_' || unicode_ident::is_xid_start(character)
}

fn continues_identifier(character: char) -> bool {
    unicode_ident::is_xid_continue(character)
}
