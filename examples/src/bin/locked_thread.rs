//! Goroutines wired to their Ms, and an M that ends with its goroutine.
#![no_std]
#![no_main]
use burrow::prelude::*;

fn locked_echo(requests: RecvChan<u32>, replies: SendChan<(u64, u32)>) {
    runtime::lock_os_thread();
    runtime::lock_os_thread();
    runtime::unlock_os_thread();
    assert_eq!(runtime::lock_os_thread_depth(), 1);
    let thread = runtime::thread_id();
    for request in &requests {
        for _ in 0..10 {
            runtime::gosched();
        }
        sleep(Duration::from_millis(1));
        assert_eq!(thread, runtime::thread_id());
        replies.send((thread, request));
    }
    replies.close(); // Ends still locked: the M goes too.
}

#[burrow::main]
fn main() {
    runtime::set_max_threads(200);
    let requests = Chan::new(0);
    let replies = Chan::new(0);
    let (input, output) = (requests.split().1, replies.split().0);
    let name = Builder::new().name("echo").max_stack(256 << 10);
    name.go(move || locked_echo(input, output));
    let mut echo = None;
    for n in 0..10 {
        requests.send(n);
        echo = replies.recv();
    }
    requests.close();
    assert_eq!(replies.recv(), None);
    let (dead, _) = echo.unwrap();
    let limit = Instant::now() + Duration::from_secs(10);
    while runtime::thread_ids().contains(&dead) {
        assert!(Instant::now() < limit, "M {dead} is still there");
        runtime::gosched();
    }
    println!("M {dead} is gone; {} goroutines", runtime::num_goroutine());
}
