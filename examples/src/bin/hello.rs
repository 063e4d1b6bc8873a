//! The smallest image.
#![no_std]
#![no_main]
use burrow as _;
