//! Ctrl-C and its kin: every emulator ends, temporary files go, then the runner leaves.
//!
//! The signals are blocked and taken by one thread, so nothing has to be safe inside a handler. The
//! terminal needs no restoring: emulators get pipes, never the terminal itself.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Emulators that run now. A number is taken out before its process is waited for, so it can never
/// name a stranger.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
/// The signal that came, or 0.
static CAUGHT: AtomicI32 = AtomicI32::new(0);
/// How long the rest of the runner has to leave in order.
const GRACE: Duration = Duration::from_secs(3);

/// Starts to listen. Called once, before there are other threads.
pub fn listen() {
    let mut signals = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised by `sigemptyset` before it is read, and lives through the calls.
    let signals = unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::sigaddset(signals.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), std::ptr::null_mut());
        signals.assume_init()
    };
    thread::spawn(move || {
        let mut signal = 0;
        // SAFETY: both pointers are to locals of this thread; the signals are blocked in all threads.
        unsafe { libc::sigwait(&signals, &mut signal) };
        CAUGHT.store(signal, Ordering::SeqCst);
        kill_all();
        thread::sleep(GRACE);
        std::process::exit(128 + signal);
    });
}

/// The code to leave with if a signal came: 128 and its number, as shells have it.
pub fn caught() -> Option<u8> {
    let signal = CAUGHT.load(Ordering::SeqCst);
    (signal != 0).then_some(128 + signal as u8)
}

/// Starts an emulator that ends with the runner.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    die_with_parent(command);
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if caught().is_some() {
        return Err(std::io::ErrorKind::Interrupted.into());
    }
    let child = command.spawn()?;
    running.push(child.id());
    Ok(child)
}

/// Forgets an emulator that is about to be waited for.
pub fn forget(child: &Child) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&id| id != child.id());
}

fn kill_all() {
    for &id in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // SAFETY: `kill` touches no memory; the process is ours and not yet waited for.
        unsafe { libc::kill(id as libc::pid_t, libc::SIGKILL) };
    }
}

/// A runner that is killed outright cannot end its emulators: Linux does it.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: `prctl` is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
