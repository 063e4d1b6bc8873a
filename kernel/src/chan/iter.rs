//! `for v in &chan`. Go: `for v := range c`.

use super::hchan::Hchan;
use super::recv::chanrecv;
use super::{Mode, RecvChan};

/// Receives until the channel is closed and drained.
pub struct Iter<'a, T> {
    pub(super) chan: Option<&'a Hchan<T>>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        chanrecv(self.chan, Mode::Block).ok()
    }
}

/// [`Iter`] that owns its handle.
pub struct IntoIter<T> {
    pub(super) chan: RecvChan<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.chan.recv()
    }
}
