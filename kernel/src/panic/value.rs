//! How the value of a panic is printed. Go: `printpanicval`, `printfloat`.
//!
//! Strings bare, booleans and numbers as Go's `print` does; of anything else nothing is known but
//! its type and where it lies.

use core::any::Any;
use core::fmt::{self, Write};

use alloc::boxed::Box;
use alloc::string::String;

/// Writes a string, boolean or number; `None` if the value is neither.
pub fn write_plain(value: &dyn Any, out: &mut dyn Write) -> Option<fmt::Result> {
    macro_rules! displayed {
        ($($t:ty)*) => {
            $(if let Some(value) = value.downcast_ref::<$t>() {
                return Some(write!(out, "{value}"));
            })*
        };
    }
    displayed!(&'static str String Box<str> bool);
    displayed!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
    if let Some(value) = value.downcast_ref::<f32>() {
        return Some(write_float(f64::from(*value), out));
    }
    value.downcast_ref::<f64>().map(|value| write_float(*value, out))
}

/// `+d.dddddde+ddd`.
fn write_float(value: f64, out: &mut dyn Write) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let mut digits = Digits { text: [0; 24], len: 0 };
    write!(digits, "{value:+.6e}")?;
    let text = core::str::from_utf8(&digits.text[..digits.len]).map_err(|_| fmt::Error)?;
    let (mantissa, exponent) = text.split_once('e').ok_or(fmt::Error)?;
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{mantissa}e{sign}{exponent:0>3}")
}

/// Room for a float.
struct Digits {
    text: [u8; 24],
    len: usize,
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: &dyn Any) -> Option<String> {
        let mut out = String::new();
        write_plain(value, &mut out).map(|result| {
            result.unwrap();
            out
        })
    }

    #[test]
    fn plain_values_are_printed_as_go_prints() {
        let plain: [(&dyn Any, &str); 12] = [
            (&"text", "text"),
            (&String::from("owned"), "owned"),
            (&true, "true"),
            (&8_i32, "8"),
            (&-1_i8, "-1"),
            (&u64::MAX, "18446744073709551615"),
            (&8.0_f64, "+8.000000e+000"),
            (&8.0_f32, "+8.000000e+000"),
            (&-0.00015_f64, "-1.500000e-004"),
            (&1e300_f64, "+1.000000e+300"),
            (&f64::NAN, "NaN"),
            (&f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, text) in plain {
            assert_eq!(printed(value).as_deref(), Some(text));
        }
        assert_eq!(printed(&0.0_f64).as_deref(), Some("+0.000000e+000"));
        assert_eq!(printed(&-0.0_f64).as_deref(), Some("-0.000000e+000"));
    }

    #[test]
    fn other_values_are_not_plain() {
        assert_eq!(printed(&'c'), None);
        assert_eq!(printed(&[1, 2]), None);
    }
}
