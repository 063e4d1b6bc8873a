//! The checkout and the programs outside it: where things are, and which images there are.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo::{Cargo, Profile};
use crate::failure::{Failure, Result};
use crate::machine::Arch;
use crate::nearest::hint;

/// The image booted when none is named.
const DEFAULT: &str = "demo";

/// A cargo workspace with images: the checkout's, or that of a program outside it.
pub struct Workspace {
    /// The checkout.
    pub root: PathBuf,
    /// Where the checkout's own artefacts are.
    pub tools: PathBuf,
    /// Where cargo is called.
    pub dir: PathBuf,
    /// Where the images' artefacts are.
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
        let (root, target) = (var("BURROW_ROOT")?, var("BURROW_TARGET")?);
        Ok(Self { dir: root.clone(), tools: target.clone(), root, target })
    }

    /// The workspace that `word` means, and the image's name in it. A word with a slash or a dot is
    /// a program's folder; any other names an image, or a folder if there is no such image.
    pub fn place(self, word: Option<&str>, bin: Option<&str>) -> Result<(Self, Option<String>)> {
        if let Some(folder) = word
            && (folder.contains(['/', '.']) || self.is_only_a_folder(folder)?)
        {
            return Ok((self.outside(Path::new(folder))?, bin.map(String::from)));
        }
        match bin {
            Some(_) => Err(Failure::usage("--bin is for programs outside the checkout")),
            None => Ok((self, word.map(String::from))),
        }
    }

    fn is_only_a_folder(&self, word: &str) -> Result<bool> {
        let has_package = Path::new(word).join("Cargo.toml").exists();
        Ok(has_package && !self.images()?.iter().any(|image| image.name == word))
    }

    /// The program in `folder`.
    fn outside(self, folder: &Path) -> Result<Self> {
        let shown = folder.display();
        if !folder.join("Cargo.toml").exists() {
            let what = if folder.is_dir() { "has no Cargo.toml" } else { "is no folder" };
            return Err(Failure::usage(format!(
                "{shown} {what}: make a program with `new {shown}`"
            )));
        }
        let dir = folder.canonicalize().map_err(|e| Failure::file("find", folder, &e))?;
        if dir.starts_with(&self.root) {
            return Err(Failure::usage(format!(
                "{shown} is in the checkout: give an image's name (--list names them)"
            )));
        }
        let place = Self { dir, ..self };
        let target = place.metadata(Cargo::outside(&place))?["target_directory"].take();
        Ok(Self { target: target.as_str().unwrap_or_default().into(), ..place })
    }

    /// Whether this is the workspace of a program outside the checkout.
    pub fn is_outside(&self) -> bool {
        self.dir != self.root
    }

    /// Folders whose files go by the part of their path inside.
    pub fn roots(&self) -> Vec<String> {
        // Cargo says it to what it runs.
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let roots = package.iter().chain([&self.dir, &self.root]);
        roots.map(|root| root.display().to_string()).collect()
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
        let metadata = self.metadata(Cargo::new(self))?;
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

    fn metadata(&self, cargo: Cargo) -> Result<Value> {
        let question = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
        let output = cargo.args(question).output()?;
        serde_json::from_slice(&output)
            .map_err(|e| Failure::missing(format!("cargo metadata: {e}")))
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The image called `name`, or the default one: the only one, if there is only one.
pub fn find<'a>(images: &'a [Image], name: Option<&str>) -> Result<&'a Image> {
    if let ([only], None) = (images, name) {
        return Ok(only);
    }
    let Some(name) = name.or(default(images)) else {
        let names = names(images);
        return Err(Failure::usage(format!("which one? --bin takes one of {names}")));
    };
    images.iter().find(|image| image.name == name).ok_or_else(|| {
        let near = hint(name, images.iter().map(|image| image.name.as_str()));
        let near = if near.is_empty() { format!(": there are {}", names(images)) } else { near };
        Failure::usage(format!("no image {name}{near}"))
    })
}

fn default(images: &[Image]) -> Option<&str> {
    images.iter().map(|image| &*image.name).find(|name| *name == DEFAULT)
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
    fn a_program_outside_has_a_default_if_it_has_one_image() {
        let image = |name: &str| Image { package: "gopher".into(), name: name.into() };
        let one = [image("gopher")];
        assert_eq!(find(&one, None).unwrap().name, "gopher");
        let two = [image("client"), image("server")];
        let open = find(&two, None).unwrap_err();
        assert_eq!(open.message, "which one? --bin takes one of client, server");
        assert_eq!(find(&two, Some("server")).unwrap().name, "server");
    }

    #[test]
    fn an_unknown_image_names_the_others() {
        let near = find(&images(), Some("helo")).unwrap_err();
        assert_eq!((near.code, &*near.message), (64, "no image helo: did you mean hello?"));
        let far = find(&images(), Some("scheduler")).unwrap_err();
        assert_eq!(far.message, "no image scheduler: there are demo, hello");
    }
}
