//! What programs hold: [`Chan`] and its one-way views [`SendChan`] and [`RecvChan`].

use alloc::sync::Arc;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::close::closechan;
use super::hchan::{Core, Hchan};
use super::recv::chanrecv;
use super::select::case::{RecvCase, SendCase, SendFromCase};
use super::select::{Receiver, Sender};
use super::send::chansend;
use super::{IntoIter, Iter, Mode, TryRecvError, TrySendError};

/// A shared channel: clones are the same channel, compared by identity. Dropping handles never
/// closes it. Go: `chan T`.
pub struct Chan<T> {
    /// Nothing is nil.
    hchan: Option<Arc<Hchan<T>>>,
}

/// The sending end. Go: `chan<- T`.
pub struct SendChan<T> {
    hchan: Option<Arc<Hchan<T>>>,
}

/// The receiving end; it cannot close. Go: `<-chan T`.
pub struct RecvChan<T> {
    hchan: Option<Arc<Hchan<T>>>,
}

impl<T> Chan<T> {
    /// A channel with room for `cap` values; 0 makes every send meet its receive. Panics with
    /// `makechan: size out of range`. Go: `make(chan T, cap)`.
    pub fn new(cap: usize) -> Self {
        Self { hchan: Some(Arc::new(Hchan::makechan(cap))) }
    }

    /// Views of the same channel for the two directions.
    pub fn split(&self) -> (SendChan<T>, RecvChan<T>) {
        (self.into(), self.into())
    }
}

impl<T> RecvChan<T> {
    /// For a channel made elsewhere.
    pub(super) fn from_hchan(hchan: Arc<Hchan<T>>) -> Self {
        Self { hchan: Some(hchan) }
    }
}

/// What every handle can do.
macro_rules! common {
    ($chan:ident) => {
        impl<T> $chan<T> {
            /// The channel that is never ready and that `select!` never chooses. Go: `nil`.
            pub const fn nil() -> Self {
                Self { hchan: None }
            }

            /// Whether this is the nil channel.
            pub fn is_nil(&self) -> bool {
                self.hchan.is_none()
            }

            /// Values buffered now; 0 for nil and for timer channels. Go: `len(c)`.
            pub fn len(&self) -> usize {
                self.get().filter(|c| c.timer().is_none()).map_or(0, |c| c.ring.len())
            }

            /// Whether no value is buffered.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The capacity given to `new`; 0 for nil and for timer channels. Go: `cap(c)`.
            pub fn cap(&self) -> usize {
                self.get().filter(|c| c.timer().is_none()).map_or(0, |c| c.ring.cap())
            }

            /// Whether it was closed; nil never is. Burrow's own addition, for those who wait for
            /// the close alone: what was sent before may still be buffered.
            pub fn is_closed(&self) -> bool {
                self.get().is_some_and(|c| c.is_closed())
            }

            pub(super) fn get(&self) -> Option<&Hchan<T>> {
                self.hchan.as_deref()
            }

            pub(super) fn core(&self) -> Option<&Core> {
                self.get().map(|c| &**c)
            }

            /// Its identity.
            pub(super) fn addr(&self) -> usize {
                self.get().map_or(0, |c| c.addr())
            }
        }

        impl<T> Clone for $chan<T> {
            fn clone(&self) -> Self {
                Self { hchan: self.hchan.clone() }
            }
        }
        /// Nil, Go's zero value.
        impl<T> Default for $chan<T> {
            fn default() -> Self {
                Self::nil()
            }
        }
        impl<T> PartialEq for $chan<T> {
            fn eq(&self, other: &Self) -> bool {
                self.addr() == other.addr()
            }
        }
        impl<T> Eq for $chan<T> {}
        impl<T> Hash for $chan<T> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.addr().hash(state);
            }
        }
        impl<T> fmt::Debug for $chan<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.addr() {
                    0 => f.write_str(concat!(stringify!($chan), "(nil)")),
                    addr => write!(f, concat!(stringify!($chan), "({:#x})"), addr),
                }
            }
        }
    };
}

/// What handles that may send can do.
macro_rules! sending {
    ($chan:ident) => {
        impl<T> $chan<T> {
            /// Parks until the value is received or buffered; for ever on nil. Panics with
            /// `send on closed channel`. Go: `c <- v`.
            pub fn send(&self, value: T) {
                if let Err(unsent) = chansend(self.get(), value, Mode::Block) {
                    drop(unsent);
                    crate::panic::runtime_error("send on closed channel");
                }
            }

            /// As `send`, but takes the value out of the slot only when it is sent: it is still
            /// there after a panic. An empty slot panics.
            pub fn send_from(&self, slot: &mut Option<T>) {
                let Some(value) = slot.take() else {
                    panic!("send_from an empty slot");
                };
                if let Err(unsent) = chansend(self.get(), value, Mode::Block) {
                    *slot = Some(unsent.into_inner());
                    crate::panic::runtime_error("send on closed channel");
                }
            }

            /// Sends if that is possible at once; `Full` on nil. Go: `select` with `default`,
            /// except that a closed channel is an error here.
            pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
                chansend(self.get(), value, Mode::Poll)
            }

            #[doc(hidden)]
            #[inline(always)]
            pub fn select_send(&self, value: T) -> SendCase<'_, T> {
                SendCase::new(self.core(), value)
            }

            #[doc(hidden)]
            #[inline(always)]
            pub fn select_send_from<'a>(&'a self, slot: &'a mut Option<T>) -> SendFromCase<'a, T> {
                SendFromCase::new(self.core(), slot)
            }

            /// Ends the stream: receivers drain the buffer, then get `None`. Panics with
            /// `close of closed channel` or `close of nil channel`. Go: `close(c)`.
            pub fn close(&self) {
                closechan(self.core());
            }
        }
    };
}

/// What handles that may receive can do.
macro_rules! receiving {
    ($chan:ident) => {
        impl<T> $chan<T> {
            /// Parks until there is a value; `None` once closed and drained; for ever on nil.
            /// Go: `v, ok := <-c`.
            pub fn recv(&self) -> Option<T> {
                chanrecv(self.get(), Mode::Block).ok()
            }

            /// Receives if that is possible at once; `Empty` on nil.
            pub fn try_recv(&self) -> Result<T, TryRecvError> {
                chanrecv(self.get(), Mode::Poll)
            }

            #[doc(hidden)]
            #[inline(always)]
            pub fn select_recv(&self) -> RecvCase<'_, T> {
                RecvCase::new(self.core())
            }

            /// Receives until the channel is closed and drained. Go: `for v := range c`.
            pub fn iter(&self) -> Iter<'_, T> {
                Iter { chan: self.get() }
            }
        }

        impl<T> IntoIterator for $chan<T> {
            type Item = T;
            type IntoIter = IntoIter<T>;
            fn into_iter(self) -> IntoIter<T> {
                IntoIter { chan: RecvChan { hchan: self.hchan } }
            }
        }
        impl<'a, T> IntoIterator for &'a $chan<T> {
            type Item = T;
            type IntoIter = Iter<'a, T>;
            fn into_iter(self) -> Iter<'a, T> {
                self.iter()
            }
        }
    };
}

/// What `select!` calls on a handle of the wrong direction: it cannot be called, and the compiler
/// says why in the words of [`Sender`] and [`Receiver`].
impl<T> RecvChan<T> {
    #[doc(hidden)]
    pub fn select_send<V>(&self, _: V) -> SendCase<'_, T>
    where
        Self: Sender,
    {
        unreachable!("no receiving handle is a sender")
    }

    #[doc(hidden)]
    pub fn select_send_from<V>(&self, _: V) -> SendFromCase<'_, T>
    where
        Self: Sender,
    {
        unreachable!("no receiving handle is a sender")
    }
}

/// As for [`RecvChan`].
impl<T> SendChan<T> {
    #[doc(hidden)]
    pub fn select_recv(&self) -> RecvCase<'_, T>
    where
        Self: Receiver,
    {
        unreachable!("no sending handle is a receiver")
    }
}

macro_rules! view {
    ($view:ident) => {
        impl<T> From<Chan<T>> for $view<T> {
            fn from(chan: Chan<T>) -> Self {
                Self { hchan: chan.hchan }
            }
        }
        impl<T> From<&Chan<T>> for $view<T> {
            fn from(chan: &Chan<T>) -> Self {
                Self { hchan: chan.hchan.clone() }
            }
        }
    };
}

common!(Chan);
common!(SendChan);
common!(RecvChan);
sending!(Chan);
sending!(SendChan);
receiving!(Chan);
receiving!(RecvChan);
view!(SendChan);
view!(RecvChan);
