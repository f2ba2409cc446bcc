//! Hides the values of arguments that are named like secrets, before a command line is stored.
//!
//! It masks too much rather than too little: `--sort-key date` loses its value too.

/// What stands for a hidden value.
pub const MASK: &str = "***";

const SECRET_WORDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "token",
    "secret",
    "secrets",
    "key",
    "apikey",
    "credential",
    "credentials",
    "auth",
    "authorization",
];

/// The arguments with the values of secrets replaced by [`MASK`].
///
/// Masked are: `--NAME VALUE`, `--NAME=VALUE`, `NAME=VALUE` where a word of `NAME` is one of a list (`password`,
/// `token`, `secret`, `key`, ...), and the password of a URL.
pub fn masked<S: AsRef<str>>(arguments: &[S]) -> Vec<String> {
    let mut hide_next = false;
    let mut result = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let argument = argument.as_ref();
        if hide_next && !argument.starts_with("--") {
            result.push(MASK.to_owned());
            hide_next = false;
            continue;
        }
        let is_option = argument.starts_with('-');
        hide_next = false;
        result.push(match argument.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
            None if is_option && is_secret(argument) => {
                hide_next = true;
                argument.to_owned()
            }
            _ => without_url_password(argument),
        });
    }
    result
}

/// Whether a word of the name is a word for a secret: `--api-key`, `DB_PASSWORD`, `authToken`.
fn is_secret(name: &str) -> bool {
    let mut words = Vec::from([String::new()]);
    let mut previous_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else if c.is_uppercase() && previous_lower {
            words.push(c.to_lowercase().collect());
        } else if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        previous_lower = c.is_lowercase();
    }
    words.iter().any(|word| SECRET_WORDS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit())))
}

/// `scheme://user:password@host` with the password masked, anywhere in the text.
fn without_url_password(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else { return text.to_owned() };
    let end = text[start..].find(['/', '?', '#', ' ']).map_or(text.len(), |at| start + at);
    let authority = &text[start..end];
    match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{}{user}:{MASK}@{host}{}", &text[..start], &text[end..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expect: &[&str]) {
        assert_eq!(masked(arguments), expect);
    }

    #[test]
    fn values_of_secrets_are_hidden() {
        check(&["--password", "hunter2", "in.csv"], &["--password", "***", "in.csv"]);
        check(&["--token=abc=d"], &["--token=***"]);
        check(&["--api-key", "abc"], &["--api-key", "***"]);
        check(&["--apikey=abc", "--authToken", "t"], &["--apikey=***", "--authToken", "***"]);
        check(&["-password", "x"], &["-password", "***"]);
        check(&["DB_PASSWORD=x", "secret=y"], &["DB_PASSWORD=***", "secret=***"]);
        check(&["--key2=x"], &["--key2=***"]);
        check(&["--secret", "-dashed"], &["--secret", "***"]);
        check(&["--url=postgres://me:pw@host/db?x"], &["--url=postgres://me:***@host/db?x"]);
        check(&["postgres://me:p@w@host"], &["postgres://me:***@host"]);
    }

    #[test]
    fn other_arguments_stay() {
        for text in ["--tokenizer=bpe", "--max-tokens", "keys.csv", "--monkey=1", "key", "http://host:80/a@b", "=", ""]
        {
            check(&[text, "next"], &[text, "next"]);
        }
        check(&["--password", "--verbose", "x"], &["--password", "--verbose", "x"]);
    }
}
