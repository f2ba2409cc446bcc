//! Numbers as Python writes them: the text that `repr` gives, and that reads back as the same number.

/// A float, as an expression: `repr` gives no such text for infinities and for what is not a number.
pub fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "float('nan')".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "float('inf')" } else { "float('-inf')" }.to_owned();
    }
    // The shortest digits that read back are the same in both languages, the layout is not.
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// An integer.
pub fn python_int(number: i64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e300, "1e+300"),
            (5e-324, "5e-324"),
            (-2.5e22, "-2.5e+22"),
            (f64::INFINITY, "float('inf')"),
            (f64::NEG_INFINITY, "float('-inf')"),
            (f64::NAN, "float('nan')"),
        ] {
            assert_eq!(python_float(number), text);
        }
    }
}
