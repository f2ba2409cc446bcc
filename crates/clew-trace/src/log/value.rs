//! What the log says of a value, in 32 bits that a hook can fill without allocating or running user code.
//!
//! The top three bits are a tag, the others a number. A value is described, not kept: integers of 29 bits and names are
//! exact, reals have six digits, everything else is known by its type.

/// Description of one value. The word 0 means that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ValueRef(pub u32);

const BITS: u32 = 29;
const MASK: u32 = (1 << BITS) - 1;
const INTEGER: u32 = 1;
const NAME: u32 = 2;
const TYPE: u32 = 3;
const REAL: u32 = 4;
const OBJECT: u32 = 5;
const SIZED: u32 = 6;
const SIZE_BITS: u32 = 16;
const SIZED_TYPES: u32 = 1 << (BITS - SIZE_BITS);

/// What a [`ValueRef`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueShape {
    /// Nothing was recorded.
    Absent,
    /// An integer.
    Integer(i32),
    /// A constant (`None`, `True`, a short string) by its text: an index of the name table.
    Name(u32),
    /// Some object of a type: an index of the name table.
    Type(u32),
    /// A real number, rounded to about six digits.
    Real(f32),
    /// An object by a number that the recorder gave it.
    Object(u32),
    /// A container: its type (an index of the name table) and length (65535 means that or more).
    Sized(u32, u16),
}

impl ValueRef {
    /// Nothing was recorded.
    pub const ABSENT: Self = Self(0);

    /// An integer, if it fits into 29 bits.
    pub const fn integer(value: i64) -> Option<Self> {
        if value >= -(1 << (BITS - 1)) && value < (1 << (BITS - 1)) {
            // The low 29 bits of the two's complement, which `shape` extends again.
            #[allow(clippy::cast_sign_loss)]
            let low = value as u32 & MASK;
            Some(Self(INTEGER << BITS | low))
        } else {
            None
        }
    }

    /// A constant by the index of its text in the name table.
    pub const fn name(index: u32) -> Self {
        Self(NAME << BITS | (index & MASK))
    }

    /// An object of which only the type is told, by the index of the type's name.
    pub const fn of_type(index: u32) -> Self {
        Self(TYPE << BITS | (index & MASK))
    }

    /// A real number, rounded.
    pub const fn real(value: f64) -> Self {
        Self(REAL << BITS | ((value as f32).to_bits() >> 3))
    }

    /// An object by its number.
    pub const fn object(number: u32) -> Self {
        Self(OBJECT << BITS | (number & MASK))
    }

    /// A container by its type's name and its length. A type index above 8191 leaves the length out.
    pub const fn sized(type_index: u32, length: usize) -> Self {
        if type_index >= SIZED_TYPES {
            return Self::of_type(type_index);
        }
        let length = if length > 0xFFFF { 0xFFFF } else { length as u32 };
        Self(SIZED << BITS | type_index << SIZE_BITS | length)
    }

    /// What it says. A word of an unknown tag says nothing.
    pub const fn shape(self) -> ValueShape {
        let payload = self.0 & MASK;
        match self.0 >> BITS {
            INTEGER => {
                #[allow(clippy::cast_possible_wrap)]
                let shifted = (payload << (32 - BITS)) as i32;
                ValueShape::Integer(shifted >> (32 - BITS))
            }
            NAME => ValueShape::Name(payload),
            TYPE => ValueShape::Type(payload),
            REAL => ValueShape::Real(f32::from_bits(payload << 3)),
            OBJECT => ValueShape::Object(payload),
            SIZED => ValueShape::Sized(payload >> SIZE_BITS, (payload & 0xFFFF) as u16),
            _ => ValueShape::Absent,
        }
    }

    /// Text for people. `names` is [`super::Tables::names`].
    pub fn text(self, names: &[String]) -> String {
        let named = |index: u32| names.get(index as usize).map_or("?", String::as_str);
        match self.shape() {
            ValueShape::Absent => String::new(),
            ValueShape::Integer(value) => value.to_string(),
            ValueShape::Name(index) => named(index).to_owned(),
            ValueShape::Type(index) => format!("<{}>", named(index)),
            ValueShape::Real(value) => real_text(value),
            ValueShape::Object(number) => format!("<object {number}>"),
            ValueShape::Sized(index, u16::MAX) => format!("<{}[65535+]>", named(index)),
            ValueShape::Sized(index, length) => format!("<{}[{length}]>", named(index)),
        }
    }
}

/// Six significant digits, always with a point or an exponent, as Python would show a float.
fn real_text(value: f32) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:.5e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'));
    }
    let whole_digits = if magnitude < 1.0 { 0 } else { format!("{magnitude:.0}").len() };
    let digits = format!("{value:.*}", 6_usize.saturating_sub(whole_digits).max(1));
    let trimmed = digits.trim_end_matches('0');
    if trimmed.ends_with('.') {
        format!("{trimmed}0")
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_value_or_are_refused() {
        for value in [0_i32, 1, -1, 77, (1 << 28) - 1, -(1 << 28)] {
            let shape = ValueRef::integer(i64::from(value)).map(ValueRef::shape);
            assert_eq!(shape, Some(ValueShape::Integer(value)));
        }
        assert_eq!(ValueRef::integer(1 << 28), None);
        assert_eq!(ValueRef::integer(i64::MIN), None);
    }

    #[test]
    fn reals_keep_six_digits() {
        let text = |value: f64| ValueRef::real(value).text(&[]);
        assert_eq!(text(0.25), "0.25");
        assert_eq!(text(3.0), "3.0");
        assert_eq!(text(0.953_216), "0.953216");
        assert_eq!(text(-1234.5), "-1234.5");
        assert_eq!(text(1e300), "inf");
        assert_eq!(text(f64::NAN), "nan");
        assert_eq!(text(2.5e-7), "2.5e-7");
        assert_eq!(text(0.0), "0.0");
    }

    #[test]
    fn containers_tell_type_and_length() {
        let names = [String::from("None"), String::from("list")];
        assert_eq!(ValueRef::sized(1, 3).text(&names), "<list[3]>");
        assert_eq!(ValueRef::sized(1, 1_000_000).text(&names), "<list[65535+]>");
        assert_eq!(ValueRef::sized(70_000, 3).shape(), ValueShape::Type(70_000));
        assert_eq!(ValueRef::name(0).text(&names), "None");
        assert_eq!(ValueRef::of_type(9).text(&names), "<?>");
    }
}
