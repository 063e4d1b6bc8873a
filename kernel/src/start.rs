//! Bring-up, as one straight list.

use core::sync::atomic::Ordering;

use burrow_arch::cpu::{self, CoreBlock, EXCEPTION_STACK_SIZE, EXCEPTION_STACKS};
use burrow_arch::trap::{self, TrapFrame, Upcalls};
use burrow_arch::{clock, platform, power};

use crate::BootInfo;
use crate::config::{CONFIG, MAIN_STACK};
use crate::foreign;
use crate::g::{self, G, Kind, Status};
use crate::m::M;
use crate::mem;
use crate::p::{self, P};
use crate::percpu::{self, BOOT_CORE, Core};
use crate::sched::spawn::{Spawn, newproc};
use crate::sched::{self, SCHED, preempt, tick};
use crate::{kthread, panic, rand, stack};

/// What runs on the boot core until its first M does.
static BOOT_G0: G = G::new(Kind::G0);

/// The machine as it was found; for the banner and for questions.
pub struct MachineInfo {
    /// How the image was started.
    pub protocol: &'static str,
    /// The platform in a few words.
    pub platform: &'static str,
    /// The command line.
    pub command_line: &'static str,
    /// `nanotime` when main began.
    pub main_at: core::sync::atomic::AtomicU64,
}

static MACHINE: spin::Once<MachineInfo> = spin::Once::new();

/// The machine, once the kernel is up.
pub fn machine() -> Option<&'static MachineInfo> {
    MACHINE.get()
}

/// The CPU's name.
pub fn describe_cpu(out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    cpu::describe(out)
}

/// Ends the machine with that code, at once. Go: `exit`.
pub fn exit(code: i32) -> ! {
    panic::go_down_with(code & 0xff)
}

unsafe extern "Rust" {
    /// The program: runs main and gives the exit code. Provided by the public API's crate.
    safe fn __burrow_start() -> u8;
}

/// What the CPU calls the kernel for.
pub static UPCALLS: Upcalls = Upcalls {
    timer: tick::on_timer,
    ipi: tick::on_ipi,
    device: crate::interrupt::on_device,
    freeze: panic::fatal::on_freeze,
    page_fault: on_page_fault,
    step: panic::step::on_step,
    fault: panic::fatal::on_fault,
    preempted: preempt::preempted,
};

/// Where every boot protocol arrives, on the boot core's first stack with interrupts masked.
pub fn start(boot: BootInfo) -> ! {
    BOOT_G0.raise();
    // SAFETY: first thing on this core; the static block and G live for ever.
    unsafe { cpu::init_core(CoreBlock::boot(BOOT_CORE.as_word())) };
    // SAFETY: a G, as everything that asks expects.
    unsafe { cpu::set_current(BOOT_G0.as_word()) };
    panic::init(boot.image);
    trap::set_upcalls(&UPCALLS);
    require(cpu::check_features());
    CONFIG.parse(boot.command_line);
    percpu::register(&BOOT_CORE);
    mem::init(&boot);
    // SAFETY: as above; the exception stacks are guarded now.
    unsafe { cpu::init_core(core_block(&BOOT_CORE)) };
    // SAFETY: as above.
    unsafe { cpu::set_current(BOOT_G0.as_word()) };
    let found = platform::init(boot.firmware, &mut |pa, len| {
        mem::space::map_mmio(pa, len).expose_provenance()
    });
    let machine = require(found);
    platform::init_core(0);
    MACHINE.call_once(|| MachineInfo {
        protocol: boot.protocol,
        platform: machine.name,
        command_line: boot.command_line,
        main_at: core::sync::atomic::AtomicU64::new(0),
    });
    schedinit(machine.cores);
    // First, so that main's thread has the number 0.
    let m = kthread::first_m(0);
    for index in 1..machine.cores {
        start_core(index);
    }
    run_boot_core(m)
}

/// Ends the machine with a message where something that is needed is missing.
fn require<T, E: core::fmt::Display>(found: Result<T, E>) -> T {
    match found {
        Ok(found) => found,
        Err(missing) => {
            crate::console::print(format_args!("burrow: {missing}\n"));
            power::exit(1)
        }
    }
}

/// Ps for all cores. Those in use become idle as their cores arrive. Go: `schedinit`, `procresize`.
fn schedinit(cores: usize) {
    SCHED.set_size(cores, CONFIG.gomaxprocs().unwrap_or(cores));
    rand::init();
    for id in 0..cores {
        let Some(p) = mem::fixalloc::persistent(P::new(id, rand::Seeds::draw())) else {
            panic::throw("out of memory");
        };
        p::register(p);
    }
}

/// A core's block with guarded exception stacks.
fn core_block(core: &'static Core) -> &'static CoreBlock {
    let mut tops = [0; EXCEPTION_STACKS];
    for top in &mut tops {
        let Some(stack) = mem::space::alloc_kstack(EXCEPTION_STACK_SIZE) else {
            panic::throw("out of memory");
        };
        *top = stack;
    }
    match mem::fixalloc::persistent(CoreBlock::new(core.index, core.as_word(), tops)) {
        Some(block) => block,
        None => panic::throw("out of memory"),
    }
}

/// Starts another core with its first M.
fn start_core(index: usize) {
    let Some(core) = mem::fixalloc::persistent(Core::new(index)) else {
        panic::throw("out of memory");
    };
    percpu::register(core);
    let m = kthread::first_m(index);
    let block = core_block(core);
    let top = m.g0.stack().hi;
    // SAFETY: block, root and stack live for ever and belong to that core.
    let started = unsafe { power::start_core(index, block, mem::space::root(), top, core_main) };
    if let Err(why) = started {
        crate::console::print(format_args!("burrow: core {index} does not start: {why}\n"));
        power::exit(1)
    }
}

/// Where the other cores arrive, on their M's system stack with interrupts masked.
extern "C" fn core_main(index: usize) -> ! {
    let m = percpu::local().first_m();
    // SAFETY: a G; nothing ran on this core before.
    unsafe { cpu::set_current(m.g0.as_word()) };
    platform::init_core(index);
    kthread::enter_scheduler(m)
}

/// Leaves the boot stack for the first M, which takes P 0 and runs main.
fn run_boot_core(m: &'static M) -> ! {
    let word = m.g0.as_word();
    // SAFETY: the context is new and its stack mapped; the boot context is never continued.
    unsafe {
        use burrow_arch::context::{Context, switch};
        *m.context() = Context::new(m.g0.stack().hi, boot_main);
        switch(BOOT_G0.context(), m.context(), word, 0);
    }
    panic::throw("the boot stack was continued")
}

/// The boot core on its first M's system stack. Go: `rt0_go`'s end, `mstart`.
extern "C" fn boot_main(_: usize) -> ! {
    let m = g::current().m();
    let p = p::allp(0);
    p.set_status(p::Status::Idle);
    sched::acquirep(m, p);
    let spawn = Spawn { kind: Kind::User, max_stack: MAIN_STACK, name: None, created_at: 0 };
    if newproc(main_goroutine, &spawn).is_none() {
        panic::throw("out of memory");
    }
    kthread::enter_scheduler(m)
}

/// Goroutine 1. Its return ends the program. Go: `runtime.main`.
fn main_goroutine() {
    SCHED.main_started.store(true, Ordering::Relaxed);
    crate::sysmon::start();
    if let Some(machine) = machine() {
        machine.main_at.store(clock::nanotime(), Ordering::Relaxed);
    }
    exit(__burrow_start().into())
}

/// A page was missing: growth of the running goroutine's stack, or a fault (law 11).
fn on_page_fault(frame: &mut TrapFrame, addr: usize) -> bool {
    let g = g::current();
    if g.is_g0() {
        return false;
    }
    let own = g.stack();
    if let Some(stack) = g.foreign.stack().filter(|_| !own.holds_sp(frame.sp())) {
        return foreign::on_page_fault(frame, addr, g, &stack);
    }
    match stack::fault(&own, frame.sp(), addr, g.reach()) {
        stack::Verdict::Grown => {
            g.set_grown();
            true
        }
        stack::Verdict::Spurious => true,
        stack::Verdict::Overflow if g.status() == Status::Running => {
            panic::fatal::stack_overflow(frame)
        }
        stack::Verdict::NoMemory => panic::fatal("runtime: out of memory"),
        stack::Verdict::Overflow | stack::Verdict::Wild => false,
    }
}
