//! [`WaitGroup`].

use burrow_kernel::panic::chain::is_panicking;
use burrow_kernel::sync::waitgroup;

/// Waits for a number of things to be done. Clones are the same group. Go: `*sync.WaitGroup`.
#[derive(Clone, Debug, Default)]
pub struct WaitGroup {
    group: waitgroup::WaitGroup,
}

impl WaitGroup {
    /// Nothing to wait for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the count. Panics with `sync: negative WaitGroup counter` or
    /// `sync: WaitGroup misuse: Add called concurrently with Wait`.
    pub fn add(&self, delta: isize) {
        self.group.add(delta);
    }

    /// `add(-1)`.
    pub fn done(&self) {
        self.group.done();
    }

    /// Parks until the count is 0. The group may be used again at once: Go's
    /// `sync: WaitGroup is reused before previous Wait has returned` does not happen.
    pub fn wait(&self) {
        self.group.wait();
    }

    /// What counts down when it is dropped.
    pub(crate) fn done_at_end(&self) -> Done {
        Done(self.group.clone())
    }

    /// Starts a goroutine that counts as one until it ends, by a return or by `goexit`; a panic in it
    /// ends the program. Go: `wg.Go`.
    #[inline(never)]
    pub fn go(&self, f: impl FnOnce() + Send + 'static) {
        self.add(1);
        let done = self.done_at_end();
        let body = move || {
            // Last of all: what `f` took along is gone by then.
            let _done = done;
            f();
        };
        crate::goroutine::go_from(body, burrow_kernel::sched::spawn::caller_pc());
    }
}

/// Counts down when it is dropped; not if the goroutine panics, which is the program's end: who waits
/// must not go on and end it in another way before that is reported. Go: `WaitGroup.Go`.
pub(crate) struct Done(waitgroup::WaitGroup);

impl Drop for Done {
    fn drop(&mut self) {
        if !is_panicking() {
            self.0.done();
        }
    }
}
