//! One panic: its value, how that is printed, and where it came from. Go: `_panic`.

use core::any::Any;
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::panic::Location;
use core::sync::atomic::{AtomicU64, Ordering};

use alloc::boxed::Box;
use alloc::string::String;

use super::guarded::Fault;
use super::value::write_plain;

/// Where a panic was raised, if known.
pub type Place = Option<&'static Location<'static>>;

/// Writes the text of a value of one type.
type Print = fn(&dyn Any, &mut dyn Write) -> fmt::Result;

/// Raised before or after another one.
static RAISED: AtomicU64 = AtomicU64::new(0);

/// Beside the goroutine's id: its report reads the value, and nobody gets it any more.
const REPORTED: u64 = 1 << 63;

/// See the module's text.
pub struct Record {
    value: UnsafeCell<Option<Box<dyn Any + Send>>>,
    print: Print,
    /// The type of the value.
    pub type_name: &'static str,
    addr: usize,
    /// Where it was raised, if known.
    pub location: Place,
    /// Raised by the runtime. Go: the value is a `runtime.Error`.
    pub runtime_error: bool,
    /// The access that failed.
    pub fault: Option<Fault>,
    /// The order of all panics.
    pub number: u64,
    /// The goroutine that may look at the value: who raised it, until another one claims it.
    holder: AtomicU64,
}

// SAFETY: the value is behind `holder`: one goroutine at a time looks at it.
unsafe impl Sync for Record {}

impl Record {
    /// With a value that is plain or prints as its type.
    pub fn any<T: Any + Send>(value: T, location: Place) -> Self {
        Self::new(Box::new(value), print_any::<T>, core::any::type_name::<T>(), location)
    }

    /// With a value that knows its text.
    pub fn display<T: Any + Send + fmt::Display>(value: T, location: Place) -> Self {
        Self::new(Box::new(value), print_display::<T>, core::any::type_name::<T>(), location)
    }

    /// With Go's text for what the runtime found out.
    pub fn runtime_error(text: String, location: Place) -> Self {
        Self { runtime_error: true, ..Self::any(text, location) }
    }

    fn new(
        value: Box<dyn Any + Send>,
        print: Print,
        type_name: &'static str,
        location: Place,
    ) -> Self {
        Self {
            addr: (&raw const *value).addr(),
            value: UnsafeCell::new(Some(value)),
            print,
            type_name,
            location,
            runtime_error: false,
            fault: None,
            number: RAISED.fetch_add(1, Ordering::Relaxed),
            holder: AtomicU64::new(crate::g::current().goid()),
        }
    }

    /// Makes the goroutine that runs the only one to look at the value. It has the only handle; but
    /// a report of the goroutine where the panic was recovered could want to name it.
    pub fn claim(&self) {
        let me = crate::g::current().goid();
        // Acquire, here and below, pairs with the release of the holder before.
        let mut holder = self.holder.load(Ordering::Acquire);
        while holder & !REPORTED != me {
            if holder & REPORTED != 0 {
                // The program ends.
                crate::sched::run::gosched();
                holder = self.holder.load(Ordering::Acquire);
                continue;
            }
            match self.holder.compare_exchange(holder, me, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => holder = now,
            }
        }
    }

    /// Claims the value for the report, if it has not gone to another goroutine.
    fn claim_for_report(&self) -> bool {
        let me = crate::g::current().goid();
        let claim =
            self.holder.compare_exchange(me, me | REPORTED, Ordering::AcqRel, Ordering::Acquire);
        claim.is_ok() || claim == Err(me | REPORTED)
    }

    /// The value, unless it was taken.
    pub fn value(&self) -> Option<&(dyn Any + Send)> {
        self.claim();
        // SAFETY: `claim`; who holds the record by reference does not take the value meanwhile.
        unsafe { (*self.value.get()).as_deref() }
    }

    /// Takes the value.
    ///
    /// # Safety
    /// Nobody has a reference that [`value`](Self::value) gave.
    pub unsafe fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.claim();
        // SAFETY: `claim`, and the caller's promise.
        unsafe { (*self.value.get()).take() }
    }

    /// Writes the value's text.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        match self.value() {
            Some(value) => (self.print)(value, out),
            None => out.write_str("value taken"),
        }
    }

    /// The same for the report. The program's own code may run.
    pub fn write_for_report(&self, out: &mut dyn Write) -> fmt::Result {
        if self.claim_for_report()
            // SAFETY: claimed.
            && let Some(value) = unsafe { (*self.value.get()).as_deref() }
        {
            return (self.print)(value, out);
        }
        write!(out, "({}) {:#x}", self.type_name, self.addr)
    }
}

/// [`Print`] for values that may be of any type: those that are not plain as `(TYPE) ADDRESS`.
fn print_any<T: Any>(value: &dyn Any, out: &mut dyn Write) -> fmt::Result {
    if let Some(result) = write_plain(value, out) {
        return result;
    }
    write!(out, "({}) {:#x}", core::any::type_name::<T>(), (&raw const *value).addr())
}

/// [`Print`] for values that know their text.
fn print_display<T: Any + fmt::Display>(value: &dyn Any, out: &mut dyn Write) -> fmt::Result {
    value.downcast_ref::<T>().map_or(Err(fmt::Error), |value| write!(out, "{value}"))
}
