//! How messages of failures are printed.

use core::fmt::{self, Write};

/// Embedded newlines get a tab, so that no text can be taken for a part of the dump. Go:
/// `printindented`.
pub struct Indented<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Indented<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }
}

impl Write for Indented<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            self.out.write_str(part)?;
            if part.ends_with('\n') {
                self.out.write_char('\t')?;
            }
        }
        Ok(())
    }
}

/// Longest message of Rust's that has Go's words instead.
const LONGEST: usize = 120;

/// The text of a panic. What Rust's own checks say is put in Go's words; for that the beginning is
/// held back until it cannot be one of them any more.
pub struct PanicText<'a> {
    out: Indented<'a>,
    held: [u8; LONGEST],
    len: usize,
    through: bool,
}

impl<'a> PanicText<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out: Indented::new(out), held: [0; LONGEST], len: 0, through: false }
    }

    /// Writes what was held back.
    pub fn finish(mut self) -> fmt::Result {
        if self.through {
            return Ok(());
        }
        let (held, out) = (&self.held[..self.len], &mut self.out);
        // Whole strings were held, so that it is always valid.
        let Ok(text) = core::str::from_utf8(held) else { return Err(fmt::Error) };
        match runtime_error(text) {
            Some(error) => write!(out, "{error}"),
            None => out.write_str(text),
        }
    }
}

impl Write for PanicText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !self.through {
            if let Some(room) = self.held.get_mut(self.len..self.len + text.len()) {
                room.copy_from_slice(text.as_bytes());
                self.len += text.len();
                return Ok(());
            }
            self.through = true;
            let held = core::str::from_utf8(&self.held[..self.len]).map_err(|_| fmt::Error)?;
            self.out.write_str(held)?;
        }
        self.out.write_str(text)
    }
}

/// What Go says where Rust's checks say something else.
#[derive(PartialEq, Eq, Debug)]
pub enum RuntimeError<'a> {
    /// Words that stand for themselves.
    Plain(&'static str),
    /// `list[index]`.
    Index {
        /// Too large.
        index: &'a str,
        /// What there is.
        len: &'a str,
    },
    /// `list[..end]`.
    End {
        /// Too large.
        end: &'a str,
        /// What there is.
        len: &'a str,
    },
    /// `list[start..end]`, the wrong way round.
    Order {
        /// Larger than the end.
        start: &'a str,
        /// Of the range, or of the list.
        end: &'a str,
    },
}

impl fmt::Display for RuntimeError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("runtime error: ")?;
        match self {
            Self::Plain(words) => f.write_str(words),
            Self::Index { index, len } => {
                write!(f, "index out of range [{index}] with length {len}")
            }
            Self::End { end, len } => {
                write!(f, "slice bounds out of range [:{end}] with length {len}")
            }
            Self::Order { start, end } => {
                write!(f, "slice bounds out of range [{start}:{end}]")
            }
        }
    }
}

/// Go's words for what one of Rust's checks says, if it is one.
pub fn runtime_error(text: &str) -> Option<RuntimeError<'_>> {
    let plain = match text {
        "attempt to divide by zero"
        | "attempt to calculate the remainder with a divisor of zero" => "integer divide by zero",
        "attempt to divide with overflow"
        | "attempt to calculate the remainder with overflow"
        | "attempt to add with overflow"
        | "attempt to subtract with overflow"
        | "attempt to multiply with overflow"
        | "attempt to negate with overflow" => "integer overflow",
        "null pointer dereference occurred" => "invalid memory address or nil pointer dereference",
        _ => return bounds(text),
    };
    Some(RuntimeError::Plain(plain))
}

/// The checks that name numbers.
fn bounds(text: &str) -> Option<RuntimeError<'_>> {
    let numbers = |before: &str, between: &str| {
        let (first, second) = text.strip_prefix(before)?.split_once(between)?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (is_number(first) && is_number(second)).then_some((first, second))
    };
    if let Some((len, index)) = numbers("index out of bounds: the len is ", " but the index is ") {
        return Some(RuntimeError::Index { index, len });
    }
    let of_slice = " out of range for slice of length ";
    if let Some((end, len)) = numbers("range end index ", of_slice) {
        return Some(RuntimeError::End { end, len });
    }
    let (start, end) = numbers("range start index ", of_slice)
        .or_else(|| numbers("slice index starts at ", " but ends at "))?;
    Some(RuntimeError::Order { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(parts: &[&str]) -> String {
        let mut out = String::new();
        let mut text = PanicText::new(&mut out);
        parts.iter().for_each(|part| text.write_str(part).unwrap());
        text.finish().unwrap();
        out
    }

    #[test]
    fn checks_speak_like_go() {
        let message = std::panic::catch_unwind(|| [1, 2, 3][std::hint::black_box(5)]);
        let message = *message.unwrap_err().downcast::<String>().unwrap();
        let index = "runtime error: index out of range [5] with length 3";
        assert_eq!(printed(&[&message]), index);
        let message = std::panic::catch_unwind(|| 1 / std::hint::black_box(0));
        let message = *message.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(printed(&[message]), "runtime error: integer divide by zero");
        assert_eq!(
            printed(&["attempt to ", "divide with overflow"]),
            "runtime error: integer overflow"
        );
    }

    #[test]
    fn bounds_of_slices_speak_like_go() {
        let list = std::hint::black_box([1, 2, 3]);
        let [two, four, five] = std::hint::black_box([2, 4, 5]);
        let said = |f: &(dyn Fn() -> usize + std::panic::RefUnwindSafe)| {
            let message = std::panic::catch_unwind(f).unwrap_err();
            let message = message.downcast::<String>().unwrap();
            runtime_error(&message).unwrap().to_string()
        };
        let bounds = "runtime error: slice bounds out of range";
        assert_eq!(said(&|| list[..five].len()), format!("{bounds} [:5] with length 3"));
        assert_eq!(said(&|| list[four..].len()), format!("{bounds} [4:3]"));
        assert_eq!(said(&|| list[3..two].len()), format!("{bounds} [3:2]"));
        assert_eq!(runtime_error("index out of bounds: the len is x but the index is 1"), None);
        assert_eq!(runtime_error("range end index 1"), None);
    }

    #[test]
    fn other_texts_stay() {
        assert_eq!(printed(&["te", "st"]), "test");
        assert_eq!(printed(&[]), "");
        let long = "index out of bounds: ".repeat(20);
        assert_eq!(printed(&["a", &long, "b"]), format!("a{long}b"));
    }

    #[test]
    fn newlines_get_a_tab() {
        assert_eq!(printed(&["one\ntwo", "\n"]), "one\n\ttwo\n\t");
        let long = "x".repeat(LONGEST);
        assert_eq!(printed(&["a\nb", &long, "\n\n"]), format!("a\n\tb{long}\n\t\n\t"));
    }
}
