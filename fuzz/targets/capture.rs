#![no_main]

use midwire_capture::{
    Decoded, Decoder, Item, Reader, Recordings, StreamEvent, StreamLimits, Streams, tail,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let mut decoder = Decoder::default();
    let mut recordings = Recordings::default();
    let limits = StreamLimits { streams_max: 8, waiting_total_max: 4_096, ..Default::default() };
    let mut streams = Streams::new(limits);
    let (mut at, mut given) = (0, 0);
    let mut take = |event: StreamEvent<'_>| {
        if let StreamEvent::Bytes { bytes, .. } = event {
            given += bytes.len();
        }
    };
    while let Ok(Some(item)) = reader.next() {
        let offset = match &item {
            Item::Section(section) => section.offset,
            Item::Packet(packet) => packet.offset,
            Item::Damage(damage) => {
                assert!(damage.offset + damage.len <= bytes.len() as u64);
                continue;
            }
            Item::Other { offset, .. } => *offset,
            Item::Interface(_) => continue,
        };
        assert!(offset >= at);
        at = offset;
        let Item::Packet(packet) = item else { continue };
        packet.options.comments().for_each(drop);
        if let Decoded::Tcp(segment) = decoder.packet(&packet) {
            recordings.push(&packet, &segment, |_| {});
            streams.push(&segment, packet.at, &mut take);
            assert!(streams.waiting() <= 4_096);
        }
        if let Some(state) = recordings.save() {
            assert!(Recordings::restore(&state).is_ok());
        }
    }
    recordings.finish(|_| {});
    assert!(!recordings.is_waiting());
    streams.finish(&mut take);
    // What is given was there; fragments may be given again, as a part of other datagrams.
    assert!(given <= bytes.len() * 2);
    // Behind damage, what is taken for a record depends on what follows it.
    if let Ok(end) = tail(bytes)
        && end.damaged == 0
        && end.whole > 0
    {
        assert!(tail(&bytes[..end.whole as usize]).is_ok_and(|again| again.whole == end.whole));
    }
});
