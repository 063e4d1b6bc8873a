//! Boots test images and judges them.
//!
//! First every image once on each machine: it runs its cases one after another and names those that
//! want a boot of their own (a fatal error, a certain number of cores). Those follow, each judged
//! from outside by its exit code and its console.

use std::collections::HashSet;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::protocol::{OwnBoot, Report, Verdict, read};
use super::tally::{Count, Tally};
use crate::args::Options;
use crate::cargo::Profile;
use crate::failure::Result;
use crate::launch::{command_line, machine};
use crate::machine::accel::{Accel, Choice};
use crate::machine::command::Media;
use crate::machine::{Arch, Machine};
use crate::vm::{self, Console, End, Outcome};
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
    /// One case, in a boot of its own.
    own: Option<OwnBoot>,
}

/// What came of a job.
struct Judged {
    count: Count,
    /// What to show if it failed.
    story: String,
    own_boots: Vec<OwnBoot>,
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
    let runs = Runs { case, options, tally: Mutex::new(tally), done: Mutex::new(HashSet::new()) };
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
            let boot = image::bootable(
                workspace,
                arch,
                &workspace.elf(arch, Profile::Checked, &image.name),
            )?;
            for &smp in &cores {
                let options = Options { smp: Some(smp), accel: accel(options), ..copy(options) };
                let machine = machine(&options, arch)?;
                jobs.push(Job {
                    image: image.name.clone(),
                    machine,
                    boot: boot.clone(),
                    own: None,
                });
            }
        }
    }
    Ok(jobs)
}

/// A single image is built alone; otherwise the examples are too, as they have to build.
fn build(workspace: &Workspace, arch: Arch, images: &[&Image]) -> Result<()> {
    if let [image] = images {
        let what = ["-p", &image.package, "--bin", &image.name];
        return cargo::build_images(workspace, arch, Profile::Checked, &what);
    }
    let what = ["-p", "burrow-tests", "-p", "burrow-examples", "--bins"];
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
        ..Options::default()
    }
}

struct Runs<'a> {
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
        let case = job.own.as_ref().map(|own| own.name.as_str()).or(self.case);
        settings.extend(case.map(|name| format!("test={name}")));
        let limit = match &job.own {
            Some(own) => SLACK + own.timeout.unwrap_or_default(),
            None => self.options.timeout.unwrap_or(PATIENCE),
        };
        let media = Media::Kernel(job.boot.clone());
        let line = command_line(&settings, &[]);
        let outcome = vm::run(&job.machine, &media, &line, Console::Keep, Some(limit))?;
        if interrupt::caught().is_some() {
            return Ok(Vec::new());
        }
        let judged = match &job.own {
            Some(own) => judge_own(own, &outcome),
            None if self.case.is_some() && is_silent(&outcome) => {
                match self.expectation(job, case.unwrap_or_default(), limit)? {
                    Some(own) => judge_own(&own, &outcome),
                    None => judge(&outcome, limit),
                }
            }
            None => judge(&outcome, limit),
        };
        self.report(job, &judged, &outcome);
        Ok(judged.own_boots.into_iter().filter_map(|own| self.follow(job, own)).collect())
    }

    /// What a case asked for by name should leave behind, if it wants a boot of its own: the whole
    /// image says it.
    fn expectation(&self, job: &Job, case: &str, limit: Duration) -> Result<Option<OwnBoot>> {
        let media = Media::Kernel(job.boot.clone());
        let line = command_line(&self.options.append, &[]);
        let outcome = vm::run(&job.machine, &media, &line, Console::Keep, Some(limit))?;
        let mut own_boots = read(&outcome.console).own_boots.into_iter();
        Ok(own_boots.find(|own| own.name == case))
    }

    /// The boot that `job` asks for, unless another machine of the suite has asked for the same.
    fn follow(&self, job: &Job, own: OwnBoot) -> Option<Job> {
        let mut job = job.clone();
        if let Some(smp) = own.smp {
            job.machine.smp = smp;
            job.machine.gic = self.options.gic.unwrap_or(Machine::usual_gic(smp));
            let key = (job.image.clone(), job.machine.arch.name(), own.name.clone());
            if !self.done.lock().expect("no worker panics").insert(key) {
                return None;
            }
        }
        job.own = Some(own);
        Some(job)
    }

    fn report(&self, job: &Job, judged: &Judged, outcome: &Outcome) {
        let column = format!("{} smp {}", job.machine.arch.name(), job.machine.smp);
        // One at a time, so that reports do not mix.
        let mut tally = self.tally.lock().expect("no worker panics");
        tally.add(&job.image, &column, judged.count);
        let case = job.own.as_ref().map_or_else(String::new, |own| format!(" {}", own.name));
        let took = outcome.took.as_secs_f64();
        println!("{column}  {}{case}: {} ({took:.1} s)", job.image, judged.count);
        if judged.count.failed > 0 {
            println!("---- {column} {}{case}: its console", job.image);
            print!("{}", outcome.console);
            println!("---- {}", judged.story);
        }
    }
}

/// A case that has its boot to itself does not speak the protocol.
fn is_silent(outcome: &Outcome) -> bool {
    let report = read(&outcome.console);
    report.cases.is_empty() && report.closed.is_none()
}

/// A boot that ran its cases one after another.
fn judge(outcome: &Outcome, limit: Duration) -> Judged {
    let Report { cases, own_boots, closed } = read(&outcome.console);
    let mut count = Count::default();
    for (_, verdict) in &cases {
        match verdict {
            Verdict::Passed => count.passed += 1,
            Verdict::Failed => count.failed += 1,
            Verdict::Skipped(_) => count.skipped += 1,
        }
    }
    let expected = i32::from(count.failed > 0);
    let story = match (&outcome.end, closed) {
        (End::Exit(code), Some(said))
            if *code == expected && said == (count.passed, count.failed, count.skipped) =>
        {
            format!("{} of its cases failed", count.failed)
        }
        (End::Exit(code), Some(_)) => {
            count.failed += 1;
            format!("it ended with code {code}, and its closing line does not fit its cases")
        }
        (End::Exit(code), None) => {
            count.failed += 1;
            format!("it ended with code {code} in the middle of its cases")
        }
        (end, _) => {
            count.failed += 1;
            told(end, limit)
        }
    };
    Judged { count, story, own_boots }
}

/// A boot for one case.
fn judge_own(own: &OwnBoot, outcome: &Outcome) -> Judged {
    let missing = own.console.as_ref().filter(|text| !has_text(&outcome.console, text));
    let story = match (&outcome.end, missing) {
        (End::Exit(code), _) if *code != own.exit => {
            Some(format!("it ended with code {code}, not {}", own.exit))
        }
        (End::Exit(_), Some(text)) => Some(format!("its console lacks {text:?}")),
        (End::Exit(_), None) => None,
        (end, _) => Some(told(end, SLACK + own.timeout.unwrap_or_default())),
    };
    let failed = u32::from(story.is_some());
    let count = Count { passed: 1 - failed, failed, skipped: 0 };
    Judged { count, story: story.unwrap_or_default(), own_boots: Vec::new() }
}

/// Lines end in CR LF on a console.
fn has_text(console: &str, text: &str) -> bool {
    console.replace('\r', "").contains(&text.replace('\r', ""))
}

fn told(end: &End, limit: Duration) -> String {
    let what = vm::failure(end, Some(limit)).map_or_else(String::new, |failure| failure.message);
    match end {
        End::TimedOut(dump) => format!("{what}\n{dump}"),
        _ => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: End, console: &str) -> Outcome {
        Outcome { end, console: console.into(), took: Duration::ZERO }
    }

    #[test]
    fn an_image_that_closes_well_passes() {
        let console = "test a ... ok\ntest b ... skipped: x\n1 passed, 0 failed, 1 skipped\n";
        let judged = judge(&outcome(End::Exit(0), console), SLACK);
        assert_eq!(judged.count, Count { passed: 1, failed: 0, skipped: 1 });
    }

    #[test]
    fn what_does_not_fit_is_a_failure() {
        let closing = "test a ... ok\n1 passed, 0 failed, 0 skipped\n";
        let silent = End::Silent("x".into());
        for (end, console) in [
            (End::Exit(1), closing),
            (End::Exit(0), "test a ... ok\n"),
            (End::Exit(0), "test a ... ok\n2 passed, 0 failed, 0 skipped\n"),
            (silent, closing),
            (End::TimedOut(String::new()), closing),
        ] {
            assert_eq!(judge(&outcome(end, console), SLACK).count.failed, 1, "{console}");
        }
    }

    #[test]
    fn a_case_alone_is_judged_by_code_and_console() {
        let own = OwnBoot {
            name: "overflow".into(),
            timeout: None,
            smp: None,
            exit: 2,
            console: Some("stack overflow\ngoroutine 1".into()),
        };
        let judged = |end, console| judge_own(&own, &outcome(end, console)).count.failed;
        assert_eq!(judged(End::Exit(2), "x stack overflow\r\ngoroutine 1 [running]:\r\n"), 0);
        assert_eq!(judged(End::Exit(0), "stack overflow\ngoroutine 1"), 1);
        assert_eq!(judged(End::Exit(2), "stack overflow"), 1);
        assert_eq!(judged(End::Silent(String::new()), "stack overflow\ngoroutine 1"), 1);
    }
}
