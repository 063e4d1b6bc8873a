//! Volumes on disks in memory: made by another implementation of FAT, by `mkfs.ext4`, and damaged.

mod damage;
mod disk;
mod ext;
mod faults;
mod formats;
mod model;
