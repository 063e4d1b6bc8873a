//! Futures on goroutines.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use crate::chan::Chan;

/// Polls the future on this goroutine and parks it in between; its waker readies the goroutine
/// from any other, on any core.
///
/// A future that nobody is left to wake is a dead-lock, as for any goroutine that waits.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell(Chan::new(1)));
    let waker = Waker::from(bell.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        bell.0.recv();
    }
}

/// What a waker rings. Room for one: rings that nobody has heard yet are one.
struct Bell(Chan<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full: the goroutine will poll again anyway.
        let _ = self.0.try_send(());
    }
}
