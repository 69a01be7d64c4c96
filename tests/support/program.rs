//! A running `midwire`, seen as a user's script sees it: arguments, standard output, diagnostics,
//! exit code.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

/// Where nobody has configured anything: definitions and accounts of whoever runs the tests do not count. Only
/// a whole path is one to the system.
pub fn nowhere() -> PathBuf {
    std::env::temp_dir().join("midwire-no-such-folder")
}

/// The program under test: Cargo names it for the tests of its own package, MIDWIRE for others.
pub fn binary() -> PathBuf {
    let built = option_env!("CARGO_BIN_EXE_midwire").map(PathBuf::from);
    let named = || std::env::var_os("MIDWIRE").map(PathBuf::from);
    built.or_else(named).expect("MIDWIRE names the midwire binary")
}

/// What one pipe of the program has said so far.
#[derive(Default)]
struct Pipe {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    text: Vec<u8>,
    ended: bool,
}

impl Pipe {
    fn follow(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let pipe = Arc::new(Self::default());
        let writer = Arc::clone(&pipe);
        thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut said = writer.said.lock().unwrap();
                said.text.extend_from_slice(&buffer[..count]);
                said.ended = count == 0;
                writer.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        pipe
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap().text).into_owned()
    }

    /// Waits until `found` answers, or the pipe has ended, or patience has.
    fn wait<T>(&self, mut found: impl FnMut(&Said) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.said.lock().unwrap();
        loop {
            if let Some(answer) = found(&said) {
                return Some(answer);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if said.ended || left.is_zero() {
                return None;
            }
            said = self.changed.wait_timeout(said, left).unwrap().0;
        }
    }
}

pub struct Program {
    child: Child,
    command_line: String,
    output: Arc<Pipe>,
    diagnostics: Arc<Pipe>,
}

/// What a program that has ended leaves behind.
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
    pub diagnostics: String,
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with_input(arguments, b"")
    }

    /// Starts midwire with `input` on its standard input, which then ends.
    pub fn start_with_input(arguments: &[&str], input: &[u8]) -> Self {
        Self::spawn(arguments, input, &nowhere(), &[], Stdio::piped())
    }

    /// Starts midwire for a user whose programs are configured, and keep their data, in this folder.
    pub fn start_configured(arguments: &[&str], folder: &Path) -> Self {
        Self::start_in(arguments, folder, &[])
    }

    /// The same with these variables.
    pub fn start_in(arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::spawn(arguments, b"", folder, variables, Stdio::piped())
    }

    fn spawn(
        arguments: &[&str],
        input: &[u8],
        folder: &Path,
        variables: &[(&str, &str)],
        output: Stdio,
    ) -> Self {
        let mut child = Command::new(binary())
            .args(arguments)
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built midwire starts");
        let mut stdin = child.stdin.take().expect("a piped input");
        // A program that reads nothing may be gone before everything is written.
        stdin.write_all(input).ok();
        drop(stdin);
        Self {
            output: match child.stdout.take() {
                Some(output) => Pipe::follow(output),
                None => Pipe::follow(std::io::empty()),
            },
            diagnostics: Pipe::follow(child.stderr.take().expect("piped diagnostics")),
            command_line: format!("midwire {}", arguments.join(" ")),
            child,
        }
    }

    /// Starts `midwire proxy PROTOCOL` from a free port to `server`, and waits until it listens.
    pub fn proxy(protocol: &str, server: SocketAddr, more: &[&str]) -> (Self, SocketAddr) {
        let to = server.to_string();
        Self::proxy_with(protocol, &[&["--to", &to], more].concat())
    }

    /// The same with every other argument given.
    pub fn proxy_with(protocol: &str, more: &[&str]) -> (Self, SocketAddr) {
        let arguments = [&["proxy", protocol, "--listen", "127.0.0.1:0"], more].concat();
        let program = Self::start(&arguments);
        let address = program.address();
        (program, address)
    }

    /// Waits until it listens.
    pub fn address(&self) -> SocketAddr {
        let address = self.diagnostics.wait(|said| {
            let text = String::from_utf8_lossy(&said.text);
            let (_, after) = text.split_once("listening on ")?;
            // Only a whole line is sure to hold the whole address.
            let (address, _) = after.split_once('\n')?;
            address.split_whitespace().next()?.parse().ok()
        });
        let Some(address) = address else {
            panic!("no line 'listening on ADDRESS' among the diagnostics{}", self.story())
        };
        address
    }

    /// The same with its output going somewhere else, where nobody follows it.
    pub fn proxy_to(
        output: Stdio,
        protocol: &str,
        server: SocketAddr,
        more: &[&str],
    ) -> (Self, SocketAddr) {
        let to = server.to_string();
        let head = ["proxy", protocol, "--listen", "127.0.0.1:0", "--to", &to];
        let program = Self::spawn(&[&head, more].concat(), b"", &nowhere(), &[], output);
        let address = program.address();
        (program, address)
    }

    /// Waits until the diagnostics hold this, and gives all that there are then.
    pub fn wait_for_diagnostics(&self, wanted: &str) -> String {
        let found = self.diagnostics.wait(|said| {
            let text = String::from_utf8_lossy(&said.text);
            text.contains(wanted).then(|| text.into_owned())
        });
        found.unwrap_or_else(|| panic!("no {wanted:?} among the diagnostics{}", self.story()))
    }

    /// Waits until the output holds this.
    pub fn wait_for_output(&self, wanted: &str) {
        let found = self
            .output
            .wait(|said| String::from_utf8_lossy(&said.text).contains(wanted).then_some(()));
        assert!(found.is_some(), "no {wanted:?} in the output{}", self.story());
    }

    pub fn diagnostics(&self) -> String {
        self.diagnostics.text()
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line of the JSON log satisfies `wanted`.
    pub fn wait_for_json(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) {
        let is_wanted = |line: &str| serde_json::from_str(line).as_ref().is_ok_and(&mut wanted);
        self.wait_for_line(what, is_wanted);
    }

    /// Waits until a line of the output satisfies `wanted`.
    pub fn wait_for_line(&self, what: &str, mut wanted: impl FnMut(&str) -> bool) {
        let mut read = 0;
        let found = self.output.wait(|said| {
            while let Some(len) = said.text[read..].iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&said.text[read..read + len]).into_owned();
                read += len + 1;
                if wanted(&line) {
                    return Some(());
                }
            }
            None
        });
        assert!(found.is_some(), "{what} never came{}", self.story());
    }

    /// Ends the program as a person does with ctrl-c.
    pub fn interrupt(self) -> Ended {
        self.signal("INT");
        self.wait()
    }

    /// Sends a signal: `INT` is what ctrl-c sends.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("the kill command runs");
        assert!(sent.success(), "midwire was gone before the signal{}", self.story());
    }

    /// How it has ended, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a program that was started")
    }

    /// Waits until the program has ended by itself.
    pub fn wait(mut self) -> Ended {
        for pipe in [&self.output, &self.diagnostics] {
            let ended = pipe.wait(|said| said.ended.then_some(()));
            assert!(ended.is_some(), "midwire does not end{}", self.story());
        }
        Ended {
            status: self.child.wait().expect("an ended program has a status"),
            output: self.output.text(),
            diagnostics: self.diagnostics.text(),
        }
    }

    /// What to add to a failure's message.
    pub fn story(&self) -> String {
        format!("\n--- {}\n{}", self.command_line, self.diagnostics.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only for a program that has ended, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The packets of a JSON log.
pub fn packets(log: &[Value]) -> impl Iterator<Item = &Value> {
    log.iter().filter(|line| line["type"] == "packet")
}

impl Ended {
    /// The JSON log, one value a line.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.output.lines().map(parse).collect()
    }
}
