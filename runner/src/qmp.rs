//! QEMU's control socket: just enough of its JSON to stop a machine and look at its cores.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// A QEMU that does not answer at all is part of what can hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to one QEMU.
pub struct Qmp {
    replies: BufReader<UnixStream>,
    commands: UnixStream,
}

impl Qmp {
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let commands = UnixStream::connect(socket)?;
        commands.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self { replies: BufReader::new(commands.try_clone()?), commands };
        qmp.next()?;
        qmp.call("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Stops all cores where they are.
    pub fn stop(&mut self) -> io::Result<()> {
        self.call("stop", json!({})).map(drop)
    }

    /// Lets them go on, with a non-maskable interrupt for each that no masking keeps out.
    pub fn prod(&mut self) -> io::Result<()> {
        self.monitor("nmi")?;
        self.call("cont", json!({})).map(drop)
    }

    /// A command of the human monitor, and what it prints.
    pub fn monitor(&mut self, line: &str) -> io::Result<String> {
        let reply = self.call("human-monitor-command", json!({ "command-line": line }))?;
        Ok(reply.as_str().unwrap_or_default().replace('\r', ""))
    }

    fn call(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        let message = json!({ "execute": command, "arguments": arguments });
        writeln!(self.commands, "{message}")?;
        loop {
            let mut reply = self.next()?;
            if let Some(error) = reply.get("error") {
                return Err(io::Error::other(error.to_string()));
            }
            // Anything else is an event.
            if let Some(value) = reply.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    fn next(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.replies.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}
