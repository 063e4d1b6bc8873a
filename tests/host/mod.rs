//! What the sources promise, checked on the host.

mod anchors;
mod layering;
mod sources;
