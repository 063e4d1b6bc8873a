//! [`Map`].
//!
//! A power of two of shards, each a table under a read-write lock; the upper bits of a key's hash say
//! which. Keys and values are behind `Arc`s, so that nothing of the program's runs under a lock but the
//! comparison of keys: values are cloned, compared and dropped outside, and `range` calls its function
//! with no lock held.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use burrow_kernel::sched::SCHED;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::{OnceLock, RwLock};
use crate::collections::RandomState;

/// A map that many goroutines use without a lock around it; values are handed out as clones.
/// Go: `sync.Map`.
///
/// Hashing and comparing keys must not use the map.
pub struct Map<K, V> {
    /// Made at the first store.
    shards: OnceLock<Shards<K, V>>,
}

struct Shards<K, V> {
    hasher: RandomState,
    shards: Box<[Shard<K, V>]>,
}

type Shard<K, V> = RwLock<HashTable<Item<K, V>>>;

struct Item<K, V> {
    hash: u64,
    key: Arc<K>,
    value: Arc<V>,
}

impl<K, V> Map<K, V> {
    /// Empty.
    pub const fn new() -> Self {
        Self { shards: OnceLock::new() }
    }
}

impl<K: Eq + Hash, V: Clone> Map<K, V> {
    /// The value of `key`. Go: `Load`.
    pub fn load<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.find(key).map(|value| V::clone(&value))
    }

    /// Sets the value of `key`. Go: `Store`.
    pub fn store(&self, key: K, value: V) {
        drop(self.replace(key, value));
    }

    /// The value that is there and true, else stores this one: itself and false. Go:
    /// `LoadOrStore`.
    pub fn load_or_store(&self, key: K, value: V) -> (V, bool) {
        if let Some(found) = self.load(&key) {
            return (found, true);
        }
        let shards = self.shards();
        let hash = shards.hash(&key);
        // Made before the lock is taken, like everything that runs code of the program's.
        let (key, value) = (Arc::new(key), Arc::new(value));
        let mut shard = shards.of(hash).write();
        let (value, loaded) = match shard.entry(hash, |item| item.key == key, |item| item.hash) {
            Entry::Occupied(found) => (found.get().value.clone(), true),
            Entry::Vacant(place) => {
                place.insert(Item { hash, key: key.clone(), value: value.clone() });
                (value, false)
            }
        };
        drop(shard);
        (V::clone(&value), loaded)
    }

    /// Removes `key`; its value. Go: `LoadAndDelete`.
    pub fn load_and_delete<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove(key, |_| true).map(|value| V::clone(&value))
    }

    /// Removes `key`. Go: `Delete`.
    pub fn delete<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        drop(self.remove(key, |_| true));
    }

    /// Sets the value of `key`; the former one. Go: `Swap`.
    pub fn swap(&self, key: K, value: V) -> Option<V> {
        self.replace(key, value).map(|value| V::clone(&value))
    }

    /// Replaces the value of `key` if it is `old`; false also if there is none. Go:
    /// `CompareAndSwap`.
    pub fn compare_and_swap<Q: Eq + Hash + ?Sized>(&self, key: &Q, old: &V, new: V) -> bool
    where
        K: Borrow<Q>,
        V: PartialEq,
    {
        let new = Arc::new(new);
        loop {
            let Some(now) = self.find(key) else { return false };
            if *now != *old {
                return false;
            }
            // Somebody else's value may have come between the comparison and the lock.
            if self.exchange(key, &now, new.clone()).is_some() {
                return true;
            }
        }
    }

    /// Removes `key` if its value is `old`. Go: `CompareAndDelete`.
    pub fn compare_and_delete<Q: Eq + Hash + ?Sized>(&self, key: &Q, old: &V) -> bool
    where
        K: Borrow<Q>,
        V: PartialEq,
    {
        loop {
            let Some(now) = self.find(key) else { return false };
            if *now != *old {
                return false;
            }
            if self.remove(key, |found| Arc::ptr_eq(found, &now)).is_some() {
                return true;
            }
        }
    }

    /// Calls `f` for each entry until it gives false; no snapshot. Go: `Range`.
    pub fn range(&self, mut f: impl FnMut(&K, &V) -> bool) {
        let Some(shards) = self.shards.get() else { return };
        for shard in &shards.shards {
            // Shard by shard, so that `f` may do with the map what it likes.
            let items: Vec<_> =
                shard.read().iter().map(|item| (item.key.clone(), item.value.clone())).collect();
            if !items.iter().all(|(key, value)| f(key, value)) {
                return;
            }
        }
    }

    /// Removes all. Go: `Clear`.
    pub fn clear(&self) {
        let Some(shards) = self.shards.get() else { return };
        // All at once: nobody finds one half cleared and the other not.
        let mut locked: Vec<_> = shards.shards.iter().map(RwLock::write).collect();
        let gone: Vec<_> = locked.iter_mut().map(|shard| core::mem::take(&mut **shard)).collect();
        drop(locked);
        drop(gone);
    }
}

/// The steps under a lock.
impl<K: Eq + Hash, V> Map<K, V> {
    fn shards(&self) -> &Shards<K, V> {
        self.shards.get_or_init(Shards::new)
    }

    fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let shards = self.shards.get()?;
        let hash = shards.hash(key);
        let shard = shards.of(hash).read();
        shard.find(hash, |item| item.is(key)).map(|item| item.value.clone())
    }

    fn replace(&self, key: K, value: V) -> Option<Arc<V>> {
        let shards = self.shards();
        let hash = shards.hash(&key);
        let (key, value) = (Arc::new(key), Arc::new(value));
        let mut shard = shards.of(hash).write();
        match shard.entry(hash, |item| item.key == key, |item| item.hash) {
            // The old key stays; the new one is dropped after the lock, like the old value.
            Entry::Occupied(mut found) => {
                Some(core::mem::replace(&mut found.get_mut().value, value))
            }
            Entry::Vacant(place) => {
                place.insert(Item { hash, key: key.clone(), value });
                None
            }
        }
    }

    /// Replaces the value if it is that one still; the old one.
    fn exchange<Q: Eq + Hash + ?Sized>(&self, key: &Q, old: &Arc<V>, new: Arc<V>) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let shards = self.shards();
        let hash = shards.hash(key);
        let mut shard = shards.of(hash).write();
        let found = shard.find_mut(hash, |item| item.is(key))?;
        Arc::ptr_eq(&found.value, old).then(|| core::mem::replace(&mut found.value, new))
    }

    fn remove<Q: Eq + Hash + ?Sized>(
        &self,
        key: &Q,
        wanted: impl FnOnce(&Arc<V>) -> bool,
    ) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let shards = self.shards.get()?;
        let hash = shards.hash(key);
        let mut shard = shards.of(hash).write();
        let found = shard.find_entry(hash, |item| item.is(key)).ok()?;
        if !wanted(&found.get().value) {
            return None;
        }
        let (item, _) = found.remove();
        drop(shard);
        let Item { key, value, .. } = item;
        drop(key);
        Some(value)
    }
}

impl<K, V> Item<K, V> {
    fn is<Q: Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        K::borrow(&self.key) == key
    }
}

impl<K, V> Shards<K, V> {
    fn new() -> Self {
        // Enough that goroutines that run at the same time seldom want the same one.
        let shards = (SCHED.cores() * 8).next_power_of_two();
        Self {
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| RwLock::new(HashTable::new())).collect(),
        }
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// By bits that the tables do not use: those take the highest and the lowest.
    fn of(&self, hash: u64) -> &Shard<K, V> {
        &self.shards[(hash >> 40) as usize & (self.shards.len() - 1)]
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
