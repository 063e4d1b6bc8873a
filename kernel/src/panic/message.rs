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
            Some(RuntimeError::Plain(words)) => write!(out, "runtime error: {words}"),
            Some(RuntimeError::Index { index, len }) => {
                write!(out, "runtime error: index out of range [{index}] with length {len}")
            }
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
enum RuntimeError<'a> {
    Plain(&'static str),
    Index { index: &'a str, len: &'a str },
}

fn runtime_error(text: &str) -> Option<RuntimeError<'_>> {
    let plain = match text {
        "attempt to divide by zero"
        | "attempt to calculate the remainder with a divisor of zero" => "integer divide by zero",
        "attempt to divide with overflow" | "attempt to calculate the remainder with overflow" => {
            "integer overflow"
        }
        "null pointer dereference occurred" => "invalid memory address or nil pointer dereference",
        _ => {
            let numbers = text.strip_prefix("index out of bounds: the len is ")?;
            let (len, index) = numbers.split_once(" but the index is ")?;
            return Some(RuntimeError::Index { index, len });
        }
    };
    Some(RuntimeError::Plain(plain))
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
