//! Where the store is: named by the user, or found upward from a directory as `.git` is.

use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The name of a store's directory when it is not given.
pub const DIRECTORY_NAME: &str = ".clew";

/// Where a store is or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The store's directory, absolute.
    pub path: PathBuf,
    /// Whether the user named it (then it is used whoever owns it).
    pub named: bool,
    /// Whether it is there.
    pub exists: bool,
}

/// Finds the store for work in `start`.
///
/// `named` (from `--store` or `CLEW_STORE`) is a path or a `file:` URL and wins. Otherwise it is the nearest `.clew` in
/// `start` or above that belongs to `user` or to the system (user 0), as a directory that somebody else left in a
/// shared place must not receive this user's recordings; user 0 and `None` take any. If there is none, the answer is
/// `start/.clew`, which does not exist yet.
pub fn locate(named: Option<&str>, start: &Path, user: Option<u32>) -> Result<Location> {
    if let Some(text) = named.filter(|t| !t.is_empty()) {
        let path = start.join(path_of(text)?);
        let exists = path.exists();
        return Ok(Location { path, named: true, exists });
    }
    let found = start.ancestors().map(|a| a.join(DIRECTORY_NAME)).find(|p| p.is_dir() && is_trusted(p, user));
    let exists = found.is_some();
    Ok(Location { path: found.unwrap_or_else(|| start.join(DIRECTORY_NAME)), named: false, exists })
}

impl Location {
    /// The location, if a store is there.
    pub fn existing(self, start: &Path) -> Result<PathBuf> {
        if self.exists {
            return Ok(self.path);
        }
        if self.named {
            return Err(Error::CannotOpen { path: self.path, reason: "it does not exist".to_owned() });
        }
        let skipped = start.ancestors().map(|a| a.join(DIRECTORY_NAME)).find(|p| p.is_dir());
        Err(Error::NotFound { start: start.to_owned(), skipped })
    }
}

fn path_of(text: &str) -> Result<PathBuf> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(text.into()) };
    if scheme == "file" {
        let path = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
        return Ok(unescaped(path).into());
    }
    // One letter is a drive, and a colon is allowed in a file's name: only `scheme://` is a URL.
    if rest.starts_with("//") {
        return Err(Error::UnsupportedUrl { url: text.to_owned() });
    }
    Ok(text.into())
}

/// A URL's path with its `%XX` replaced; what is no such escape stays.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = code.and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| u8::from_str_radix(c, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

#[cfg(unix)]
fn is_trusted(path: &Path, user: Option<u32>) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(user) = user else { return true };
    user == 0 || path.metadata().is_ok_and(|m| m.uid() == user || m.uid() == 0)
}

#[cfg(not(unix))]
fn is_trusted(_path: &Path, _user: Option<u32>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths() {
        let path = |text| path_of(text).ok();
        assert_eq!(path("a/b"), Some("a/b".into()));
        assert_eq!(path("file:///a%20b/c"), Some("/a b/c".into()));
        assert_eq!(path("file:/a%zz"), Some("/a%zz".into()));
        assert_eq!(path("C:\\store"), Some("C:\\store".into()));
        assert!(matches!(path_of("postgresql://host/db"), Err(Error::UnsupportedUrl { .. })));
    }
}
