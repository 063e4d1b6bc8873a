//! Calls that keep their M: blocking(..) and foreign code, while others run on.
#![no_std]
#![no_main]
use burrow::prelude::*;
use core::ffi::c_void;
use core::hint::spin_loop;

fn busy_for(d: Duration) -> u64 {
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < d {
        spin_loop();
        turns += 1;
    }
    turns
}

unsafe extern "C" fn foreign(arg: *mut c_void) -> i32 {
    // SAFETY: `main` passes a `u32`, and we run inside cgocall.
    unsafe {
        *arg.cast::<u32>() += 1;
        runtime::cgocallback(|| println!("called back on goroutine {}", runtime::goid()));
        *arg.cast::<u32>() as i32
    }
}

#[burrow::main]
fn main() {
    runtime::gomaxprocs(1);
    let stop = Chan::<()>::new(0);
    let finished = Chan::new(8);
    for micros in [10, 100, 1000, 50_000] {
        let (stop, finished) = (stop.clone(), finished.clone());
        go(move || {
            loop {
                let turns = runtime::blocking(|| busy_for(Duration::from_micros(micros)));
                select! {
                    stop.recv() => return finished.send(turns),
                    default => {}
                }
            }
        });
    }
    sleep(Duration::from_millis(10));
    stop.close();
    println!("{} loops have seen it", finished.iter().take(4).filter(|turns| *turns > 0).count());
    let mut counter = 41_u32;
    // SAFETY: `foreign` takes a pointer to a `u32` and does not unwind.
    let answer = unsafe { runtime::cgocall(foreign, (&raw mut counter).cast()) };
    let crossed = recover(|| runtime::blocking(|| panic!("in {answer}")));
    println!("{}", crossed.unwrap_err());
}
