//! Judging a boot by what it left behind: its end and its console.

use std::time::Duration;

use super::protocol::{OwnBoot, Report, Verdict, read};
use super::tally::Count;
use crate::vm::{self, End, Outcome};

/// What came of a boot.
pub struct Judged {
    pub count: Count,
    /// What to show if it failed.
    pub story: String,
    pub own_boots: Vec<OwnBoot>,
}

/// A boot that ran its cases one after another.
pub fn judge(outcome: &Outcome, limit: Duration) -> Judged {
    let Report { cases, own_boots, closed } = read(&outcome.console);
    let mut count = Count::default();
    for (_, verdict) in &cases {
        match verdict {
            Verdict::Passed => count.passed += 1,
            Verdict::Failed => count.failed += 1,
            Verdict::Skipped(_) => count.skipped += 1,
        }
    }
    let expected = i32::from(count.failed > 0);
    let story = match (&outcome.end, closed) {
        (End::Exit(code), Some(said))
            if *code == expected && said == (count.passed, count.failed, count.skipped) =>
        {
            format!("{} of its cases failed", count.failed)
        }
        (End::Exit(code), Some(_)) => {
            count.failed += 1;
            format!("it ended with code {code}, and its closing line does not fit its cases")
        }
        (End::Exit(code), None) => {
            count.failed += 1;
            format!("it ended with code {code} in the middle of its cases")
        }
        (end, _) => {
            count.failed += 1;
            told(end, limit)
        }
    };
    Judged { count, story, own_boots }
}

/// A boot for one case.
pub fn judge_own(own: &OwnBoot, outcome: &Outcome, limit: Duration) -> Judged {
    let missing = own.console.as_ref().filter(|text| !has_text(&outcome.console, text));
    let story = match (&outcome.end, missing) {
        (End::Exit(code), _) if *code != own.exit => {
            Some(format!("it ended with code {code}, not {}", own.exit))
        }
        (End::Exit(_), Some(text)) => Some(format!("its console lacks {text:?}")),
        (End::Exit(_), None) => None,
        (end, _) => Some(told(end, limit)),
    };
    let failed = u32::from(story.is_some());
    let count = Count { passed: 1 - failed, failed, skipped: 0 };
    Judged { count, story: story.unwrap_or_default(), own_boots: Vec::new() }
}

/// A boot and its repetition, which have to say the same.
pub fn judge_same(first: Judged, outcome: &Outcome, again: &Outcome) -> Judged {
    if first.count.failed > 0 || (&outcome.end, &outcome.console) == (&again.end, &again.console) {
        return first;
    }
    let count = Count { passed: 0, failed: 1, skipped: 0 };
    Judged { count, story: format!("again, it said:\n{}", again.console), own_boots: Vec::new() }
}

/// A program that should end well and say what is expected: these lines, in this order, whatever
/// stands between them.
pub fn judge_example(expected: &str, outcome: &Outcome, limit: Duration) -> Judged {
    let own = OwnBoot::default();
    let mut judged = judge_own(&own, outcome, limit);
    let mut said = outcome.console.lines().map(str::trim_end);
    let missing = expected.lines().find(|line| !said.any(|said| said == *line));
    if let (0, Some(line)) = (judged.count.failed, missing) {
        judged.count = Count { passed: 0, failed: 1, skipped: 0 };
        judged.story = format!("its console lacks {line:?}, or has it too early");
    }
    judged
}

/// Lines end in CR LF on a console. A `…` in the text stands for anything.
fn has_text(console: &str, text: &str) -> bool {
    let console = console.replace('\r', "");
    let mut rest = console.as_str();
    text.replace('\r', "").split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn told(end: &End, limit: Duration) -> String {
    let what = vm::failure(end, Some(limit)).map_or_else(String::new, |failure| failure.message);
    match end {
        End::TimedOut(dump) => format!("{what}\n{dump}"),
        _ => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn outcome(end: End, console: &str) -> Outcome {
        Outcome { end, console: console.into(), took: Duration::ZERO }
    }

    #[test]
    fn an_image_that_closes_well_passes() {
        let console = "test a ... ok\ntest b ... skipped: x\n1 passed, 0 failed, 1 skipped\n";
        let judged = judge(&outcome(End::Exit(0), console), LIMIT);
        assert_eq!(judged.count, Count { passed: 1, failed: 0, skipped: 1 });
    }

    #[test]
    fn what_does_not_fit_is_a_failure() {
        let closing = "test a ... ok\n1 passed, 0 failed, 0 skipped\n";
        let silent = End::Silent("x".into());
        for (end, console) in [
            (End::Exit(1), closing),
            (End::Exit(0), "test a ... ok\n"),
            (End::Exit(0), "test a ... ok\n2 passed, 0 failed, 0 skipped\n"),
            (silent, closing),
            (End::TimedOut(String::new()), closing),
        ] {
            assert_eq!(judge(&outcome(end, console), LIMIT).count.failed, 1, "{console}");
        }
    }

    #[test]
    fn an_example_says_what_is_expected() {
        let judged = |console| judge_example("one\ntwo\n", &outcome(End::Exit(0), console), LIMIT);
        assert_eq!(judged("zero\r\none\r\nand a half\r\ntwo\r\n").count.failed, 0);
        assert_eq!(judged("two\none\n").count.failed, 1);
        assert_eq!(
            judged("one\ntwo halves\n").story,
            "its console lacks \"two\", or has it too early"
        );
        assert_eq!(judge_example("", &outcome(End::Exit(0), "x"), LIMIT).count.failed, 0);
        assert_eq!(judge_example("", &outcome(End::Exit(2), "x"), LIMIT).count.failed, 1);
    }

    #[test]
    fn a_repeatable_case_says_the_same_twice() {
        let same = |console| {
            let (a, b) = (outcome(End::Exit(0), "7\n"), outcome(End::Exit(0), console));
            judge_same(judge_own(&OwnBoot::default(), &a, LIMIT), &a, &b).count.failed
        };
        assert_eq!((same("7\n"), same("8\n")), (0, 1));
    }

    #[test]
    fn a_case_alone_is_judged_by_code_and_console() {
        let own = OwnBoot {
            name: "overflow".into(),
            exit: 2,
            console: Some("stack overflow\ngoroutine 1".into()),
            ..OwnBoot::default()
        };
        let judged = |end, console| judge_own(&own, &outcome(end, console), LIMIT).count.failed;
        assert_eq!(judged(End::Exit(2), "x stack overflow\r\ngoroutine 1 [running]:\r\n"), 0);
        assert_eq!(judged(End::Exit(0), "stack overflow\ngoroutine 1"), 1);
        assert!(has_text("a b c", "a…c") && has_text("a b c", "b…"));
        assert!(!has_text("a b c", "c…a") && !has_text("a b", "b…b"));
        assert_eq!(judged(End::Exit(2), "stack overflow"), 1);
        assert_eq!(judged(End::Silent(String::new()), "stack overflow\ngoroutine 1"), 1);
    }
}
