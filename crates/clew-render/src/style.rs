//! What colours and lines mean, once for all formats.

/// What a node is, as far as colours tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// `import`, `from ... import`.
    Import,
    /// `def`, `class`.
    Definition,
    /// Binds names: assignments of every kind.
    Assignment,
    /// `for`, `while`.
    Loop,
    /// `if`, `elif`, `match`.
    Branch,
    /// `with`.
    Context,
    /// `try`, `raise`, `assert`.
    Exception,
    /// `return` and other jumps.
    Jump,
    /// An expression on its own, usually a call.
    #[default]
    Expression,
    /// State outside the program's objects: a file, a random generator.
    External,
}

/// What carries a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// A value.
    Data,
    /// An object that is changed.
    Mutate,
    /// A view of an object.
    View,
    /// A test, a loop, a jump.
    Control,
    /// A top-level name used inside a function.
    Global,
    /// A function that is called.
    Call,
    /// State outside the objects.
    External,
    /// Something else.
    Other,
}

/// The colours of one theme for a role: background and line.
pub struct Colours {
    /// Background.
    pub fill: &'static str,
    /// Border and mark.
    pub line: &'static str,
}

impl Role {
    /// Every role, in the order of the legend.
    pub const ALL: [Self; 10] = [
        Self::Import,
        Self::Definition,
        Self::Assignment,
        Self::Expression,
        Self::Loop,
        Self::Branch,
        Self::Context,
        Self::Exception,
        Self::Jump,
        Self::External,
    ];

    /// The role of a statement whose kind the input names, or whose text begins so.
    pub fn of(kind: &str, label: &str) -> Self {
        let first = label.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        match kind.to_ascii_lowercase().as_str() {
            "external" => Self::External,
            "import" | "importfrom" => Self::Import,
            "function" | "class" => Self::Definition,
            "assign" | "augmentedassign" | "annotatedassign" | "typealias" | "delete" => Self::Assignment,
            "for" | "while" => Self::Loop,
            "if" | "match" => Self::Branch,
            "with" => Self::Context,
            "raise" | "try" | "assert" => Self::Exception,
            "return" | "break" | "continue" => Self::Jump,
            "expression" => Self::Expression,
            _ => Self::of_text(first, label),
        }
    }

    fn of_text(first: &str, label: &str) -> Self {
        let first = if first == "async" { label.split_whitespace().nth(1).unwrap_or_default() } else { first };
        match first {
            "import" | "from" => Self::Import,
            "def" | "class" => Self::Definition,
            "" if label.starts_with('@') => Self::Definition,
            "for" | "while" => Self::Loop,
            "if" | "elif" | "else" => Self::Branch,
            // `match` is a name elsewhere.
            "match" if label.ends_with(':') => Self::Branch,
            "with" => Self::Context,
            "try" | "raise" | "assert" | "except" | "finally" => Self::Exception,
            "return" | "break" | "continue" => Self::Jump,
            "del" => Self::Assignment,
            _ if binds(label) => Self::Assignment,
            _ => Self::Expression,
        }
    }

    /// The word that stands in the legend and in class names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Definition => "definition",
            Self::Assignment => "assignment",
            Self::Loop => "loop",
            Self::Branch => "branch",
            Self::Context => "with",
            Self::Exception => "exception",
            Self::Jump => "jump",
            Self::Expression => "expression",
            Self::External => "outside",
        }
    }

    /// On a light page.
    pub const fn light(self) -> Colours {
        let (fill, line) = match self {
            Self::Import => ("#f3f4f6", "#6b7280"),
            Self::Definition => ("#f5f0ff", "#7c4fd0"),
            Self::Assignment => ("#eef5ff", "#2f6fd0"),
            Self::Loop => ("#e8f8f5", "#0f8a76"),
            Self::Branch => ("#fff7e0", "#b07a00"),
            Self::Context => ("#e9f6fc", "#1b84ad"),
            Self::Exception => ("#fdeeee", "#c83c3c"),
            Self::Jump => ("#fbf0f7", "#b0447f"),
            Self::Expression => ("#f1f8ec", "#4f8a2b"),
            Self::External => ("#fff0e3", "#d0661a"),
        };
        Colours { fill, line }
    }

    /// On a dark page.
    pub const fn dark(self) -> Colours {
        let (fill, line) = match self {
            Self::Import => ("#23272e", "#9aa3af"),
            Self::Definition => ("#2a2340", "#b295f0"),
            Self::Assignment => ("#1b2a42", "#74a8f5"),
            Self::Loop => ("#14302c", "#45c4ae"),
            Self::Branch => ("#332a12", "#e0b040"),
            Self::Context => ("#142c38", "#5bbbe0"),
            Self::Exception => ("#3a1f20", "#f07f7f"),
            Self::Jump => ("#351f2e", "#e58abf"),
            Self::Expression => ("#1f2f18", "#92cc6c"),
            Self::External => ("#382414", "#f5a05a"),
        };
        Colours { fill, line }
    }
}

/// Whether a text begins with targets and an assignment operator. Only what the first line shows is looked at.
fn binds(label: &str) -> bool {
    let mut depth = 0_i32;
    let mut quote = None;
    let characters: Vec<char> = label.chars().collect();
    for (i, &c) in characters.iter().enumerate() {
        let before = |n: usize| i.checked_sub(n).map_or(' ', |at| characters[at]);
        match (quote, c) {
            (Some(q), _) if c == q && before(1) != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ':') if depth == 0 => return true,
            (None, '=') if depth == 0 => {
                let shifts = before(1) == before(2);
                let compares = matches!(before(1), '<' | '>') && !shifts || before(1) == '!';
                return !compares && characters.get(i + 1) != Some(&'=');
            }
            _ => {}
        }
    }
    false
}

impl EdgeKind {
    /// Every kind, in the order of the legend.
    pub const ALL: [Self; 8] =
        [Self::Data, Self::Mutate, Self::View, Self::Control, Self::Global, Self::Call, Self::External, Self::Other];

    /// The kind of this name.
    pub fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        Self::ALL.into_iter().find(|kind| kind.word() == lower).unwrap_or(Self::Other)
    }

    /// The word that stands in the legend and in class names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Mutate => "mutate",
            Self::View => "view",
            Self::Control => "control",
            Self::Global => "global",
            Self::Call => "call",
            Self::External => "external",
            Self::Other => "other",
        }
    }

    /// The line on a light page.
    pub const fn light(self) -> &'static str {
        match self {
            Self::Data => "#5b7fb5",
            Self::Mutate => "#cc4444",
            Self::View => "#8a5cc9",
            Self::Control => "#9aa1ab",
            Self::Global => "#15917c",
            Self::Call => "#6a9a3c",
            Self::External => "#d9772b",
            Self::Other => "#777777",
        }
    }

    /// The line on a dark page.
    pub const fn dark(self) -> &'static str {
        match self {
            Self::Data => "#7ea3dc",
            Self::Mutate => "#f07878",
            Self::View => "#b795ee",
            Self::Control => "#7d8590",
            Self::Global => "#4cc2ae",
            Self::Call => "#9ccc65",
            Self::External => "#f0a060",
            Self::Other => "#aaaaaa",
        }
    }

    /// Lengths of dashes and gaps; empty for an unbroken line.
    pub const fn dashes(self) -> &'static str {
        match self {
            Self::Data | Self::Mutate | Self::External => "",
            Self::View => "2 3",
            Self::Control => "5 4",
            Self::Global => "9 3",
            Self::Call => "8 3 2 3",
            Self::Other => "1 4",
        }
    }

    /// Width of the line.
    pub const fn width(self) -> f64 {
        match self {
            Self::Mutate => 1.9,
            Self::Control | Self::Other => 1.1,
            _ => 1.4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_by_their_text() {
        let check = |label: &str, expect: Role| assert_eq!(Role::of("statement", label), expect, "{label}");
        check("import numpy as np", Role::Import);
        check("@cache", Role::Definition);
        check("async def f():", Role::Definition);
        check("x = f(a == b)", Role::Assignment);
        check("a[i], b = 1, 2", Role::Assignment);
        check("x: int = 3", Role::Assignment);
        check("total += x", Role::Assignment);
        check("print(f\"{x}=\", end='')", Role::Expression);
        check("frame.sort_values('a', inplace=True)", Role::Expression);
        check("x == y", Role::Expression);
        check("x <= y", Role::Expression);
        check("x <<= y", Role::Assignment);
        check("formula(x)", Role::Expression);
        check("for x in xs:", Role::Loop);
        assert_eq!(Role::of("external", "file a.csv"), Role::External);
        assert_eq!(Role::of("AugmentedAssign", "?"), Role::Assignment);
    }
}
