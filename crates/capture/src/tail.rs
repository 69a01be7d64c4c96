//! Where a file can be gone on with.

use std::io::Read;

use crate::read::{Damage, Item, Kind, Problem, ReadError, Reader};

/// How a capture file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Its length up to the end of its last whole record. A new section goes there; what is behind is
    /// to be cut off, as other tools do not read past it.
    pub whole: u64,
    /// What is behind that.
    pub cut: Option<Damage>,
    /// Places in front of it that are damaged.
    pub damaged: u64,
    /// Whether a section can follow: in pcapng, and in a file without any record.
    pub takes_sections: bool,
}

/// Reads a file through to see how it ends.
///
/// # Errors
/// Where it cannot be read, or is no capture. An empty file is fine, as is one that ends within its
/// header.
pub fn tail<R: Read>(input: R) -> Result<Tail, ReadError> {
    let mut reader = Reader::new(input);
    let mut tail = Tail { whole: 0, cut: None, damaged: 0, takes_sections: true };
    loop {
        let damage = match reader.next() {
            Ok(Some(Item::Damage(damage))) => damage,
            Ok(Some(_)) => {
                tail.whole = reader.offset();
                tail.damaged += u64::from(tail.cut.take().is_some());
                continue;
            }
            Ok(None) => break,
            Err(ReadError::TooShort(len)) => {
                let problem = Problem::Cut { wanted: 24.max(len), found: len };
                tail.cut = (len > 0).then_some(Damage { offset: 0, len, problem });
                return Ok(tail);
            }
            Err(error) => return Err(error),
        };
        if damage.len == 0 {
            tail.damaged += 1;
        } else {
            tail.damaged += u64::from(tail.cut.replace(damage).is_some());
        }
    }
    let kind = reader.context().map(|context| context.kind);
    tail.takes_sections = tail.whole == 0 || kind == Some(Kind::Pcapng);
    Ok(tail)
}
