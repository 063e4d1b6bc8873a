//! Tracebacks in Go's layout.
//!
//! ```text
//! goroutine 7 [sleep, 2 minutes]:
//! hello::wait(...)
//!         examples/src/bin/hello.rs:12
//! hello::main(...)
//!         examples/src/bin/hello.rs:7 +0x4c
//! created by hello::main in goroutine 1
//!         examples/src/bin/hello.rs:6 +0x20
//! ```
//!
//! Inlined frames have no offset, because the program counter is in their caller. Differs from Go:
//! no argument words, `(...)` stands for all.
//!
//! Everything is written as it is found; of a stack with more than 100 frames the innermost and
//! outermost 50 are shown, which takes counting them first.

use core::fmt::{self, Write};

use super::names::{self, Role};
use super::rows::Rows;
use super::symbols::{Line, Symbols};
use super::unwind::{Frame, Walk};

/// Frames shown at either end of a long stack. Go: `tracebackInnerFrames`, `tracebackOuterFrames`.
pub const END_FRAMES: usize = 50;
/// Addresses whose shown frames are remembered while they are counted.
const COUNTED: usize = 32;

/// How much is shown. Go: the `level` of `GOTRACEBACK`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Nothing.
    None = 0,
    /// The program's frames and goroutines.
    Program = 1,
    /// The runtime's too, with addresses.
    System = 2,
}

/// What the header line tells.
pub struct Header<'a> {
    /// Go: `goid`.
    pub id: u64,
    /// Its name, where the program gave it one.
    pub name: Option<&'a str>,
    /// The G's address, and its M's number and address.
    pub g: usize,
    /// See `g`.
    pub m: Option<(u64, usize)>,
    /// Status or wait reason.
    pub status: &'a str,
    /// Whole minutes that it waits.
    pub minutes: u64,
    /// Locked to its M.
    pub locked: bool,
}

/// Writes tracebacks.
pub struct Printer<'a, 't> {
    /// Where to.
    pub out: &'a mut dyn Write,
    /// The image's unwind tables.
    pub rows: &'a mut Rows<'t>,
    /// The image's symbols, if it has any.
    pub symbols: Option<Symbols<'t>>,
    /// How much.
    pub level: Level,
}

/// Which frames are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Program,
    All,
}

impl Show {
    fn at(level: Level) -> Self {
        if level >= Level::System { Self::All } else { Self::Program }
    }

    /// Whether a function of that role is wanted after `shown` others.
    fn wants(self, role: Role, shown: usize) -> bool {
        role.is_shown(shown) || self == Show::All && role != Role::Failing
    }
}

/// Frames to print, innermost first: of a stack that is there, or noted down earlier.
pub trait Frames: Clone {
    /// The frame it stands at.
    fn frame(&self) -> Option<Frame>;
    /// Goes on to the caller.
    fn advance(&mut self, rows: &mut Rows<'_>);
    /// The caller's stack pointer.
    fn cfa(&self, rows: &mut Rows<'_>) -> Option<usize>;
    /// How many frames that would be shown have got lost right before this one.
    fn missing(&self) -> usize {
        0
    }
}

impl Frames for Walk {
    fn frame(&self) -> Option<Frame> {
        self.frame()
    }

    fn advance(&mut self, rows: &mut Rows<'_>) {
        self.advance(rows);
    }

    fn cfa(&self, rows: &mut Rows<'_>) -> Option<usize> {
        self.cfa(rows)
    }
}

/// How many lines a physical frame in the middle of a stack is shown as. Addresses seen lately are
/// remembered: in a deep recursion the same few come again and again.
pub struct Counter<'a> {
    symbols: Option<Symbols<'a>>,
    show: Show,
    counted: [(usize, usize); COUNTED],
}

impl<'a> Counter<'a> {
    /// With the symbols by which they will be shown.
    pub fn new(symbols: Option<Symbols<'a>>, level: Level) -> Self {
        Self { symbols, show: Show::at(level), counted: [(0, 0); COUNTED] }
    }

    /// Lines of that frame.
    pub fn lines(&mut self, frame: &Frame) -> usize {
        let (symbols, show) = (self.symbols, self.show);
        let slot = &mut self.counted[(frame.pc ^ frame.pc >> 5) % COUNTED];
        if slot.0 != frame.pc {
            let lines = symbols.into_iter().flat_map(|s| s.lines(frame.lookup()));
            let (mut all, mut shown) = (0, 0);
            for line in lines {
                all += 1;
                shown += usize::from(show.wants(Role::of_line(&line), END_FRAMES));
            }
            if all == 0 {
                shown = usize::from(is_shown_unlined(symbols, frame, show, END_FRAMES));
            }
            *slot = (frame.pc, shown);
        }
        slot.1
    }
}

/// Without symbols every address is worth showing; with them, functions as their names say.
fn is_shown_unlined(symbols: Option<Symbols<'_>>, frame: &Frame, show: Show, shown: usize) -> bool {
    let Some(symbols) = symbols else { return true };
    match symbols.function(frame.lookup()) {
        Some(function) => show.wants(Role::of(function.name), shown),
        None => show == Show::All,
    }
}

/// Where in a list of frames to begin and to end.
struct Part {
    skip: usize,
    most: usize,
}

/// How far a pass came.
struct Passed {
    /// Frames shown or skipped.
    frames: usize,
    /// Of these, in the physical frame where it stopped.
    in_last: usize,
}

impl Printer<'_, '_> {
    /// `goroutine N [status, M minutes, locked to thread]:`
    pub fn header(&mut self, header: &Header<'_>) -> fmt::Result {
        write!(self.out, "goroutine {}", header.id)?;
        if let Some(name) = header.name {
            write!(self.out, " {name:?}")?;
        }
        if self.level >= Level::System {
            write!(self.out, " gp={:#x}", header.g)?;
            match header.m {
                Some((id, m)) => write!(self.out, " m={id} mp={m:#x}")?,
                None => self.out.write_str(" m=nil")?,
            }
        }
        write!(self.out, " [{}", header.status)?;
        if header.minutes >= 1 {
            write!(self.out, ", {} minutes", header.minutes)?;
        }
        if header.locked {
            self.out.write_str(", locked to thread")?;
        }
        self.out.write_str("]:\n")
    }

    /// The frames from `walk` on.
    pub fn stack(&mut self, walk: &impl Frames) -> fmt::Result {
        let show = Show::at(self.level);
        // A stack of nothing but runtime frames is shown all the same.
        if self.frames(walk, show)? == 0 {
            self.frames(walk, Show::All)?;
        }
        Ok(())
    }

    /// `created by FUNC in goroutine N` and its place.
    pub fn created_by(&mut self, parent: u64, pc: usize) -> fmt::Result {
        let Some(function) = self.symbols.and_then(|symbols| symbols.function(pc - 1)) else {
            return Ok(());
        };
        let mut lines = self.symbols.into_iter().flat_map(|symbols| symbols.lines(pc - 1));
        // `go` itself may be inlined into the code that called it.
        let Some(line) = lines.find(|line| names::is_program(line.func)) else { return Ok(()) };
        write!(self.out, "created by {}", names::shown(line.func))?;
        if parent != 0 {
            write!(self.out, " in goroutine {parent}")?;
        }
        let offset = pc - function.start;
        writeln!(self.out, "\n\t{}:{} +{offset:#x}", line.file, line.line)
    }

    /// All frames, or both ends of a long stack. Gives the number shown.
    fn frames(&mut self, walk: &impl Frames, show: Show) -> Result<usize, fmt::Error> {
        let mut inner = walk.clone();
        let passed = self.pass(&mut inner, show, Part { skip: 0, most: END_FRAMES })?;
        if passed.frames < END_FRAMES {
            return Ok(passed.frames);
        }
        let left = self.count(inner.clone(), show);
        let hidden = left.saturating_sub(passed.in_last + END_FRAMES);
        if hidden > 0 {
            writeln!(self.out, "...{hidden} frames elided...")?;
        }
        let outer = Part { skip: passed.in_last + hidden, most: END_FRAMES };
        self.pass(&mut inner, show, outer)?;
        Ok(passed.frames)
    }

    /// Shows a part of the frames; stops at the physical frame where the part ends.
    fn pass(
        &mut self,
        walk: &mut impl Frames,
        show: Show,
        mut part: Part,
    ) -> Result<Passed, fmt::Error> {
        let mut passed = Passed { frames: 0, in_last: 0 };
        while let Some(frame) = walk.frame() {
            passed.in_last = 0;
            let missing = walk.missing();
            passed.frames += missing;
            if missing > part.skip {
                writeln!(self.out, "...{} frames elided...", missing - part.skip)?;
            }
            part.skip = part.skip.saturating_sub(missing);
            let known = self.symbols.map(|symbols| symbols.lines(frame.lookup()));
            let mut any = false;
            for line in known.into_iter().flatten() {
                any = true;
                if !show.wants(Role::of_line(&line), passed.frames) {
                    continue;
                }
                if part.most == 0 {
                    return Ok(passed);
                }
                passed.frames += 1;
                passed.in_last += 1;
                if part.skip > 0 {
                    part.skip -= 1;
                    continue;
                }
                part.most -= 1;
                self.line(walk, &frame, &line)?;
            }
            if !any && is_shown_unlined(self.symbols, &frame, show, passed.frames) {
                if part.most == 0 {
                    return Ok(passed);
                }
                passed.frames += 1;
                passed.in_last += 1;
                if part.skip > 0 {
                    part.skip -= 1;
                } else {
                    part.most -= 1;
                    self.unlined(walk, &frame)?;
                }
            }
            walk.advance(self.rows);
        }
        passed.in_last = 0;
        Ok(passed)
    }

    /// How many frames would be shown from there on.
    fn count(&mut self, mut walk: impl Frames, show: Show) -> usize {
        let mut counter = Counter { show, ..Counter::new(self.symbols, self.level) };
        let mut total = 0;
        while let Some(frame) = walk.frame() {
            total += walk.missing() + counter.lines(&frame);
            walk.advance(self.rows);
        }
        total
    }

    /// A frame of the source.
    fn line(&mut self, walk: &impl Frames, frame: &Frame, line: &Line<'_>) -> fmt::Result {
        write!(self.out, "{}(...)\n\t{}:{}", names::shown(line.func), line.file, line.line)?;
        if !line.inlined {
            self.offset(walk, frame)?;
        }
        self.out.write_char('\n')
    }

    /// A frame of a function without lines (assembly), or of nobody knows what.
    fn unlined(&mut self, walk: &impl Frames, frame: &Frame) -> fmt::Result {
        match self.symbols.and_then(|symbols| symbols.function(frame.lookup())) {
            Some(function) => write!(self.out, "{}(...)\n\t?:0", function.name)?,
            None => write!(self.out, "{:#x}(...)\n\t?:0", frame.pc)?,
        }
        self.offset(walk, frame)?;
        self.out.write_char('\n')
    }

    /// ` +0xOFF`, and the addresses where they are wanted.
    fn offset(&mut self, walk: &impl Frames, frame: &Frame) -> fmt::Result {
        let function = self.symbols.and_then(|symbols| symbols.function(frame.lookup()));
        if let Some(function) = function
            && frame.pc > function.start
        {
            write!(self.out, " +{:#x}", frame.pc - function.start)?;
        }
        if self.level >= Level::System {
            let fp = walk.cfa(self.rows).unwrap_or(0);
            write!(self.out, " fp={fp:#x} sp={:#x} pc={:#x}", frame.sp, frame.pc)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ENTRY, F, Image, PREEMPT, SMALL, walk};
    use super::super::unwind::Pc;
    use super::*;

    fn printed(image: &Image, level: Level, print: impl FnOnce(&mut Printer<'_, '_>)) -> String {
        let mut out = String::new();
        let mut rows = image.rows();
        let symbols = Some(image.symbols());
        print(&mut Printer { out: &mut out, rows: &mut rows, symbols, level });
        out
    }

    fn stack(words: &[usize], pc: usize, level: Level) -> String {
        let walk = walk(words, pc, Pc::Return);
        printed(&Image::new(), level, |printer| printer.stack(&walk).unwrap())
    }

    #[test]
    fn headers() {
        let plain = Header {
            id: 1,
            name: None,
            g: 0x10,
            m: None,
            status: "running",
            minutes: 0,
            locked: false,
        };
        let all = Header { id: 9, status: "syscall", minutes: 2, locked: true, ..plain };
        let image = Image::new();
        let text = |level, header: &Header<'_>| {
            printed(&image, level, |printer| printer.header(header).unwrap())
        };
        assert_eq!(text(Level::Program, &plain), "goroutine 1 [running]:\n");
        let expected = "goroutine 9 [syscall, 2 minutes, locked to thread]:\n";
        assert_eq!(text(Level::Program, &all), expected);
        let named = Header { name: Some("a \"b\"\n"), ..plain };
        let expected = "goroutine 1 \"a \\\"b\\\"\\n\" [running]:\n";
        assert_eq!(text(Level::Program, &named), expected);
        assert_eq!(text(Level::System, &plain), "goroutine 1 gp=0x10 m=nil [running]:\n");
        let on_m = Header { m: Some((3, 0x20)), ..plain };
        assert_eq!(text(Level::System, &on_m), "goroutine 1 gp=0x10 m=3 mp=0x20 [running]:\n");
    }

    #[test]
    fn frames_with_inlined_ones_and_without_the_runtime() {
        let words = [1, F + 0x20, 2, ENTRY + 0x10, 3];
        let text = stack(&words, SMALL + 0x10, Level::Program);
        let expected = "app::small(...)\n\tsrc/app.rs:20\napp::f(...)\n\tsrc/app.rs:11 +0x90\n\
                        app::f(...)\n\tsrc/app.rs:10 +0x20\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_stack_of_the_runtime_alone_is_shown() {
        let text = stack(&[0, 0], ENTRY + 0x10, Level::Program);
        assert_eq!(text, "burrow_kernel::entry(...)\n\tk.rs:5 +0x10\n");
        let text = stack(&[0, ENTRY + 0x20, 0], PREEMPT + 0x10, Level::Program);
        let entry = "burrow_kernel::entry(...)\n\tk.rs:5 +0x20\n";
        assert_eq!(text, format!("preempt(...)\n\t?:0 +0x10\n{entry}"));
    }

    #[test]
    fn the_system_level_has_addresses() {
        let words = [1, ENTRY + 0x10, 3];
        let sp = words.as_ptr() as usize;
        let text = stack(&words, F + 0x10, Level::System);
        let (cfa, pc) = (sp + 16, F + 0x10);
        let first =
            format!("app::f(...)\n\tsrc/app.rs:10 +0x10 fp={cfa:#x} sp={sp:#x} pc={pc:#x}\n");
        assert!(text.starts_with(&first), "{text}");
        assert!(text.contains("burrow_kernel::entry(...)"));
    }

    #[test]
    fn long_stacks_lose_their_middle() {
        // Each frame of `f` with `small` inlined is two lines; the first one is `f` alone.
        let long = |frames: usize| {
            let mut words = Vec::new();
            (1..frames).for_each(|_| words.extend([0, SMALL + 0x10]));
            words.extend([0, ENTRY + 0x10, 0]);
            stack(&words, F + 0x10, Level::Program)
        };
        let count = |text: &str| text.matches("(...)").count();
        assert_eq!(count(&long(25)), 49);
        assert!(!long(50).contains("elided"));
        assert_eq!(count(&long(50)), 99);
        // 101 frames: one is left out.
        let text = long(51);
        assert_eq!(count(&text), 100);
        assert!(text.contains("...1 frames elided...\n"), "{text}");
        let text = long(1000);
        assert_eq!(count(&text), 100);
        assert!(text.contains("...1899 frames elided...\n"), "{text}");
        let (inner, outer) = text.split_once("...1899 frames elided...\n").unwrap();
        assert_eq!((count(inner), count(outer)), (50, 50));
    }

    #[test]
    fn created_by_names_the_place_of_the_call() {
        let image = Image::new();
        let text =
            |parent, pc| printed(&image, Level::Program, |p| p.created_by(parent, pc).unwrap());
        assert_eq!(text(7, F + 0x20), "created by app::f in goroutine 7\n\tsrc/app.rs:10 +0x20\n");
        assert_eq!(text(0, F + 0x20), "created by app::f\n\tsrc/app.rs:10 +0x20\n");
        assert_eq!(text(7, ENTRY + 0x20), "");
        assert_eq!(text(7, 0x10), "");
    }
}
