//! The host program behind `qemu-run.sh`: builds images, boots them in QEMU, judges how they end.
//!
//! `args` reads the command line; `launch` boots one image, `suite` all the tests, `export` writes
//! files. Below them `cargo` and `image` make something bootable (`symbols`, `elf`), `machine` says
//! what QEMU is given, `vm` stays with a run to its end, `hang` describes one that does not end.

mod args;
mod cargo;
mod disk;
mod elf;
mod export;
mod failure;
mod hang;
mod image;
mod interrupt;
mod launch;
mod machine;
mod nearest;
mod new;
mod qmp;
mod scratch;
mod suite;
mod symbols;
mod vm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use args::{Options, Task};
use failure::Result;
use machine::Arch;
use workspace::Workspace;

fn main() -> ExitCode {
    interrupt::listen();
    let code = args::parse(given())
        .and_then(|(task, options)| perform(&task, &options))
        .unwrap_or_else(|failure| {
            eprintln!("{failure}");
            failure.code
        });
    // Whatever a signal cut short has ended because of it.
    ExitCode::from(interrupt::caught().unwrap_or(code))
}

/// The command line. `cargo run` can only pass on what is the image's: options for the machine come
/// from the environment too.
fn given() -> impl Iterator<Item = OsString> {
    let preset = std::env::var("BURROW_OPTIONS").unwrap_or_default();
    let preset: Vec<OsString> = preset.split_whitespace().map(OsString::from).collect();
    preset.into_iter().chain(std::env::args_os().skip(1))
}

fn perform(task: &Task, options: &Options) -> Result<u8> {
    let workspace = Workspace::from_env()?;
    let place = |word: Option<&str>| Workspace::from_env()?.place(word, options.bin.as_deref());
    match task {
        Task::Run(word) => {
            let (workspace, name) = place(word.as_deref())?;
            launch::named(&workspace, name.as_deref(), options)
        }
        Task::RunFile(path) => launch::file(&workspace, path, options),
        Task::Test { image, case } => {
            let (workspace, name) = place(image.as_deref())?;
            suite::run(&workspace, name.as_deref(), case.as_deref(), options)
        }
        Task::Bench(names) => suite::bench::run(&workspace, names, options),
        Task::Build(word) => {
            let (workspace, name) = place(Some(word))?;
            export::export(&workspace, name.as_deref(), options)
        }
        Task::New(path) => new::new(&workspace, path),
        Task::Env => {
            let arch = (!options.host).then(|| options.arch.unwrap_or(Arch::X86_64));
            print!("{}", cargo::exports(&workspace, arch));
            Ok(0)
        }
        Task::Coverage => suite::host::coverage(&workspace),
        Task::List => list(&workspace),
        Task::Help => {
            print!("{}", include_str!("help.txt"));
            Ok(0)
        }
        // All of it has happened when the runner starts.
        Task::Setup => Ok(0),
    }
}

fn list(workspace: &Workspace) -> Result<u8> {
    for image in workspace.images()? {
        let kind = if image.is_bench() {
            "bench"
        } else if image.is_test() {
            "test"
        } else {
            ""
        };
        println!("{:24} {kind}", image.name);
    }
    Ok(0)
}
