//! The checkout: where things are, and which images it has.

use std::env;
use std::path::PathBuf;

use serde_json::Value;

use crate::cargo::{Cargo, Profile};
use crate::failure::{Failure, Result};
use crate::machine::Arch;
use crate::nearest::hint;

/// The image booted when none is named.
const DEFAULT: &str = "demo";

/// Where the checkout and its artefacts are.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
}

/// A program that boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub package: String,
    pub name: String,
}

impl Image {
    /// Test images live in a package of their own.
    pub fn is_test(&self) -> bool {
        self.package == "burrow-tests" && !self.is_bench()
    }

    pub fn is_bench(&self) -> bool {
        self.name.starts_with("bench_")
    }
}

impl Workspace {
    /// As `qemu-run.sh` found them.
    pub fn from_env() -> Result<Self> {
        let var = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .ok_or_else(|| Failure::usage("the runner is started by ./qemu-run.sh"))
        };
        Ok(Self { root: var("BURROW_ROOT")?, target: var("BURROW_TARGET")? })
    }

    pub fn target_spec(&self, arch: Arch) -> PathBuf {
        self.root.join("targets").join(format!("{}.json", arch.target()))
    }

    /// Where cargo leaves the image's ELF.
    pub fn elf(&self, arch: Arch, profile: Profile, name: &str) -> PathBuf {
        self.target.join(arch.target()).join(profile.name()).join(name)
    }

    /// All images of the workspace, sorted by package and name.
    pub fn images(&self) -> Result<Vec<Image>> {
        let output = Cargo::new(self)
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .output()?;
        let metadata: Value = serde_json::from_slice(&output)
            .map_err(|e| Failure::missing(format!("cargo metadata: {e}")))?;
        let mut images = Vec::new();
        for package in each(&metadata["packages"]) {
            let name = package["name"].as_str().unwrap_or_default();
            if name == "burrow-runner" {
                continue;
            }
            for target in each(&package["targets"]) {
                if each(&target["kind"]).any(|kind| kind == "bin") {
                    let image = target["name"].as_str().unwrap_or_default();
                    images.push(Image { package: name.into(), name: image.into() });
                }
            }
        }
        images.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
        Ok(images)
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The image called `name`, or the default one.
pub fn find<'a>(images: &'a [Image], name: Option<&str>) -> Result<&'a Image> {
    let name = name.unwrap_or(DEFAULT);
    images.iter().find(|image| image.name == name).ok_or_else(|| {
        let near = hint(name, images.iter().map(|image| image.name.as_str()));
        let near = if near.is_empty() { format!(": there are {}", names(images)) } else { near };
        Failure::usage(format!("no image {name}{near}"))
    })
}

/// The images that programs are, without those for tests.
fn names(images: &[Image]) -> String {
    let names: Vec<&str> =
        images.iter().filter(|i| !i.is_test()).map(|i| i.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Vec<Image> {
        [("burrow-examples", "demo"), ("burrow-examples", "hello"), ("burrow-tests", "t01_boot")]
            .map(|(package, name)| Image { package: package.into(), name: name.into() })
            .into()
    }

    #[test]
    fn none_is_the_default() {
        assert_eq!(find(&images(), None).unwrap().name, "demo");
        assert_eq!(find(&images(), Some("t01_boot")).unwrap().package, "burrow-tests");
    }

    #[test]
    fn an_unknown_image_names_the_others() {
        let near = find(&images(), Some("helo")).unwrap_err();
        assert_eq!((near.code, &*near.message), (64, "no image helo: did you mean hello?"));
        let far = find(&images(), Some("scheduler")).unwrap_err();
        assert_eq!(far.message, "no image scheduler: there are demo, hello");
    }
}
