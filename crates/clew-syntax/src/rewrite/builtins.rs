//! What is known of the builtins: what they do with their arguments, and what they give back.
//!
//! A builtin that is not listed is called through a hook like any other function.

/// What a call gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// A number, a string, a truth value, `None`, or a tuple of such: nothing that can be changed.
    Atomic,
    /// An object made by the call.
    Fresh,
    /// Anything.
    Anything,
}

/// What a call does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Keeps it, or looks at its type only.
    Reference,
    /// Looks at the object, not at what it holds.
    Shallow,
    /// Looks at all it holds.
    Content,
    /// Iterates it to its end.
    Items,
}

/// What is known of one builtin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The result.
    pub(super) gives: Gives,
    /// The first positional argument.
    pub(super) first: Takes,
    /// The other positional arguments.
    pub(super) rest: Takes,
}

const fn known(gives: Gives, first: Takes, rest: Takes) -> Known {
    Known { gives, first, rest }
}

/// What is known of the builtin `name` when it is called with this many positional arguments.
pub(super) fn builtin(name: &str, arguments: usize) -> Option<Known> {
    use Gives::{Anything, Atomic, Fresh};
    use Takes::{Content, Items, Reference, Shallow};
    let known = match name {
        "isinstance" | "issubclass" | "callable" | "id" => known(Atomic, Reference, Reference),
        "type" if arguments == 1 => known(Anything, Reference, Reference),
        // The length of a view or a window is that of what it shows.
        "len" => known(Atomic, Items, Reference),
        "hasattr" => known(Atomic, Shallow, Reference),
        "int" | "float" | "complex" | "bool" | "str" | "repr" | "ascii" | "bytes" | "ord" | "chr" | "hash" | "hex"
        | "oct" | "bin" | "format" => known(Atomic, Content, Content),
        "range" => known(Atomic, Content, Content),
        "abs" | "round" | "divmod" | "pow" | "bytearray" => known(Fresh, Content, Content),
        "slice" | "object" => known(Fresh, Reference, Reference),
        "property" | "staticmethod" | "classmethod" => known(Fresh, Reference, Reference),
        "getattr" if arguments >= 2 => known(Anything, Shallow, Reference),
        "vars" if arguments == 1 => known(Anything, Shallow, Reference),
        // These compare, add, test, hash or unpack the items.
        "min" | "max" | "sum" => known(Anything, Content, Content),
        "any" | "all" => known(Atomic, Content, Reference),
        "set" | "frozenset" | "dict" | "sorted" => known(Fresh, Content, Reference),
        "list" | "tuple" => known(Fresh, Items, Reference),
        "enumerate" | "reversed" => known(Fresh, Items, Reference),
        "zip" => known(Fresh, Items, Items),
        // What is called may be foreign: it is seen by whoever draws from the iterator.
        "map" | "filter" => known(Anything, Reference, Content),
        "next" => known(Anything, Items, Reference),
        "iter" if arguments == 1 => known(Anything, Items, Reference),
        _ if is_exception(name) => known(Fresh, Reference, Reference),
        _ => return None,
    };
    Some(known)
}

/// Builtins that look at the frame of their caller or at its first argument, and so are called as they are.
pub(super) fn needs_its_caller(name: &str, arguments: usize) -> bool {
    match name {
        "super" | "locals" | "globals" => true,
        "vars" | "dir" => arguments == 0,
        _ => false,
    }
}

/// Builtin objects that are never changed.
pub(super) fn is_constant(name: &str) -> bool {
    builtin(name, 1).is_some()
        || builtin(name, 2).is_some()
        || matches!(name, "NotImplemented" | "Ellipsis" | "__name__")
}

fn is_exception(name: &str) -> bool {
    matches!(
        name,
        "BaseException"
            | "Exception"
            | "ArithmeticError"
            | "AssertionError"
            | "AttributeError"
            | "BlockingIOError"
            | "BrokenPipeError"
            | "BufferError"
            | "ChildProcessError"
            | "ConnectionError"
            | "EOFError"
            | "FileExistsError"
            | "FileNotFoundError"
            | "FloatingPointError"
            | "GeneratorExit"
            | "IOError"
            | "ImportError"
            | "IndentationError"
            | "IndexError"
            | "InterruptedError"
            | "IsADirectoryError"
            | "KeyError"
            | "KeyboardInterrupt"
            | "LookupError"
            | "MemoryError"
            | "ModuleNotFoundError"
            | "NameError"
            | "NotADirectoryError"
            | "NotImplementedError"
            | "OSError"
            | "OverflowError"
            | "PermissionError"
            | "ProcessLookupError"
            | "RecursionError"
            | "ReferenceError"
            | "RuntimeError"
            | "StopAsyncIteration"
            | "StopIteration"
            | "SyntaxError"
            | "SystemError"
            | "SystemExit"
            | "TimeoutError"
            | "TypeError"
            | "UnboundLocalError"
            | "UnicodeDecodeError"
            | "UnicodeEncodeError"
            | "UnicodeError"
            | "ValueError"
            | "ZeroDivisionError"
            | "Warning"
            | "DeprecationWarning"
            | "FutureWarning"
            | "ImportWarning"
            | "PendingDeprecationWarning"
            | "ResourceWarning"
            | "RuntimeWarning"
            | "SyntaxWarning"
            | "UserWarning"
    )
}

/// Methods of strings and bytes whose result is atomic.
pub(super) fn string_method_is_atomic(name: &str) -> bool {
    matches!(
        name,
        "capitalize"
            | "casefold"
            | "center"
            | "count"
            | "decode"
            | "encode"
            | "endswith"
            | "expandtabs"
            | "find"
            | "format"
            | "format_map"
            | "hex"
            | "index"
            | "isalnum"
            | "isalpha"
            | "isascii"
            | "isdecimal"
            | "isdigit"
            | "isidentifier"
            | "islower"
            | "isnumeric"
            | "isprintable"
            | "isspace"
            | "istitle"
            | "isupper"
            | "join"
            | "ljust"
            | "lower"
            | "lstrip"
            | "partition"
            | "removeprefix"
            | "removesuffix"
            | "replace"
            | "rfind"
            | "rindex"
            | "rjust"
            | "rpartition"
            | "rstrip"
            | "startswith"
            | "strip"
            | "swapcase"
            | "title"
            | "translate"
            | "upper"
            | "zfill"
    )
}

/// Modules whose functions only compute numbers from numbers.
pub(super) fn module_is_pure(name: &str) -> bool {
    matches!(name, "math" | "cmath")
}

/// Builtins that read what their arguments hold and never iterate them.
pub(super) fn takes_one_by_one(name: &str) -> bool {
    matches!(
        name,
        "int"
            | "float"
            | "complex"
            | "bool"
            | "str"
            | "repr"
            | "ascii"
            | "ord"
            | "chr"
            | "hash"
            | "hex"
            | "oct"
            | "bin"
            | "format"
            | "range"
            | "abs"
            | "round"
            | "divmod"
            | "pow"
    )
}

/// Functions of those modules that iterate an argument.
pub(super) fn takes_many(function: &str) -> bool {
    matches!(function, "dist" | "fsum" | "prod" | "sumprod")
}

/// Containers that a display or comprehension makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// A list.
    List,
    /// A dict.
    Dict,
    /// A set.
    Set,
}

/// What the method of a container does with its arguments, when it does nothing else but look at or change the container.
pub(super) fn container_method(container: Container, name: &str) -> Option<Takes> {
    use Takes::{Content, Items, Reference};
    match (container, name) {
        (Container::List, "append" | "clear" | "copy" | "insert" | "pop" | "reverse") => Some(Reference),
        (Container::List, "extend") => Some(Items),
        (Container::List, "count" | "index" | "remove") => Some(Content),
        (Container::Dict, "clear" | "copy" | "items" | "keys" | "popitem" | "values") => Some(Reference),
        (Container::Dict, "get" | "pop" | "setdefault") => Some(Content),
        (Container::Dict, "update") => Some(Items),
        (Container::Set, "clear" | "copy" | "pop") => Some(Reference),
        (Container::Set, "add" | "discard" | "remove") => Some(Content),
        (Container::Set, "update" | "union" | "intersection" | "difference" | "issubset" | "issuperset") => Some(Items),
        _ => None,
    }
}
