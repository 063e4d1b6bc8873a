//! `qemu-run.sh test`: host tests, then every test image on both CPUs with 1, 2 and 4 cores.
//!
//! `host` runs what cargo can test here, `images` boots with `disks`, `protocol` reads consoles, `verdict` judges,
//! `tally` counts and closes with the line that says how it went. `bench` boots figures, not tests.

pub mod bench;
mod disks;
pub mod host;
mod images;
mod protocol;
mod tally;
mod verdict;

use std::io::Write;

use crate::args::Options;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::machine::Boot;
use crate::nearest::hint;
use crate::workspace::{Image, Workspace};
use tally::Tally;

/// Runs everything, or one image, or one case of it. The code is 0 if nothing failed.
pub fn run(
    workspace: &Workspace,
    image: Option<&str>,
    case: Option<&str>,
    options: &Options,
) -> Result<u8> {
    if options.boot.is_some_and(|boot| boot != Boot::Direct) {
        return Err(Failure::usage("test boots images as QEMU loads them: leave --boot out"));
    }
    let mut all = workspace.images()?;
    all.retain(|image| !image.is_bench());
    let chosen = choose(&all, image)?;
    let mut tally = Tally::default();
    if image.is_none() && !workspace.is_outside() {
        host::run(workspace, &mut tally)?;
    }
    images::run(workspace, &chosen, case, options, &mut tally)?;
    if let Some(code) = interrupt::caught() {
        return Ok(code);
    }
    print!("{tally}");
    let _ = std::io::stdout().flush();
    Ok(u8::from(tally.failed() > 0))
}

/// The image of that name, or those that begin with it.
fn choose<'a>(all: &'a [Image], name: Option<&str>) -> Result<Vec<&'a Image>> {
    let Some(name) = name else { return Ok(all.iter().collect()) };
    if let Some(image) = all.iter().find(|image| image.name == name) {
        return Ok(vec![image]);
    }
    let some: Vec<&Image> = all.iter().filter(|image| image.name.starts_with(name)).collect();
    if some.is_empty() {
        let names = || all.iter().map(|image| image.name.as_str());
        let near = hint(name, names());
        let near = if near.is_empty() {
            format!(": there are {}", names().collect::<Vec<_>>().join(", "))
        } else {
            near
        };
        return Err(Failure::usage(format!("no test image {name}{near}")));
    }
    Ok(some)
}
