//! The command line: one [`Task`] and the [`Options`] around it.
//!
//! Defaults that depend on the task (a run has 2 cores, `test` goes through 1, 2 and 4) stay open
//! here as `None`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::failure::{Failure, Result};
use crate::machine::accel::Choice;
use crate::machine::disks::{Bus, Disk};
use crate::machine::{Arch, Boot};
use crate::nearest::hint;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Boot an image: a name, the folder of a program, or none for the default one.
    Run(Option<String>),
    /// Boot what cargo built.
    RunFile(PathBuf),
    Test {
        image: Option<String>,
        case: Option<String>,
    },
    Bench(Vec<String>),
    Build(String),
    Env,
    Coverage,
    /// Make a program outside the checkout.
    New(PathBuf),
    List,
    Help,
    Setup,
}

/// How to do it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub arch: Option<Arch>,
    pub smp: Option<u32>,
    pub mem: Option<String>,
    pub boot: Option<Boot>,
    /// Words of the kernel command line.
    pub append: Vec<String>,
    /// The image's own arguments.
    pub image_args: Vec<String>,
    pub accel: Choice,
    pub icount: bool,
    pub gic: Option<u8>,
    pub gdb: Option<u16>,
    pub disks: Vec<Disk>,
    pub disk_bus: Option<Bus>,
    pub rng: bool,
    pub timeout: Option<Duration>,
    pub out: Option<PathBuf>,
    pub jobs: Option<usize>,
    pub dry_run: bool,
    /// `env`: only the toolchain, not what aims cargo at images.
    pub host: bool,
    /// Which binary of a program outside the checkout.
    pub bin: Option<String>,
}

const KNOWN: [&str; 24] = [
    "--arch",
    "--smp",
    "--mem",
    "--boot",
    "--append",
    "--accel",
    "--icount",
    "--gic",
    "--gdb",
    "--disk",
    "--disk-bus",
    "--timeout",
    "--out",
    "--bin",
    "--jobs",
    "--dry-run",
    "--print",
    "--list",
    "--help",
    "--yes",
    "--no-install",
    "--host",
    "-y",
    "-h",
];

/// Reads the whole line.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Task, Options)> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    let mut words: Vec<String> = Vec::new();
    let mut special = None;
    loop {
        // What follows two dashes is the image's, whatever it looks like.
        if let Some(mut rest) = parser.try_raw_args()
            && rest.next_if(|word| word == "--").is_some()
        {
            options.image_args = rest.map(text).collect::<Result<_>>()?;
            break;
        }
        let Some(arg) = parser.next().map_err(|e| bad(&e))? else { break };
        match arg {
            Arg::Long("help") | Arg::Short('h') => special = Some(Task::Help),
            Arg::Long("list") => special = Some(Task::List),
            // The set-up has obeyed these already.
            Arg::Long("yes" | "no-install") | Arg::Short('y') => {}
            Arg::Value(word) => {
                if words.is_empty() && Path::new(&word).is_file() {
                    let mut rest = parser.raw_args().map_err(|e| bad(&e))?;
                    rest.next_if(|word| word == "--");
                    options.image_args = rest.map(text).collect::<Result<_>>()?;
                    return Ok((Task::RunFile(word.into()), options));
                }
                words.push(text(word)?);
            }
            Arg::Long(name) => {
                let name = format!("--{name}");
                options.set(&name, &mut parser)?;
            }
            Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
        }
    }
    let task = match special {
        Some(task) => task,
        None => task(words, &options)?,
    };
    Ok((task, options))
}

impl Options {
    fn set(&mut self, name: &str, parser: &mut Parser) -> Result<()> {
        match name {
            "--arch" => self.arch = Some(Arch::parse(&value(parser, name)?)?),
            "--smp" => self.smp = Some(number(parser, name, 1, 64)?),
            "--mem" => self.mem = Some(size(value(parser, name)?)?),
            "--boot" => self.boot = Some(Boot::parse(&value(parser, name)?)?),
            "--append" => self.append.push(value(parser, name)?),
            "--accel" => self.accel = Choice::parse(&value(parser, name)?)?,
            "--icount" => self.icount = true,
            "--gic" => self.gic = Some(number(parser, name, 2, 3)? as u8),
            "--gdb" => {
                let port = parser.optional_value().map(text).transpose()?;
                let port = port.map_or(Ok(1234), |p| p.parse());
                self.gdb =
                    Some(port.map_err(|_| Failure::usage("--gdb=PORT takes a port number"))?);
            }
            "--disk" => self.disks.push(Disk::parse(&value(parser, name)?)),
            "--disk-bus" => self.disk_bus = Some(Bus::parse(&value(parser, name)?)?),
            "--rng" => self.rng = true,
            "--timeout" => {
                let seconds = number(parser, name, 1, 1_000_000)?;
                self.timeout = Some(Duration::from_secs(seconds.into()));
            }
            "--out" => self.out = Some(value(parser, name)?.into()),
            "--bin" => self.bin = Some(value(parser, name)?),
            "--jobs" => self.jobs = Some(number(parser, name, 1, 256)? as usize),
            "--dry-run" | "--print" => self.dry_run = true,
            "--host" => self.host = true,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn task(words: Vec<String>, options: &Options) -> Result<Task> {
    let mut words = words.into_iter();
    let first = words.next();
    let task = match first.as_deref() {
        Some("test") => Task::Test { image: words.next(), case: words.next() },
        Some("bench") => return Ok(Task::Bench(words.collect())),
        Some("build") => {
            let image = words
                .next()
                .ok_or_else(|| Failure::usage("build IMAGE --out DIR: which image?"))?;
            if options.out.is_none() {
                return Err(Failure::usage("build IMAGE --out DIR: where to?"));
            }
            Task::Build(image)
        }
        Some("env") => Task::Env,
        Some("coverage") => Task::Coverage,
        Some("setup") => Task::Setup,
        Some("new") => {
            let path = words.next().ok_or_else(|| Failure::usage("new PATH: where?"))?;
            Task::New(path.into())
        }
        Some("lab") => {
            return Err(Failure::usage("`lab` is not there yet: see ./qemu-run.sh --help"));
        }
        _ => Task::Run(first),
    };
    match words.next() {
        None => Ok(task),
        Some(word) if matches!(task, Task::Run(_)) => Err(Failure::usage(format!(
            "one image at a time: {word} is too many (the image's own arguments go after --)"
        ))),
        Some(word) => Err(Failure::usage(format!("{word} is too many: see ./qemu-run.sh --help"))),
    }
}

fn unknown(name: &str) -> Failure {
    let near = hint(name, KNOWN);
    let near = if near.is_empty() { ": see ./qemu-run.sh --help".into() } else { near };
    Failure::usage(format!("no option {name}{near}"))
}

fn bad(error: &lexopt::Error) -> Failure {
    Failure::usage(error.to_string())
}

fn text(word: OsString) -> Result<String> {
    word.into_string().map_err(|_| Failure::usage("an argument is not valid UTF-8"))
}

fn value(parser: &mut Parser, name: &str) -> Result<String> {
    let value = parser.value().map_err(|_| Failure::usage(format!("{name} wants a value")))?;
    value.string().map_err(|e| bad(&e))
}

fn number(parser: &mut Parser, name: &str, low: u32, high: u32) -> Result<u32> {
    let value = value(parser, name)?;
    value.parse().ok().filter(|n| (low..=high).contains(n)).ok_or_else(|| {
        Failure::usage(format!("{name} takes a number from {low} to {high}, not {value}"))
    })
}

/// A size in QEMU's notation: megabytes unless a letter says otherwise.
fn size(value: String) -> Result<String> {
    let digits = value.trim_end_matches(['M', 'G', 'm', 'g']);
    let good = value.len() - digits.len() <= 1 && digits.parse::<u32>().is_ok_and(|n| n > 0);
    if good {
        Ok(value)
    } else {
        Err(Failure::usage(format!("--mem takes a size such as 512M or 4G, not {value}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Task, Options)> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn an_image_with_options_on_both_sides() {
        let (task, options) =
            read("--arch aarch64 hello --smp=4 --append a=b --append c=d").unwrap();
        assert_eq!(task, Task::Run(Some("hello".into())));
        assert_eq!(options.arch, Some(Arch::Aarch64));
        assert_eq!(options.smp, Some(4));
        assert_eq!(options.append, ["a=b", "c=d"]);
    }

    #[test]
    fn what_follows_two_dashes_is_the_images() {
        let (task, options) = read("hello --icount -- --smp x --").unwrap();
        assert_eq!(task, Task::Run(Some("hello".into())));
        assert!(options.icount && options.smp.is_none());
        assert_eq!(options.image_args, ["--smp", "x", "--"]);
        assert_eq!(read("-- x").unwrap().1.image_args, ["x"]);
    }

    #[test]
    fn a_file_takes_the_rest_of_the_line() {
        let me = std::env::current_exe().unwrap();
        let (task, options) = read(&format!("--icount {} --smp -- x", me.display())).unwrap();
        assert_eq!(task, Task::RunFile(me));
        assert_eq!(options.image_args, ["--smp", "--", "x"]);
    }

    #[test]
    fn reserved_words() {
        assert_eq!(read("test").unwrap().0, Task::Test { image: None, case: None });
        let one = Task::Test { image: Some("stacks".into()), case: Some("grow".into()) };
        assert_eq!(read("test stacks grow --smp 1").unwrap().0, one);
        assert_eq!(read("build hello --out d").unwrap().0, Task::Build("hello".into()));
        assert_eq!(read("build hello").unwrap_err().code, 64);
        assert_eq!(read("new a/b").unwrap().0, Task::New("a/b".into()));
        assert_eq!(read("new").unwrap_err().message, "new PATH: where?");
        assert_eq!(read("new a b").unwrap_err().code, 64);
        assert!(read("lab").unwrap_err().message.contains("not there yet"));
    }

    #[test]
    fn mistakes_are_named_in_one_line() {
        for (line, message) in [
            ("--smpp 2", "no option --smpp: did you mean --smp?"),
            ("--frobnicate", "no option --frobnicate: see ./qemu-run.sh --help"),
            ("--smp 0", "--smp takes a number from 1 to 64, not 0"),
            ("--smp", "--smp wants a value"),
            ("--mem 1T", "--mem takes a size such as 512M or 4G, not 1T"),
            ("--arch mips", "no CPU mips: --arch takes x86_64 or aarch64"),
            ("--boot grub", "no way to boot grub: --boot takes pvh, bios or uefi"),
            ("--disk-bus scsi", "no bus scsi: --disk-bus takes pci or mmio"),
            ("a b", "one image at a time: b is too many (the image's own arguments go after --)"),
        ] {
            let failure = read(line).expect_err(line);
            assert_eq!((failure.code, failure.message.as_str()), (64, message));
        }
    }

    #[test]
    fn disks_keep_their_order() {
        let options = read("hello --disk a.img --disk=b.img,ro --disk-bus mmio").unwrap().1;
        let paths: Vec<_> = options.disks.iter().map(|d| (d.file.to_str(), d.read_only)).collect();
        assert_eq!(paths, [(Some("a.img"), false), (Some("b.img"), true)]);
        assert_eq!(options.disk_bus, Some(Bus::Mmio));
    }

    #[test]
    fn gdb_has_a_usual_port() {
        assert_eq!(read("--gdb hello").unwrap().1.gdb, Some(1234));
        assert_eq!(read("--gdb=99 hello").unwrap().1.gdb, Some(99));
    }
}
