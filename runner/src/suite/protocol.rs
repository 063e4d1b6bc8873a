//! What a test image says on its console, line by line.
//!
//! ```text
//! test NAME ... ok | FAILED | skipped: reason
//! own-boot NAME timeout_ms=N smp=N exit=N repeatable=N console="escaped text" line=".." input=".."
//! N passed, N failed, N skipped
//! ```

use std::time::Duration;

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    Skipped(String),
}

/// A case that wants a machine to itself, and what it should leave behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnBoot {
    pub name: String,
    pub timeout: Option<Duration>,
    /// Cores; otherwise as many as the boot that named the case.
    pub smp: Option<u32>,
    pub exit: i32,
    /// A text that the console must have.
    pub console: Option<String>,
    /// Words on its command line.
    pub line: Option<String>,
    /// What is typed on its console, before the input ends.
    pub input: Option<String>,
    /// Two boots with counted instructions must say the same.
    pub repeatable: bool,
}

/// All that a console has said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub cases: Vec<(String, Verdict)>,
    pub own_boots: Vec<OwnBoot>,
    /// The image said how many passed, failed and were skipped.
    pub closed: Option<(u32, u32, u32)>,
}

pub fn read(console: &str) -> Report {
    let mut report = Report::default();
    for line in console.lines().map(str::trim_end) {
        if let Some(case) = case(line) {
            report.cases.push(case);
        } else if let Some(own) = line.strip_prefix("own-boot ").and_then(own_boot) {
            report.own_boots.push(own);
        } else if let Some(counts) = closing(line) {
            report.closed = Some(counts);
        }
    }
    report
}

fn case(line: &str) -> Option<(String, Verdict)> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let verdict = match verdict {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        other => {
            Verdict::Skipped(other.strip_prefix("skipped")?.trim_start_matches([':', ' ']).into())
        }
    };
    Some((name.into(), verdict))
}

fn own_boot(line: &str) -> Option<OwnBoot> {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (words, mut texts) = rest.split_at(rest.find('"').unwrap_or(rest.len()));
    let (words, mut key) = words.rsplit_once(' ').unwrap_or((words, ""));
    let (mut console, mut line, mut input) = (None, None, None);
    while !texts.is_empty() {
        let (text, rest) = quoted(texts)?;
        match key {
            "console=" => console = Some(text),
            "line=" => line = Some(text),
            "input=" => input = Some(text),
            _ => return None,
        }
        let rest = rest.trim_start();
        (key, texts) = rest.split_at(rest.find('"').unwrap_or(rest.len()));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let value =
        |key: &str| words.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number =
        |key: &str| value(key).and_then(|text| text.parse::<u64>().ok()).filter(|&n| n > 0);
    Some(OwnBoot {
        name: name.into(),
        timeout: number("timeout_ms").map(Duration::from_millis),
        smp: number("smp").and_then(|n| u32::try_from(n).ok()),
        exit: value("exit").and_then(|text| text.parse().ok()).unwrap_or(0),
        console: given(console),
        line: given(line),
        input: given(input),
        repeatable: number("repeatable").is_some(),
    })
}

/// A text in quotes, as Rust's `{:?}` writes it.
pub fn unescaped(text: &str) -> Option<String> {
    quoted(text).map(|(text, _)| text)
}

/// As [`unescaped`], and what follows the text.
fn quoted(quoted: &str) -> Option<(String, &str)> {
    let mut chars = quoted.strip_prefix('"')?.chars();
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((text, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                '0' => text.push('\0'),
                'u' => {
                    let digits: String = chars.by_ref().skip(1).take_while(|&c| c != '}').collect();
                    text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

fn closing(line: &str) -> Option<(u32, u32, u32)> {
    let mut parts = line.split(", ");
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    let skipped = parts.next()?.strip_suffix(" skipped")?.parse().ok()?;
    Some((passed, failed, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cases_among_other_output() {
        let report = read(
            "burrow: PVH boot\r\ntest chan::close ... ok\r\nhello\r\ntest hog ... FAILED\r\n\
             test smp::ipi ... skipped: one core\r\n1 passed, 1 failed, 1 skipped\r\n",
        );
        let case = |name: &str, verdict| (name.to_string(), verdict);
        assert_eq!(
            report.cases,
            [
                case("chan::close", Verdict::Passed),
                case("hog", Verdict::Failed),
                case("smp::ipi", Verdict::Skipped("one core".into())),
            ]
        );
        assert_eq!(report.closed, Some((1, 1, 1)));
    }

    #[test]
    fn reads_boots_of_their_own() {
        let report = read(
            "own-boot overflow timeout_ms=5000 smp=2 exit=2 repeatable=0 \
             console=\"fatal: \\\"x\\\"\\n\" line=\"seed=1 a\" input=\"\"\n\
             own-boot same timeout_ms=0 smp=1 exit=0 repeatable=1 console=\"\" line=\"\" \
             input=\"a \\\"b\\n\"\n\
             own-boot plain timeout_ms=0 smp=0 exit=0 console=\"\"\n",
        );
        assert_eq!(
            report.own_boots[0],
            OwnBoot {
                name: "overflow".into(),
                timeout: Some(Duration::from_secs(5)),
                smp: Some(2),
                exit: 2,
                console: Some("fatal: \"x\"\n".into()),
                line: Some("seed=1 a".into()),
                input: None,
                repeatable: false,
            }
        );
        let same = &report.own_boots[1];
        assert_eq!((same.repeatable, same.input.as_deref()), (true, Some("a \"b\n")));
        let plain = &report.own_boots[2];
        assert_eq!((plain.timeout, plain.smp, &plain.console), (None, None, &None));
    }

    #[test]
    fn half_a_line_is_none() {
        assert_eq!(read("test x ... o\ntest y\n1 passed, 2 fai\n"), Report::default());
    }

    #[test]
    fn unescapes_as_rust_writes() {
        let text = "a\"b\\c\n\u{1b}é";
        assert_eq!(unescaped(&format!("{text:?}")).as_deref(), Some(text));
    }
}
