//! Go's report of a panic that nothing recovered: one line a panic, oldest first. Go:
//! `printpanics`.

use core::fmt::{self, Write};

use super::message::Indented;

/// What became of a panic before the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is still on its way, or a newer one took its place.
    Raised,
    /// It was recovered, and who did so has not let go of it.
    Recovered,
    /// It was recovered and raised again.
    Repanicked,
    /// No panic but a `goexit`: it has no line.
    Goexit,
}

/// One line.
pub struct Line<'a> {
    /// The value as text.
    pub text: &'a str,
    /// See [`Fate`].
    pub fate: Fate,
}

/// Writes the lines. Every one that follows a panic is indented.
pub fn write<'a>(lines: impl Iterator<Item = Line<'a>>, out: &mut dyn Write) -> fmt::Result {
    let mut before = None;
    for line in lines {
        if before.is_some_and(|fate| fate != Fate::Goexit) {
            out.write_char('\t')?;
        }
        before = Some(line.fate);
        let mark = match line.fate {
            Fate::Goexit => continue,
            Fate::Raised => "",
            Fate::Recovered => " [recovered]",
            Fate::Repanicked => " [recovered, repanicked]",
        };
        out.write_str("panic: ")?;
        Indented::new(out).write_str(line.text)?;
        writeln!(out, "{mark}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Fate::*;
    use super::*;

    fn written(lines: &[(&str, Fate)]) -> String {
        let mut out = String::new();
        write(lines.iter().map(|&(text, fate)| Line { text, fate }), &mut out).unwrap();
        out
    }

    #[test]
    fn one_line_a_panic() {
        assert_eq!(written(&[("a", Raised)]), "panic: a\n");
        assert_eq!(written(&[("a", Raised), ("b", Raised)]), "panic: a\n\tpanic: b\n");
        let three = [("a", Recovered), ("b", Repanicked), ("c\nd", Raised)];
        let text = "panic: a [recovered]\n\tpanic: b [recovered, repanicked]\n\tpanic: c\n\td\n";
        assert_eq!(written(&three), text);
    }

    #[test]
    fn a_goexit_has_no_line() {
        assert_eq!(written(&[("", Goexit), ("a", Raised)]), "panic: a\n");
    }
}
