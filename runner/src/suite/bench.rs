//! `qemu-run.sh bench`: boots the images called `bench_*`, one at a time, and passes on what they say.

use crate::args::Options;
use crate::failure::{Failure, Result};
use crate::launch;
use crate::nearest::hint;
use crate::workspace::{Image, Workspace};

/// Runs all of them, or those named with or without `bench_`.
pub fn run(workspace: &Workspace, names: &[String], options: &Options) -> Result<u8> {
    let all: Vec<Image> = workspace.images()?.into_iter().filter(Image::is_bench).collect();
    let mut worst = 0;
    for image in choose(&all, names)? {
        eprintln!("qemu-run: {}", image.name);
        worst = worst.max(launch::named(workspace, Some(&image.name), options)?);
    }
    Ok(worst)
}

fn choose<'a>(all: &'a [Image], names: &[String]) -> Result<Vec<&'a Image>> {
    if all.is_empty() {
        return Err(Failure::usage("there are no bench_* images"));
    }
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let short = |image: &'a Image| image.name.strip_prefix("bench_").unwrap_or(&image.name);
    names
        .iter()
        .map(|name| {
            all.iter().find(|image| image.name == *name || short(image) == name).ok_or_else(|| {
                let near = hint(name, all.iter().map(short));
                let near = if near.is_empty() {
                    let known: Vec<&str> = all.iter().map(short).collect();
                    format!(": there are {}", known.join(", "))
                } else {
                    near
                };
                Failure::usage(format!("no bench {name}{near}"))
            })
        })
        .collect()
}
