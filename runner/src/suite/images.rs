//! Boots test images and judges them.
//!
//! First every image once on each machine: it runs its cases one after another and names those that
//! want a boot of their own (a fatal error, a certain number of cores). Those follow, each judged
//! from outside by its exit code and its console. Examples have no cases: they have to end well.

use std::collections::HashSet;
use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::disks::Disks;
use super::protocol::OwnBoot;
use super::tally::Tally;
use super::verdict::{Judged, judge, judge_example, judge_own, judge_same};
use crate::args::Options;
use crate::cargo::Profile;
use crate::failure::Result;
use crate::launch::{command_line, machine};
use crate::machine::accel::{Accel, Choice};
use crate::machine::command::Media;
use crate::machine::disks::Bus;
use crate::machine::{Arch, Machine};
use crate::vm::{self, Console, Outcome};
use crate::workspace::{Image, Workspace};
use crate::{cargo, image, interrupt};

/// The numbers of cores that every image is tried with.
const CORES: [u32; 3] = [1, 2, 4];
/// For a whole image, on a host that is busy with others.
const PATIENCE: Duration = Duration::from_secs(180);
/// Added to a case's own limit: booting, and a host that is busy with others.
const SLACK: Duration = Duration::from_secs(60);

/// One image on one machine.
#[derive(Clone)]
struct Job {
    image: String,
    machine: Machine,
    boot: PathBuf,
    disks: Arc<Disks>,
    what: What,
}

/// What a boot is for.
#[derive(Clone)]
enum What {
    /// All cases of a test image, or the one that was asked for.
    Cases,
    /// One case, in a boot of its own.
    Own(OwnBoot),
    /// A program that should end well, and say these lines; what is typed on its console.
    Example(Arc<str>, Arc<str>),
}

pub fn run(
    workspace: &Workspace,
    images: &[&Image],
    case: Option<&str>,
    options: &Options,
    tally: &mut Tally,
) -> Result<()> {
    let arches = options.arch.map_or(Arch::ALL.to_vec(), |arch| vec![arch]);
    let jobs = prepare(workspace, images, &arches, options)?;
    let outside = workspace.is_outside();
    let runs =
        Runs { outside, case, options, tally: Mutex::new(tally), done: Mutex::new(HashSet::new()) };
    let own: Vec<Job> = runs.all(&jobs)?.into_iter().flatten().collect();
    runs.all(&own).map(drop)
}

/// Builds all images, once for each CPU, and lists the boots.
fn prepare(
    workspace: &Workspace,
    images: &[&Image],
    arches: &[Arch],
    options: &Options,
) -> Result<Vec<Job>> {
    let cores = options.smp.map_or(CORES.to_vec(), |smp| vec![smp]);
    let mut jobs = Vec::new();
    for &arch in arches {
        build(workspace, arch, images)?;
        for image in images {
            let what = what(workspace, image);
            let disks = Arc::new(disks(workspace, image)?);
            let boot = image::bootable(
                workspace,
                arch,
                &workspace.elf(arch, profile(workspace), &image.name),
            )?;
            for &smp in &cores {
                let options = Options { smp: Some(smp), accel: accel(options), ..copy(options) };
                let mut machine = machine(&options, arch)?;
                // Like a disk: an image that does not ask does not see it.
                machine.rng |= image.is_test();
                if options.disk_bus.is_none() {
                    machine.disk_bus = usual_bus(arch, smp);
                }
                jobs.push(Job {
                    image: image.name.clone(),
                    machine,
                    boot: boot.clone(),
                    disks: disks.clone(),
                    what: what.clone(),
                });
            }
        }
    }
    Ok(jobs)
}

/// The disks that the image's description asks for.
fn disks(workspace: &Workspace, image: &Image) -> Result<Disks> {
    let dir = if image.is_test() { "tests/disks" } else { "examples/disks" };
    Disks::described(&workspace.root.join(dir).join(format!("{}.txt", image.name)))
}

/// One of aarch64's machines has its disks outside PCI, so that both ways are tried.
fn usual_bus(arch: Arch, smp: u32) -> Bus {
    if arch == Arch::Aarch64 && smp == 2 { Bus::Mmio } else { Bus::Pci }
}

fn what(workspace: &Workspace, image: &Image) -> What {
    if image.is_test() || workspace.is_outside() {
        return What::Cases;
    }
    // Examples whose words differ from run to run have no such file.
    let text = |folder: &str| {
        let path = workspace.root.join("examples").join(folder).join(format!("{}.txt", image.name));
        fs::read_to_string(path).unwrap_or_default().into()
    };
    What::Example(text("expected"), text("typed"))
}

/// A program of one's own is tested as it is used: its package need not know our profiles.
fn profile(workspace: &Workspace) -> Profile {
    if workspace.is_outside() { Profile::Release } else { Profile::Checked }
}

/// A single image is built alone; otherwise the examples are too, as they have to build.
fn build(workspace: &Workspace, arch: Arch, images: &[&Image]) -> Result<()> {
    if let [image] = images {
        let what = ["-p", &image.package, "--bin", &image.name];
        return cargo::build_images(workspace, arch, profile(workspace), &what);
    }
    if workspace.is_outside() {
        return cargo::build_images(
            workspace,
            arch,
            profile(workspace),
            &["--workspace", "--bins"],
        );
    }
    let what = ["-p", "burrow-tests", "-p", "burrow-examples", "-p", "burrow-c-examples", "--bins"];
    cargo::build_images(workspace, arch, Profile::Checked, &what)
}

/// Emulated unless something else is asked for: the same verdicts everywhere.
fn accel(options: &Options) -> Choice {
    match options.accel {
        Choice::Auto => Choice::Given(Accel::Tcg),
        given => given,
    }
}

/// The options that describe a machine.
fn copy(options: &Options) -> Options {
    Options {
        mem: options.mem.clone(),
        boot: options.boot,
        icount: options.icount,
        gic: options.gic,
        disks: options.disks.clone(),
        disk_bus: options.disk_bus,
        rng: options.rng,
        ..Options::default()
    }
}

struct Runs<'a> {
    /// Whether the images' mains have other things to do than to run their cases.
    outside: bool,
    case: Option<&'a str>,
    options: &'a Options,
    tally: Mutex<&'a mut Tally>,
    /// Cases with a fixed number of cores need no second boot for each of ours.
    done: Mutex<HashSet<(String, &'static str, String)>>,
}

impl Runs<'_> {
    /// Runs the jobs, a few at a time; returns the boots that each asks for.
    fn all(&self, jobs: &[Job]) -> Result<Vec<Vec<Job>>> {
        let workers = self
            .options
            .jobs
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..workers.min(jobs.len()) {
                scope.spawn(|| {
                    while interrupt::caught().is_none()
                        && let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let result = self.one(job);
                        results.lock().expect("no worker panics").push(result);
                    }
                });
            }
        });
        results.into_inner().expect("no worker panics").into_iter().collect()
    }

    fn one(&self, job: &Job) -> Result<Vec<Job>> {
        let mut settings = self.options.append.clone();
        let (case, limit) = match &job.what {
            What::Cases => (self.case, self.options.timeout.unwrap_or(PATIENCE)),
            What::Own(own) => (Some(&*own.name), SLACK + own.timeout.unwrap_or_default()),
            What::Example(..) => (None, self.options.timeout.unwrap_or(PATIENCE)),
        };
        settings.extend(self.word(case));
        let mut typed = None;
        match &job.what {
            What::Own(own) => {
                settings.extend(own.line.clone());
                typed = own.input.as_deref();
            }
            // Otherwise a case that wants a boot of its own would run in this one.
            What::Cases if case.is_some() => settings.push("own=ask".into()),
            What::Example(_, text) => typed = Some(&**text),
            What::Cases => {}
        }
        let media = Media::Kernel(job.boot.clone());
        let line = command_line(&settings, &[]);
        let boot = |machine: &Machine| {
            vm::run(machine, &media, &line, Console::Keep { typed }, Some(limit))
        };
        let made = job.disks.make()?;
        let mut machine = job.machine.clone();
        machine.disks.extend(made.disks(&job.disks));
        let outcome = boot(&machine)?;
        if interrupt::caught().is_some() {
            return Ok(Vec::new());
        }
        let mut judged = match &job.what {
            What::Own(own) if own.repeatable => {
                judge_same(judge_own(own, &outcome, limit), &outcome, &boot(&machine)?)
            }
            What::Own(own) => judge_own(own, &outcome, limit),
            What::Example(expected, _) => judge_example(expected, &outcome, limit),
            What::Cases => judge(&outcome, limit),
        };
        // A case alone leaves other disks behind than all of them.
        let whole = case.is_none() && !matches!(job.what, What::Own(_));
        if whole
            && judged.count.failed == 0
            && let Some(wrong) = job.disks.judge(&made)
        {
            judged.count.failed += 1;
            judged.story = wrong;
        }
        self.report(job, &judged, &outcome);
        Ok(judged.own_boots.into_iter().filter_map(|own| self.follow(job, own)).collect())
    }

    /// What tells the image which cases to run.
    fn word(&self, case: Option<&str>) -> Option<String> {
        let all = self.outside.then_some("");
        case.or(all).map(|name| format!("test={name}"))
    }

    /// The boot that `job` asks for, unless another machine of the suite has asked for the same.
    fn follow(&self, job: &Job, own: OwnBoot) -> Option<Job> {
        let mut job = job.clone();
        // Two cores share the clock of counted instructions, and the host decides who runs.
        job.machine.icount |= own.repeatable;
        if let Some(smp) = own.smp.or(own.repeatable.then_some(1)) {
            job.machine.smp = smp;
            job.machine.gic = self.options.gic.unwrap_or(Machine::usual_gic(smp));
            let key = (job.image.clone(), job.machine.arch.name(), own.name.clone());
            if !self.done.lock().expect("no worker panics").insert(key) {
                return None;
            }
        }
        job.what = What::Own(own);
        Some(job)
    }

    fn report(&self, job: &Job, judged: &Judged, outcome: &Outcome) {
        let column = format!("{} smp {}", job.machine.arch.name(), job.machine.smp);
        // One at a time, so that reports do not mix.
        let mut tally = self.tally.lock().expect("no worker panics");
        let row = if matches!(job.what, What::Example(..)) { "examples" } else { &job.image };
        tally.add(row, &column, judged.count);
        let case = match &job.what {
            What::Own(own) => format!(" {}", own.name),
            What::Cases | What::Example(..) => String::new(),
        };
        let took = outcome.took.as_secs_f64();
        println!("{column}  {}{case}: {} ({took:.1} s)", job.image, judged.count);
        if judged.count.failed > 0 {
            println!("---- {column} {}{case}: its console", job.image);
            print!("{}", outcome.console);
            println!("---- {}", judged.story);
        }
    }
}
