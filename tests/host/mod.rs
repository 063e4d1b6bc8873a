//! What the sources promise, checked on the host.

mod layering;
mod sources;
