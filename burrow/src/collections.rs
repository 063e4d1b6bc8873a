//! Hash tables with a seed from the machine's entropy, drawn anew for each table. The rest of
//! `std::collections` is in `alloc`, re-exported here.
//!
//! [`HashMap`] and [`HashSet`] are hashbrown's, with our hasher: all their methods come by `Deref`.

use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};
use core::ops::{Deref, DerefMut, Index};

use burrow_kernel::rand;
use foldhash::quality::{FixedState, FoldHasher};

pub use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};

/// Makes the seeded hashers.
#[derive(Clone)]
pub struct RandomState {
    seeded: FixedState,
}

impl RandomState {
    /// A fresh seed.
    pub fn new() -> Self {
        Self { seeded: FixedState::with_seed(rand::u64()) }
    }
}

impl Default for RandomState {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RandomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever knows the seed can make keys collide.
        f.debug_struct("RandomState").finish_non_exhaustive()
    }
}

impl BuildHasher for RandomState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher { state: self.seeded.build_hasher() }
    }
}

/// The seeded hasher.
#[derive(Clone)]
pub struct DefaultHasher {
    state: FoldHasher<'static>,
}

impl fmt::Debug for DefaultHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultHasher").finish_non_exhaustive()
    }
}

/// Passes everything on: numbers have shorter ways than bytes.
macro_rules! pass_on {
    ($($name:ident: $ty:ty),*) => {
        impl Hasher for DefaultHasher {
            #[inline]
            fn finish(&self) -> u64 {
                self.state.finish()
            }
            $(#[inline]
            fn $name(&mut self, value: $ty) {
                self.state.$name(value);
            })*
        }
    };
}

pass_on! {
    write: &[u8], write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
    write_usize: usize
}

/// `hashbrown::HashMap` with [`RandomState`]; its methods come by `Deref`.
#[derive(Clone)]
pub struct HashMap<K, V>(hashbrown::HashMap<K, V, RandomState>);

/// `hashbrown::HashSet` with [`RandomState`]; its methods come by `Deref`.
#[derive(Clone)]
pub struct HashSet<T>(hashbrown::HashSet<T, RandomState>);

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for HashMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for HashSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! table {
    ($table:ident<$($p:ident),+>, $item:ty, $key:ident) => {
        impl<$($p),+> $table<$($p),+> {
            /// Empty; allocates nothing.
            pub fn new() -> Self {
                Self::default()
            }
            /// Empty, with room.
            pub fn with_capacity(capacity: usize) -> Self {
                Self(hashbrown::$table::with_capacity_and_hasher(capacity, RandomState::new()))
            }
            /// The table itself, for its consuming methods.
            pub fn into_inner(self) -> hashbrown::$table<$($p,)+ RandomState> {
                self.0
            }
        }
        impl<$($p),+> Default for $table<$($p),+> {
            fn default() -> Self {
                Self(hashbrown::$table::with_hasher(RandomState::new()))
            }
        }
        impl<$($p),+> Deref for $table<$($p),+> {
            type Target = hashbrown::$table<$($p,)+ RandomState>;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
        impl<$($p),+> DerefMut for $table<$($p),+> {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
        impl<$($p),+> FromIterator<$item> for $table<$($p),+> where $key: Eq + Hash {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                Self(items.into_iter().collect())
            }
        }
        impl<$($p),+> Extend<$item> for $table<$($p),+> where $key: Eq + Hash {
            fn extend<I: IntoIterator<Item = $item>>(&mut self, items: I) {
                self.0.extend(items);
            }
        }
        impl<$($p,)+ const N: usize> From<[$item; N]> for $table<$($p),+> where $key: Eq + Hash {
            fn from(items: [$item; N]) -> Self {
                items.into_iter().collect()
            }
        }
        impl<$($p),+> IntoIterator for $table<$($p),+> {
            type Item = $item;
            type IntoIter = <hashbrown::$table<$($p,)+ RandomState> as IntoIterator>::IntoIter;
            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }
        impl<'a, $($p),+> IntoIterator for &'a $table<$($p),+> {
            type Item = <&'a hashbrown::$table<$($p,)+ RandomState> as IntoIterator>::Item;
            type IntoIter =
                <&'a hashbrown::$table<$($p,)+ RandomState> as IntoIterator>::IntoIter;
            fn into_iter(self) -> Self::IntoIter {
                (&self.0).into_iter()
            }
        }
    };
}

table!(HashMap<K, V>, (K, V), K);
table!(HashSet<T>, T, T);

impl<'a, K, V> IntoIterator for &'a mut HashMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = hashbrown::hash_map::IterMut<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}

impl<K: Eq + Hash, V: PartialEq> PartialEq for HashMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Eq + Hash, V: Eq> Eq for HashMap<K, V> {}

impl<T: Eq + Hash> PartialEq for HashSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq + Hash> Eq for HashSet<T> {}

impl<K, V, Q> Index<&Q> for HashMap<K, V>
where
    K: Eq + Hash + core::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    type Output = V;

    /// Panics if the key is not there.
    fn index(&self, key: &Q) -> &V {
        self.0.get(key).expect("no entry found for key")
    }
}
