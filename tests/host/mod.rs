//! What the sources promise, checked on the host.

mod anchors;
mod coverage;
mod layering;
mod misuse;
mod sizes;
mod sources;
