//! Writes a capture of made-up sessions in which everything occurs that a capture can hold, and tells
//! how many bytes of payload each leg has: `sample FILE` (printed as `leg direction bytes`).

use std::error::Error;
use std::fs::File;
use std::net::SocketAddr;
use std::time::Duration;

use midwire_capture::{
    Closing, Content, Ends, Frame, Leg, Opening, Origin, Recorded, Timestamp, Writer,
};
use midwire_codec::Direction::{self, Clientbound, Serverbound};

struct Sample {
    writer: Writer<File>,
    at: Timestamp,
    /// Payload by session, leg and direction.
    totals: Vec<[[u64; 2]; 2]>,
}

impl Sample {
    fn tick(&mut self) -> Timestamp {
        self.at = self.at.after(Duration::from_micros(1_250));
        self.at
    }

    fn open(&mut self, session: u64, client: Ends, server: Ends) -> Result<(), Box<dyn Error>> {
        let at = self.tick();
        let facts = [("protocol", "minecraft"), ("to", "play.example.org:25565 \u{202e}%")];
        self.writer.session_opened(&Opening {
            session,
            at,
            client,
            server: None,
            facts: &facts,
        })?;
        self.writer.server_connected(session, server)?;
        self.totals.push([[0; 2]; 2]);
        Ok(())
    }

    fn count(&mut self, session: u64, leg: Leg, direction: Direction, len: usize) {
        let totals = &mut self.totals[session as usize - 1];
        totals[leg.index()][direction.index()] += len as u64;
    }

    fn pass(
        &mut self,
        session: u64,
        number: u64,
        direction: Direction,
        bytes: &[u8],
    ) -> Result<(), Box<dyn Error>> {
        let at = self.tick();
        self.writer.frame(&Frame::passed(session, number, direction, at, bytes))?;
        self.count(session, Leg::Client, direction, bytes.len());
        Ok(())
    }

    fn decide(
        &mut self,
        session: u64,
        number: u64,
        direction: Direction,
        bytes: Recorded<'_>,
    ) -> Result<(), Box<dyn Error>> {
        let at = self.tick();
        let injected = matches!(bytes, Recorded::Injected(_));
        self.writer.frame(&Frame {
            bytes,
            origin: if injected { Origin::Rule } else { Origin::sender(direction) },
            decided_by: Some(Origin::Rule),
            by: &["demo.rules:1"],
            ..Frame::passed(session, number, direction, at, &[])
        })?;
        let (incoming, outgoing) = (Leg::incoming(direction), Leg::outgoing(direction));
        match bytes {
            Recorded::Passed(content) => {
                self.count(session, Leg::Client, direction, content.bytes.len());
            }
            Recorded::Dropped(came) | Recorded::Came(came) => {
                self.count(session, incoming, direction, came.bytes.len());
            }
            Recorded::Changed { came, sent } => {
                self.count(session, incoming, direction, came.bytes.len());
                self.count(session, outgoing, direction, sent.bytes.len());
            }
            Recorded::Injected(sent) | Recorded::Sent(sent) => {
                self.count(session, outgoing, direction, sent.bytes.len());
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: sample FILE")?;
    let mut sample = Sample {
        writer: Writer::new(File::create(path)?, "midwire sample"),
        at: Timestamp(1_795_000_000_123_456_789),
        totals: Vec::new(),
    };
    let ends = |client: &str, server: &str| -> Result<Ends, Box<dyn Error>> {
        Ok(Ends { client: client.parse::<SocketAddr>()?, server: server.parse::<SocketAddr>()? })
    };
    sample.open(
        1,
        ends("127.0.0.1:50001", "127.0.0.1:25565")?,
        ends("192.0.2.7:40001", "198.51.100.1:25565")?,
    )?;
    sample.open(
        2,
        ends("[::1]:50002", "[::1]:25565")?,
        ends("[2001:db8::7]:40002", "[2001:db8::1]:25565")?,
    )?;
    // An IPv4 client of an IPv6 listener.
    sample.open(
        3,
        ends("[::ffff:127.0.0.1]:50003", "[::1]:25565")?,
        ends("192.0.2.7:40003", "198.51.100.1:25565")?,
    )?;

    let large: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    for session in 1..=3 {
        let mut number = 0;
        let mut next = || {
            number += 1;
            number
        };
        sample.pass(session, next(), Serverbound, b"\x05hello")?;
        sample.pass(session, next(), Clientbound, &large)?;
        let at = sample.tick();
        sample.writer.facts(
            session,
            at,
            None,
            &[("state.serverbound", "play"), ("version", "769")],
        )?;
        sample.writer.facts(session, at, None, &[("state.clientbound", "play")])?;
        sample.writer.facts(session, at, None, &[("compression.clientbound", "256")])?;
        for direction in Direction::BOTH {
            let (came, sent) = (Content::from(&large[..70_000]), Content::from(&b"\x03new"[..]));
            sample.decide(session, next(), direction, Recorded::Changed { came, sent })?;
            sample.decide(session, next(), direction, Recorded::Dropped(sent))?;
            sample.decide(session, next(), direction, Recorded::Injected(sent))?;
            let secret = Content { bytes: b"\x0apassword=1", blank: &[10..11, 65..70, 11..90] };
            sample.decide(session, next() + 10, direction, Recorded::Passed(secret))?;
            sample.pass(session, next() + 20, direction, b"\x01a")?;
            sample.pass(session, next() + 20, direction, b"")?;
        }
        let at = sample.tick();
        let late = Frame::passed(session, next() + 20, Clientbound, at, b"\x04late");
        sample.writer.frame(&Frame { delayed: Some(Duration::from_millis(150)), ..late })?;
        sample.count(session, Leg::Client, Clientbound, 5);
    }
    // More than a receiver's window without an answer; a sequence number wraps only after 4 GiB,
    // which is left to the unit tests.
    for number in 100..1_200 {
        sample.pass(2, number, Clientbound, &large)?;
    }
    let at = sample.tick();
    sample.writer.direction_ended(1, Clientbound, at)?;
    sample.pass(1, 50, Serverbound, b"\x03bye")?;
    sample.writer.session_closed(1, Closing::Finished, at)?;
    if std::env::args().nth(2).as_deref() == Some("--reset") {
        sample.writer.session_closed(2, Closing::Reset(Clientbound), at)?;
    }
    // Session 3 is still open when the program ends.
    sample.writer.statistics(at, 0)?;
    sample.writer.flush()?;
    for (session, legs) in sample.totals.iter().enumerate() {
        for (leg, directions) in Leg::BOTH.into_iter().zip(legs) {
            for (direction, bytes) in Direction::BOTH.into_iter().zip(directions) {
                println!("{} {} {direction} {bytes}", session + 1, leg.as_str());
            }
        }
    }
    Ok(())
}
