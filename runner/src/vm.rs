//! One run of a machine: QEMU started, its console passed on or kept, its end judged.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::machine::command::{Channels, Media, arguments};
use crate::scratch::Scratch;
use crate::{hang, interrupt};

/// For what the image itself can still say about a hang.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where the image's console goes, and what is typed on it.
#[derive(Clone, Copy)]
pub enum Console<'a> {
    /// To the runner's own output, as it comes; the runner's input goes to the image.
    Relay,
    /// Into [`Outcome::console`].
    Keep {
        /// Typed at once; then the input ends.
        typed: Option<&'a str>,
    },
}

/// Says on a console that no more comes, as a terminal's Ctrl-D does.
const END_OF_INPUT: &[u8] = &[4];

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By the image's own word.
    Exit(i32),
    /// QEMU ended, and the image had not said so.
    Silent(String),
    /// The time was up; with what the cores were doing.
    TimedOut(String),
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub end: End,
    /// Empty if it was relayed.
    pub console: String,
    pub took: Duration,
}

/// Boots `media` and stays with it to the end.
pub fn run(
    machine: &Machine,
    media: &Media,
    line: &str,
    console: Console<'_>,
    limit: Option<Duration>,
) -> Result<Outcome> {
    let scratch = Scratch::new()?;
    let channels = Channels::inside(scratch.path());
    let started = Instant::now();
    let mut command = Command::new(machine.arch.qemu());
    command.args(arguments(machine, media, line, &channels));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mute = matches!(console, Console::Keep { typed: None });
    command.stdin(if mute { Stdio::null() } else { Stdio::piped() });
    let mut child = interrupt::spawn(&mut command)
        .map_err(|e| Failure::missing(format!("cannot start {}: {e}", machine.arch.qemu())))?;
    if let Some(input) = child.stdin.take() {
        feed(input, console);
    }
    let mut stderr = child.stderr.take().expect("piped");
    let complaints = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let relays = matches!(console, Console::Relay);
    let (timed_out, console) = watch(&mut child, relays, limit, || {
        hang::describe(&channels.qmp, booted(media), machine.arch)
    });
    interrupt::forget(&child);
    let status = child.wait().map_err(|e| Failure::emulator(format!("waiting for QEMU: {e}")))?;
    let complaints = complaints.join().unwrap_or_default();
    let end = match (said(&channels.exit), timed_out) {
        (_, Some(dump)) => End::TimedOut(dump),
        (Some(code), None) => End::Exit(code),
        (None, None) => End::Silent(silent(status, &complaints)),
    };
    Ok(Outcome { end, console, took: started.elapsed() })
}

/// The runner's own words for a run that did not end by the image's word.
pub fn failure(end: &End, limit: Option<Duration>) -> Option<Failure> {
    match end {
        End::Exit(_) => None,
        End::Silent(why) => Some(Failure::emulator(why.clone())),
        End::TimedOut(_) => {
            let seconds = limit.unwrap_or_default().as_secs();
            let message = format!("the image was still running after {seconds} s: ended");
            Some(Failure { code: crate::failure::TIMEOUT, message })
        }
    }
}

fn booted(media: &Media) -> &Path {
    match media {
        Media::Kernel(path) | Media::Disk { disk: path, .. } => path,
    }
}

/// Passes the console on until QEMU closes it or the time is up; then `dump` describes the machine.
fn watch(
    child: &mut Child,
    relays: bool,
    limit: Option<Duration>,
    dump: impl FnOnce() -> String,
) -> (Option<String>, String) {
    let mut output = child.stdout.take().expect("piped");
    let (closed, wait) = mpsc::channel::<()>();
    let reader = thread::spawn(move || {
        let kept = copy(&mut output, relays);
        drop(closed);
        kept
    });
    let late = match limit {
        Some(limit) => wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout),
        None => wait.recv().is_ok(),
    };
    let timed_out = late.then(|| {
        let dump = dump();
        let _ = wait.recv_timeout(LAST_WORDS);
        let _ = child.kill();
        dump
    });
    let kept = reader.join().unwrap_or_default();
    (timed_out, String::from_utf8_lossy(&kept).into_owned())
}

fn copy(from: &mut impl Read, relays: bool) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 8192];
    let mut stdout = io::stdout();
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if relays {
            // A reader that has gone away (a pager, `head`) does not end the image.
            drop(stdout.write_all(&buffer[..count]).and_then(|()| stdout.flush()));
        } else {
            kept.extend(&buffer[..count]);
        }
    }
    kept
}

/// Types on the console: what was given, or the runner's own input. The thread ends with the
/// process: a read cannot be called off.
fn feed(mut input: ChildStdin, console: Console<'_>) {
    let typed = match console {
        Console::Keep { typed } => Some(typed.unwrap_or_default().to_owned()),
        Console::Relay if io::stdin().is_terminal() && !in_foreground() => return,
        Console::Relay => None,
    };
    thread::spawn(move || {
        let written = match typed {
            Some(text) => input.write_all(text.as_bytes()),
            None => io::copy(&mut io::stdin(), &mut input).map(drop),
        };
        // An image that has ended reads no more.
        drop(written.and_then(|()| input.write_all(END_OF_INPUT)));
    });
}

/// Reading from the terminal in the background would stop the whole runner.
fn in_foreground() -> bool {
    // SAFETY: both calls only return numbers.
    unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() }
}

/// The code in the last `burrow exit CODE` of the exit channel.
fn said(channel: &Path) -> Option<i32> {
    code(&fs::read_to_string(channel).ok()?)
}

fn code(text: &str) -> Option<i32> {
    text.lines().rev().find_map(|line| line.strip_prefix("burrow exit ")?.trim().parse().ok())
}

fn silent(status: ExitStatus, complaints: &str) -> String {
    let what = complaints.trim().lines().next_back().unwrap_or("no word from the image").trim();
    format!("QEMU ended ({status}) before the image did: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_channel_has_the_code() {
        assert_eq!(code("burrow exit 0\n"), Some(0));
        assert_eq!(code("noise\nburrow exit 2\nburrow exit -1\n"), Some(-1));
        assert_eq!(code("burrow exit"), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn a_timeout_has_its_own_code() {
        let failure = failure(&End::TimedOut(String::new()), Some(Duration::from_secs(3))).unwrap();
        assert_eq!(failure.code, 124);
        assert_eq!(failure.message, "the image was still running after 3 s: ended");
    }
}
