//! Text into other texts: shortened, and escaped for each language that it goes into.

use std::fmt::Write;

/// Longest label, in characters.
pub const LABEL_CHARACTERS: usize = 46;

/// The first line that is not empty, with runs of white space made single spaces.
pub fn one_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `limit` characters; what is cut is shown as an ellipsis. Control characters become spaces.
pub fn shortened(text: &str, limit: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if text.chars().count() <= limit {
        return clean.collect();
    }
    let mut short: String = clean.take(limit.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// How many columns of a monospaced font a text takes: wide characters take two, combining ones none.
pub fn columns(text: &str) -> usize {
    text.chars().map(character_columns).sum()
}

const fn character_columns(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF => 2,
        0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// For XML and HTML, in text and between quotes. Characters that XML does not allow are replaced.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Between the double quotes of DOT.
pub fn dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            // DOT itself keeps a backslash before anything but a quote, and labels read it as an escape.
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Between the double quotes of a Mermaid label: everything that could end it or be read as markup becomes an entity.
pub fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && !" .,=+-_/()[]:".contains(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON that may stand inside an HTML `script` element.
pub fn script_json(json: &str) -> String {
    let escaped = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    escaped.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shortened_by_characters() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("a\tb", 9), "a b");
        assert_eq!(shortened("ééééé", 4), "ééé…");
        assert_eq!(one_line("\n  x  =  1\n  y"), "x = 1");
        assert_eq!(columns("数x"), 3);
    }

    #[test]
    fn nothing_escapes_its_quotes() {
        let nasty = "</script><b a='1' c=\"2\">\\ & \u{1} %%{init}%% -->";
        assert!(!xml(nasty).contains(['<', '>', '"', '\'', '\u{1}']));
        assert_eq!(dot("a\"b\\"), "a\\\"b\\\\");
        assert!(!mermaid(nasty).contains(['<', '>', '"', '%', '{', '&', '`']));
        assert!(!script_json(nasty).contains('<'));
    }
}
