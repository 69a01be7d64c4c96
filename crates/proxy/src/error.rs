//! How the program ends: exit codes, and messages on stderr.

use std::io::{self, Write};
use std::process::ExitCode;

use midwire_definition::escape::escape_lines;

/// The answer is "no": differences were found, a check failed, bytes could not be read.
pub(crate) const NO: u8 = 1;
/// What was typed makes no sense.
pub(crate) const USAGE: u8 = 2;
/// Input or output failed.
pub(crate) const FAILED: u8 = 3;

/// A mistake in what was typed: the program ends with [`USAGE`].
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A mistake in what was typed.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

/// Prints what went wrong, if anything, and gives the exit code for it.
pub(crate) fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    let code = if error.is::<Usage>() { USAGE } else { FAILED };
    say(&format!("error: {error:#}"));
    ExitCode::from(code)
}

/// A line, or a few, on stderr; what would steer a terminal as text. That nobody reads it is no reason to fail.
pub(crate) fn say(line: &str) {
    say_styled(&escape_lines(line));
}

/// The same for text in colours, which holds nothing foreign that was not escaped.
pub(crate) fn say_styled(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(line.as_bytes());
    if !line.ends_with('\n') {
        let _ = stderr.write_all(b"\n");
    }
}

/// Standard output took no more.
#[derive(Debug)]
pub(crate) struct OutputError(io::Error);

impl std::fmt::Display for OutputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

impl std::error::Error for OutputError {}

/// Writes to stdout at once, so that a failure is known.
pub(crate) fn write(bytes: &[u8]) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(OutputError)
}

/// Text on stdout, in which nothing foreign is left unescaped, and the exit code after it.
pub(crate) fn print(text: &str) -> ExitCode {
    print_and_end(text, ExitCode::SUCCESS)
}

/// The same with this exit code, if it could be written.
pub(crate) fn print_and_end(text: &str, code: ExitCode) -> ExitCode {
    exit_code(write(text.as_bytes()).map(|()| code).map_err(anyhow::Error::from))
}

/// Whoever read our output has gone: that is how `| head` ends, not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<OutputError>());
    causes.any(|OutputError(error)| error.kind() == io::ErrorKind::BrokenPipe)
}
