#![no_main]

use std::time::Duration;

use bytes::BytesMut;
use midwire_definition::{Packet, PacketDefinition, StateId, VersionId, builtin};
use midwire_session::{
    Beside, Content, Decision, Direction, Elapsed, Event, Judge, Key, Options, Output, PacketInfo,
    PacketNumber, Place, Scratch, Session, Setup, Verdict, Watch,
};

/// Decides by a row of bytes.
struct ByBytes {
    verdicts: Vec<u8>,
    at: usize,
    /// It only holds packets up.
    gentle: bool,
}

impl Judge for ByBytes {
    fn interest(
        &self,
        _: VersionId,
        _: StateId,
        _: Direction,
        definition: Option<&PacketDefinition>,
    ) -> bool {
        let id = definition.map_or(0, |definition| definition.id as usize);
        self.verdicts.get(id % self.verdicts.len().max(1)).is_some_and(|byte| byte & 0x80 == 0)
    }

    fn judge(&mut self, info: &PacketInfo<'_>, _: Option<&mut Packet<'_>>) -> Verdict {
        let byte = self.verdicts.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        match byte % 8 {
            1 => Verdict::Intercept,
            2 => Verdict::Delay(Duration::from_millis(byte.into())),
            3 if !self.gentle => Verdict::Drop,
            4 if !self.gentle => Verdict::Replace(info.payload.repeat(2).into()),
            _ => Verdict::Pass,
        }
    }

    fn decide(
        &mut self,
        info: &PacketInfo<'_>,
        fields: Option<&mut Packet<'_>>,
        decision: &mut Decision,
    ) {
        *decision = self.judge(info, fields).into();
        let byte = self.verdicts.get(self.at).copied().unwrap_or(0);
        if self.gentle || byte & 0x40 == 0 {
            return;
        }
        let place = if byte & 1 == 0 { Place::Before } else { Place::After };
        let direction = Direction::BOTH[usize::from(byte >> 1 & 1)];
        let packet = Content::Payload(info.payload.to_vec().into());
        decision.beside.push(Beside { place, direction, packet, forced: byte & 4 == 0, by: None });
        decision.copies = u32::from(byte >> 3 & 1);
        if let Some(delay) = &mut decision.delay {
            delay.loose = byte & 0x10 == 0;
        }
    }
}

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8], Vec<(bool, u8, &[u8])>)| {
    let (options, verdicts, chunks) = input;
    let protocol = builtin(["minecraft", "terraria"][usize::from(options & 1)]);
    // who has keys of others only reads along
    let mut keys = vec![Key::from([0; 16]), Key::from([1; 16])];
    keys.truncate(usize::from(options >> 4 & 2));
    let options_of_all = Options { cipher_keys: keys.into(), ..Options::default() };
    let setup = Setup::new(protocol.expect("it is built in"), options_of_all);
    let mut session = Session::new(setup);
    session.set_watch([Watch::Nothing, Watch::Ids, Watch::Packets][usize::from(options >> 1) % 3]);
    let gentle = options & 0x40 == 0;
    if options & 0x80 == 0 {
        session.set_judge(Some(Box::new(ByBytes { verdicts: verdicts.to_vec(), at: 0, gentle })));
    }
    let mut scratch = Scratch::default();
    let mut came = [Vec::new(), Vec::new()];
    let mut sent = [Vec::new(), Vec::new()];
    let mut left = [BytesMut::new(), BytesMut::new()];
    let mut closed = false;
    let mut drain = |session: &mut Session, sent: &mut [Vec<u8>; 2]| {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send { direction, bytes } => sent[direction.index()].extend(bytes),
                Output::Event(Event::Closed { .. }) => closed = true,
                _ => {}
            }
        }
    };
    drain(&mut session, &mut sent);
    let mut now = 0;
    for (serverbound, wait, chunk) in chunks {
        let direction = Direction::BOTH[usize::from(!serverbound)];
        now += u64::from(wait);
        let at = Elapsed::from_millis(now);
        session.handle_timeout(at, &mut scratch);
        drain(&mut session, &mut sent);
        let bytes = &mut left[direction.index()];
        came[direction.index()].extend_from_slice(chunk);
        bytes.extend_from_slice(chunk);
        session.handle_bytes(direction, bytes, at, &mut scratch);
        drain(&mut session, &mut sent);
    }
    for direction in Direction::BOTH {
        let bytes = &mut left[direction.index()];
        session.handle_end(direction, bytes, Elapsed::from_millis(now), &mut scratch);
        drain(&mut session, &mut sent);
    }
    let count: u64 = Direction::BOTH.iter().map(|d| session.counters(*d).frames).sum();
    for number in 1..=count {
        now += 1000;
        let at = Elapsed::from_millis(now);
        // Most are not held.
        let _ = session.resume(PacketNumber(number), Verdict::Pass, at, &mut scratch);
        drain(&mut session, &mut sent);
        session.handle_timeout(at, &mut scratch);
        drain(&mut session, &mut sent);
    }
    now += 1000;
    session.handle_timeout(Elapsed::from_millis(now), &mut scratch);
    drain(&mut session, &mut sent);
    assert!(closed);
    let changed: u64 = Direction::BOTH
        .iter()
        .map(|d| session.counters(*d))
        .map(|c| c.dropped + c.changed + c.injected)
        .sum();
    if changed == 0 {
        assert_eq!(sent, came);
    }
});
