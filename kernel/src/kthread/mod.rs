//! Kernel threads (Ms) and what they sleep and are queued by.

pub mod mailbox;
pub mod note;
