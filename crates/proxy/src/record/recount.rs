//! What is in a file of a recording that took no more.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use midwire_capture::{Decoded, Decoder, Fate, Form, Item, Reader, Record, Recordings};

/// How many frames a section has, and how many bytes of frames and streams: as they are counted when they are
/// written.
pub(super) fn recount(path: &Path, start: u64) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file));
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let (mut frames, mut bytes) = (0, 0);
    let mut count = |record: Record<'_>| {
        let Record::Frame(frame) = record else { return };
        let is_second =
            frame.form == Form::Sent && matches!(frame.fate, Fate::Changed | Fate::Delayed);
        if frame.number > 0 && !is_second {
            frames += frame.count;
        }
        bytes += frame.bytes.len() as u64;
    };
    // What cannot be read any more is not there.
    while let Ok(Some(item)) = reader.next() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { continue };
        recordings.push(&packet, &segment, &mut count);
    }
    recordings.finish(&mut count);
    Ok((frames, bytes))
}
