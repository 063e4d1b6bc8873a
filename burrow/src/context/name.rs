//! Names of contexts. Go: `contextName`.

use core::fmt;

use super::{Context, Node};
use crate::time::Instant;

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.node {
            Node::Background => f.write_str("context.Background"),
            Node::Todo => f.write_str("context.TODO"),
            Node::Cancel(parent, _) => write!(f, "{parent}.WithCancel"),
            Node::Deadline(parent, _, deadline) => {
                let left = deadline.duration_since(Instant::now());
                write!(f, "{parent}.WithDeadline({deadline:?} [{left:?}])")
            }
            Node::Value(parent, binding) => {
                write!(f, "{parent}.WithValue(")?;
                binding.name(f)?;
                f.write_str(")")
            }
            Node::WithoutCancel(parent) => write!(f, "{parent}.WithoutCancel"),
            Node::Custom(custom) => f.write_str(custom.type_name()),
        }
    }
}
