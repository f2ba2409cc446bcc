//! Graphs as text and pictures, and the event log as a timeline. Strings in, strings out.
//!
//! A [`Drawing`] is a plain graph of statements, read from the JSON that `clew-graph` gives. [`render`] turns it into DOT,
//! SVG, one HTML page, Mermaid or JSON. The picture is laid out here ([`layout`]), so that no Graphviz is needed;
//! [`style`] says once which colour and which line mean what, for all formats. [`calls`] gives sums over an event log as
//! data, [`call_list`] its calls one by one, [`chrome`] the log itself in the trace format that Perfetto opens.
//!
//! Invariants: the same drawing always gives the same bytes; whatever stands in labels and texts, the output is well
//! formed and runs nothing of it; the page refers to nothing outside itself.

pub mod call_list;
pub mod calls;
pub mod chrome;
pub mod drawing;
pub mod layout;
pub mod style;

mod dot;
mod html;
mod json;
mod mermaid;
mod svg;
mod text;

pub use drawing::{Drawing, Edge, Node, SourceText};

/// What a drawing can be turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Graphviz's language.
    Dot,
    /// A picture.
    Svg,
    /// A page with the picture, search and the source.
    Html,
    /// Mermaid's language, for Markdown.
    Mermaid,
    /// Nodes and edges as data.
    Json,
}

/// Names of the formats, as the command spells them.
pub const FORMATS: [(&str, Format); 5] = [
    ("dot", Format::Dot),
    ("svg", Format::Svg),
    ("html", Format::Html),
    ("mermaid", Format::Mermaid),
    ("json", Format::Json),
];

/// Why a drawing cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The graph is not in the expected JSON.
    #[error("the graph cannot be read: {reason}")]
    Graph {
        /// What the parser said.
        reason: String,
    },
    /// No format has this name.
    #[error("unknown format {name:?}; there are dot, svg, html, mermaid and json")]
    Format {
        /// The name.
        name: String,
    },
    /// The event log cannot be read.
    #[error(transparent)]
    Log(#[from] clew_trace::log::Error),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = FORMATS.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| Error::Format { name: name.to_owned() })
    }
}

/// The drawing in a format, under a title.
pub fn render(drawing: &Drawing, format: Format, title: &str) -> String {
    match format {
        Format::Dot => dot::render(drawing, title),
        Format::Svg => svg::render(drawing, title),
        Format::Html => html::render(drawing, title),
        Format::Mermaid => mermaid::render(drawing, title),
        Format::Json => json::render(drawing, title),
    }
}
