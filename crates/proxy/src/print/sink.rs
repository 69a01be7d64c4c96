//! Where what is shown goes: to standard output while it is made, so that nothing long is ever there as a whole.

use crate::error::{self, OutputError};

/// Text that waits is written at the latest when there is so much.
const WRITE_AT: usize = 64 << 10;

/// Takes what is shown.
pub(crate) trait Sink {
    /// Takes some text.
    fn text(&mut self, text: &str);

    /// Takes all that was written to a line, and leaves it empty.
    fn take(&mut self, line: &mut String) {
        self.text(line);
        line.clear();
    }
}

/// Keeps everything.
impl Sink for Vec<u8> {
    fn text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Text on its way to standard output. Once it could not be written nothing more is.
#[derive(Debug, Default)]
pub(crate) struct Output {
    text: Vec<u8>,
    failed: Option<OutputError>,
}

impl Output {
    /// Writes what waits.
    pub(crate) fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.write(&text);
        self.text = text;
        self.text.clear();
    }

    fn write(&mut self, text: &[u8]) {
        if self.failed.is_none() && !text.is_empty() {
            self.failed = error::write(text).err();
        }
    }

    /// Whether it could not be written.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes what waits, and gives what went wrong since the last time.
    pub(crate) fn finish(&mut self) -> Result<(), OutputError> {
        self.flush();
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl Sink for Output {
    fn text(&mut self, text: &str) {
        if text.len() >= WRITE_AT {
            self.flush();
            return self.write(text.as_bytes());
        }
        self.text.extend_from_slice(text.as_bytes());
        if self.text.len() >= WRITE_AT {
            self.flush();
        }
    }
}
