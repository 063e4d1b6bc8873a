//! Values that contexts carry: [`Key`] and what a key is bound to.

use alloc::boxed::Box;
use alloc::string::String;
use core::any::{Any, type_name};
use core::fmt;

/// Keys of values: any comparable type.
pub trait Key: Any + Eq + fmt::Debug + Send + Sync {}
impl<K: Any + Eq + fmt::Debug + Send + Sync> Key for K {}

/// One key with its value, of whatever types.
pub(super) trait Binding: Send + Sync {
    /// Whether that is the key.
    fn is_of(&self, key: &dyn Any) -> bool;

    fn value(&self) -> &(dyn Any + Send + Sync);

    /// Both in the words of Go's `stringify`: strings as they are, else the type.
    fn name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

struct Bound<K, V> {
    key: K,
    value: V,
}

pub(super) fn bind<K: Key, V: Any + Send + Sync>(key: K, value: V) -> Box<dyn Binding> {
    Box::new(Bound { key, value })
}

impl<K: Key, V: Any + Send + Sync> Binding for Bound<K, V> {
    fn is_of(&self, key: &dyn Any) -> bool {
        key.downcast_ref::<K>() == Some(&self.key)
    }

    fn value(&self) -> &(dyn Any + Send + Sync) {
        &self.value
    }

    fn name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", word(&self.key), word(&self.value))
    }
}

fn word<T: Any>(value: &T) -> &str {
    let value: &dyn Any = value;
    match (value.downcast_ref::<&'static str>(), value.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => type_name::<T>(),
    }
}
