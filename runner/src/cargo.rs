//! Cargo, called with the toolchain that `qemu-run.sh` chose, and heard only when it has work to do.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::{Failure, Result};
use crate::machine::Arch;
use crate::workspace::{Image, Workspace};

/// What an image needs besides `--target`: `core` and `alloc` are built from their sources.
const BUILD_STD: [(&str, &str); 3] = [
    ("CARGO_UNSTABLE_BUILD_STD", "core,alloc,compiler_builtins"),
    ("CARGO_UNSTABLE_BUILD_STD_FEATURES", "compiler-builtins-mem"),
    ("CARGO_UNSTABLE_JSON_TARGET_SPEC", "true"),
];

/// One call of cargo.
pub struct Cargo(Command);

impl Cargo {
    /// For the host. Cargo's settings are found from where it is called.
    pub fn new(workspace: &Workspace) -> Self {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&workspace.dir).env("CARGO_TARGET_DIR", &workspace.target);
        command.stdin(Stdio::null());
        Self(command)
    }

    /// For a program that the runner needs: in the checkout, wherever the images are.
    pub fn tool(workspace: &Workspace) -> Self {
        let mut cargo = Self::new(workspace);
        cargo.0.current_dir(&workspace.root).env_remove("CARGO_TARGET_DIR");
        cargo
    }

    /// For the host, in a folder outside the checkout: its artefacts are where cargo puts them.
    pub fn outside(workspace: &Workspace) -> Self {
        let mut cargo = Self::new(workspace);
        match env::var_os("BURROW_OUTSIDE_TARGET") {
            Some(given) => cargo.0.env("CARGO_TARGET_DIR", given),
            None => cargo.0.env_remove("CARGO_TARGET_DIR"),
        };
        cargo
    }

    /// For images of `arch`.
    pub fn bare_metal(workspace: &Workspace, arch: Arch) -> Self {
        let mut cargo = Self::new(workspace);
        cargo.0.envs(BUILD_STD).env("CARGO_BUILD_TARGET", workspace.target_spec(arch));
        cargo
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it for what it prints.
    pub fn output(mut self) -> Result<Vec<u8>> {
        let output = self.0.stderr(Stdio::inherit()).output().map_err(|e| missing(&e))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Failure::missing("cargo failed"))
        }
    }

    /// Whether it ends well, with not a word said.
    pub fn quiet(mut self) -> bool {
        self.0.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    /// Runs it; its messages are passed on from the first that says more than "Finished". Returns
    /// its standard output too.
    pub fn run(mut self) -> Result<(ExitStatus, String)> {
        let colour = if io::stderr().is_terminal() { "always" } else { "never" };
        self.0.env("CARGO_TERM_COLOR", colour).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().map_err(|e| missing(&e))?;
        let messages = child.stderr.take().expect("piped");
        let relay = std::thread::spawn(move || relay(BufReader::new(messages)));
        let output = io::read_to_string(child.stdout.take().expect("piped")).unwrap_or_default();
        let status = child.wait().map_err(|e| missing(&e))?;
        let _ = relay.join();
        Ok((status, output))
    }
}

/// How images are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// To be used and measured.
    Release,
    /// To be tested: with assertions.
    Checked,
}

impl Profile {
    /// Cargo's word for it, which is also the folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Checked => "checked",
        }
    }
}

/// Builds one image for use, and says where its ELF is.
pub fn build_image(workspace: &Workspace, arch: Arch, image: &Image) -> Result<PathBuf> {
    let what = ["-p", &image.package, "--bin", &image.name];
    build_images(workspace, arch, Profile::Release, &what)?;
    Ok(workspace.elf(arch, Profile::Release, &image.name))
}

/// Builds images; `what` selects them.
pub fn build_images(
    workspace: &Workspace,
    arch: Arch,
    profile: Profile,
    what: &[&str],
) -> Result<()> {
    let cargo =
        Cargo::bare_metal(workspace, arch).args(["build", "--profile", profile.name()]).args(what);
    let (status, _) = cargo.run()?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::missing(format!("the image does not build for {}: see above", arch.name())))
}

/// What a shell needs for plain cargo commands: `export` lines.
pub fn exports(workspace: &Workspace, arch: Option<Arch>) -> String {
    let chosen = ["CARGO", "RUSTC", "RUSTDOC", "RUSTC_BOOTSTRAP", "PATH"];
    let mut pairs: Vec<(&str, PathBuf)> =
        chosen.into_iter().filter_map(|name| Some((name, env::var_os(name)?.into()))).collect();
    if let Some(arch) = arch {
        pairs.extend(BUILD_STD.map(|(name, value)| (name, value.into())));
        pairs.push(("CARGO_BUILD_TARGET", workspace.target_spec(arch)));
    }
    pairs
        .iter()
        .map(|(name, value)| {
            let value = value.display().to_string().replace('\'', r"'\''");
            format!("export {name}='{value}'\n")
        })
        .collect()
}

fn relay(messages: impl BufRead) {
    let mut busy = false;
    let mut stderr = io::stderr();
    for line in messages.lines().map_while(io::Result::ok) {
        busy |= !says_finished(&line);
        if busy {
            let _ = writeln!(stderr, "{line}");
        }
    }
}

/// `Finished ..` (in colour or not) is all that cargo says when it has nothing to do.
fn says_finished(line: &str) -> bool {
    line.contains("Finished") || line.trim().is_empty()
}

fn missing(error: &io::Error) -> Failure {
    Failure::missing(format!("cannot run cargo: {error}"))
}

#[cfg(test)]
mod tests {
    use super::says_finished;

    #[test]
    fn finished_is_silence() {
        assert!(says_finished("    Finished `release` profile [optimized] target(s) in 0.02s"));
        assert!(says_finished("\u{1b}[1m\u{1b}[32m    Finished\u{1b}[0m `dev` profile"));
        assert!(!says_finished("   Compiling core v0.0.0"));
    }
}
