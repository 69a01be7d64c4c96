//! Streams out of segments, in whatever order and number they come.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use midwire_capture::{
    Segment, StreamEnd, StreamEvent, StreamId, StreamLimits, Streams, Timestamp,
};
use midwire_codec::Direction::{self, Clientbound, Serverbound};
use proptest::prelude::*;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn client() -> SocketAddr {
    "10.0.0.1:50000".parse().unwrap()
}

fn server() -> SocketAddr {
    "10.0.0.2:25565".parse().unwrap()
}

/// What came out of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stream {
    ends: Option<(SocketAddr, SocketAddr, bool)>,
    /// With missing bytes as zeros.
    bytes: [Vec<u8>; 2],
    /// Direction, offset, length.
    gaps: Vec<(Direction, u64, u64)>,
    finished: Vec<Direction>,
    ended: Option<StreamEnd>,
}

/// Gathers events, and checks what must always hold.
#[derive(Default)]
struct Seen(BTreeMap<StreamId, Stream>);

impl Seen {
    fn event(&mut self, event: StreamEvent<'_>) {
        let (StreamEvent::Opened { stream, .. }
        | StreamEvent::Bytes { stream, .. }
        | StreamEvent::Gap { stream, .. }
        | StreamEvent::Finished { stream, .. }
        | StreamEvent::Ended { stream, .. }) = event;
        let seen = self.0.entry(stream).or_default();
        assert_eq!(seen.ended, None, "nothing follows an end");
        match event {
            StreamEvent::Opened { client, server, from_start, .. } => {
                assert_eq!(seen.ends.replace((client, server, from_start)), None);
            }
            _ => assert!(seen.ends.is_some(), "it is opened first"),
        }
        match event {
            StreamEvent::Bytes { direction, offset, bytes, .. } => {
                assert!(!bytes.is_empty());
                assert_eq!(offset, seen.bytes[direction.index()].len() as u64);
                seen.bytes[direction.index()].extend_from_slice(bytes);
            }
            StreamEvent::Gap { direction, offset, len, .. } => {
                let bytes = &mut seen.bytes[direction.index()];
                assert_eq!(offset, bytes.len() as u64);
                assert!(len < 1 << 20, "{len}");
                bytes.resize(bytes.len() + len as usize, 0);
                seen.gaps.push((direction, offset, len));
            }
            StreamEvent::Finished { direction, .. } => {
                assert!(!seen.finished.contains(&direction));
                seen.finished.push(direction);
            }
            StreamEvent::Ended { how, .. } => seen.ended = Some(how),
            StreamEvent::Opened { .. } => {}
        }
    }

    fn only(&self) -> &Stream {
        assert_eq!(self.0.len(), 1, "{:?}", self.0);
        self.0.values().next().unwrap()
    }
}

/// A segment of the stream between [`client`] and [`server`].
#[derive(Clone, Debug)]
struct Sent {
    direction: Direction,
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    payload: Vec<u8>,
    missing: u32,
}

impl Sent {
    fn segment(&self) -> Segment<'_> {
        let (source, destination) = match self.direction {
            Serverbound => (client(), server()),
            Clientbound => (server(), client()),
        };
        Segment {
            source,
            destination,
            sequence: self.sequence,
            acknowledgment: self.acknowledgment,
            flags: self.flags,
            payload: &self.payload,
            missing: self.missing,
        }
    }
}

fn sent(direction: Direction, sequence: u32, flags: u8, payload: &[u8]) -> Sent {
    let payload = payload.to_vec();
    Sent { direction, sequence, acknowledgment: 0, flags, payload, missing: 0 }
}

fn bytes(direction: Direction, sequence: u32, payload: &[u8]) -> Sent {
    sent(direction, sequence, 0, payload)
}

/// An acknowledgement by the receiver of a direction.
fn received(direction: Direction, acknowledgment: u32) -> Sent {
    Sent { acknowledgment, ..sent(direction.opposite(), 9_000, ACK, b"") }
}

fn open(first: u32) -> Vec<Sent> {
    vec![
        sent(Serverbound, first, SYN, b""),
        Sent { acknowledgment: first.wrapping_add(1), ..sent(Clientbound, 8_999, SYN | ACK, b"") },
    ]
}

/// Feeds segments a millisecond apart, and finishes.
fn run(segments: &[Sent]) -> Seen {
    run_with(&mut Streams::default(), segments)
}

fn run_with(streams: &mut Streams, segments: &[Sent]) -> Seen {
    let mut seen = Seen::default();
    let mut at = Timestamp(1_000_000_000);
    for segment in segments {
        at = at.after(Duration::from_millis(1));
        streams.push(&segment.segment(), Some(at), |event| seen.event(event));
    }
    streams.finish(|event| seen.event(event));
    assert_eq!(streams.waiting(), 0);
    seen
}

fn serverbound(segments: &[Sent]) -> Vec<u8> {
    run(segments).only().bytes[0].clone()
}

#[test]
fn segments_in_order_come_out_as_they_are() {
    let mut segments = open(100);
    segments.extend([
        bytes(Serverbound, 101, b"one"),
        bytes(Clientbound, 9_000, b"answer"),
        bytes(Serverbound, 104, b"two"),
        sent(Serverbound, 107, FIN | ACK, b""),
        sent(Clientbound, 9_006, FIN | ACK, b""),
        sent(Serverbound, 108, ACK, b""),
    ]);
    let seen = run(&segments);
    let stream = seen.only();
    assert_eq!(stream.ends, Some((client(), server(), true)));
    assert_eq!(stream.bytes, [b"onetwo".to_vec(), b"answer".to_vec()]);
    assert_eq!(stream.finished, [Serverbound, Clientbound]);
    assert_eq!(stream.ended, Some(StreamEnd::Finished));
    assert_eq!(stream.gaps, []);
}

#[test]
fn what_overtook_waits_and_what_comes_again_counts_once() {
    let segments = [
        open(100),
        vec![
            bytes(Serverbound, 104, b"def"),
            bytes(Serverbound, 107, b"ghi"),
            bytes(Serverbound, 107, b"GHI"),
            bytes(Serverbound, 101, b"abc"),
            bytes(Serverbound, 101, b"ABCDEFGHIj"),
            bytes(Serverbound, 109, b"Ijkl"),
        ],
    ];
    assert_eq!(serverbound(&segments.concat()), b"abcdefghijkl");
}

#[test]
fn of_overlapping_pieces_with_other_content_the_first_wins() {
    let segments = [
        open(100),
        vec![
            bytes(Serverbound, 105, b"5678"),
            bytes(Serverbound, 103, b"xxxxxxxxx"),
            bytes(Serverbound, 101, b"yyyyyyyyyyyyyy"),
        ],
    ];
    assert_eq!(serverbound(&segments.concat()), b"yyxx5678xxxyyy");
}

#[test]
fn sequence_numbers_wrap() {
    let first = u32::MAX - 4;
    let mut segments = open(first);
    segments.push(bytes(Serverbound, 4, b"ij"));
    segments.push(bytes(Serverbound, first.wrapping_add(1), b"abcd"));
    segments.push(bytes(Serverbound, 0, b"efgh"));
    assert_eq!(serverbound(&segments), b"abcdefghij");
}

#[test]
fn five_gigabytes_go_through_though_sequence_numbers_wrap() {
    let chunk = vec![7; 1 << 20];
    let mut streams = Streams::default();
    let mut total = 0;
    for n in 0..5 << 10 {
        let segment = bytes(Serverbound, ((n as u64) << 20) as u32, &chunk);
        streams.push(&segment.segment(), None, |event| match event {
            StreamEvent::Bytes { offset, bytes, .. } => {
                assert_eq!(offset, total);
                total += bytes.len() as u64;
            }
            StreamEvent::Opened { .. } => {}
            _ => panic!("{event:?}"),
        });
    }
    streams.finish(|event| match event {
        StreamEvent::Bytes { bytes, .. } => total += bytes.len() as u64,
        StreamEvent::Ended { .. } => {}
        _ => panic!("{event:?}"),
    });
    assert_eq!(total, 5 << 30);
}

#[test]
fn a_capture_may_begin_in_the_middle_and_out_of_order() {
    let segments = [
        bytes(Clientbound, 70, b"later"),
        bytes(Clientbound, 62, b"earlier."),
        bytes(Clientbound, 75, b"."),
    ];
    let seen = run(&segments);
    let stream = seen.only();
    assert_eq!(stream.ends, Some((client(), server(), false)));
    assert_eq!(stream.bytes[1], b"earlier.later.");
    assert_eq!(stream.gaps, []);
    assert_eq!(stream.ended, Some(StreamEnd::Capture));
}

#[test]
fn known_ports_tell_the_server_where_no_handshake_does() {
    let segment = bytes(Clientbound, 1, b"x");
    let swapped = Segment { source: client(), destination: server(), ..segment.segment() };
    for (ports, expected) in [(vec![], (client(), server())), (vec![50_000], (server(), client()))]
    {
        let mut streams = Streams::default().with_server_ports(ports);
        let mut seen = Seen::default();
        streams.push(&swapped, None, |event| seen.event(event));
        streams.finish(|event| seen.event(event));
        assert_eq!(seen.only().ends, Some((expected.0, expected.1, false)));
    }
}

#[test]
fn a_handshake_that_comes_late_is_believed() {
    // The lower port is the client's here.
    let mut segments = vec![bytes(Clientbound, 5, b"first")];
    segments.push(sent(Clientbound, 4, SYN, b""));
    let seen = run(&segments);
    assert_eq!(seen.only().ends, Some((server(), client(), true)));
    assert_eq!(seen.only().bytes[0], b"first");
}

#[test]
fn the_end_of_the_handshake_tells_where_the_other_side_starts() {
    let mut segments = vec![sent(Serverbound, 100, SYN, b"")];
    let end = Sent { acknowledgment: 9_000, ..sent(Serverbound, 101, ACK, b"") };
    segments.push(end);
    for n in 0..20 {
        segments.push(bytes(Clientbound, 9_005 + n, b"x"));
    }
    segments.push(bytes(Clientbound, 9_000, b"first"));
    let seen = run(&segments);
    assert_eq!(seen.only().gaps, []);
    assert_eq!(seen.only().bytes[1], b"firstxxxxxxxxxxxxxxxxxxxx");
}

#[test]
fn the_answer_to_a_handshake_tells_where_both_sides_start() {
    let answer = sent(Clientbound, 8_999, SYN | ACK, b"");
    let mut segments = vec![Sent { acknowledgment: 101, ..answer }];
    for n in 0..20 {
        segments.push(bytes(Clientbound, 9_000 + n, b"x"));
        segments.push(bytes(Serverbound, 106 + n, b"y"));
    }
    segments.push(bytes(Serverbound, 101, b"first"));
    let seen = run(&segments);
    assert_eq!(seen.only().ends, Some((client(), server(), true)));
    assert_eq!(seen.only().gaps, []);
    assert_eq!(seen.only().bytes, [b"firstyyyyyyyyyyyyyyyyyyyy".to_vec(), vec![b'x'; 20]]);
}

/// Who said what, in the order in which it comes out.
fn talk(segments: &[Sent]) -> Vec<(Direction, String)> {
    let (mut streams, mut talk) = (Streams::default(), Vec::new());
    let mut take = |event: StreamEvent<'_>| {
        if let StreamEvent::Bytes { direction, bytes, .. } = event {
            talk.push((direction, String::from_utf8_lossy(bytes).into_owned()));
        }
    };
    for segment in segments {
        streams.push(&segment.segment(), Some(Timestamp(1)), &mut take);
    }
    streams.finish(&mut take);
    talk
}

#[test]
fn what_was_answered_comes_before_its_answer_whatever_of_the_handshake_is_missing() {
    let handshake = [
        sent(Serverbound, 100, SYN, b""),
        acks(101, sent(Clientbound, 8_999, SYN, b"")),
        acks(9_000, sent(Serverbound, 101, 0, b"")),
    ];
    for first in [Serverbound, Clientbound] {
        let (mut numbers, mut said, mut spoken) = ([101, 9_000], Vec::new(), Vec::new());
        for turn in 0..12 {
            let direction = if turn % 2 == 0 { first } else { first.opposite() };
            let text = format!("{turn:04}");
            let other = numbers[direction.opposite().index()];
            let number = &mut numbers[direction.index()];
            spoken.push(acks(other, bytes(direction, *number, text.as_bytes())));
            *number += 4;
            said.push((direction, text));
        }
        for there in 0..8 {
            let left = handshake.iter().enumerate().filter(|(at, _)| there >> at & 1 == 1);
            let left: Vec<Sent> = left.map(|(_, segment)| segment.clone()).collect();
            for turns in [3, 12] {
                let all = [&left[..], &spoken[..turns]].concat();
                assert_eq!(talk(&all), said[..turns], "{there:03b}, {first} first");
            }
        }
    }
}

/// A segment that says how much its sender has got.
fn acks(number: u32, segment: Sent) -> Sent {
    Sent { acknowledgment: number, flags: segment.flags | ACK, ..segment }
}

/// A handshake, and what both say in turn, the server first.
fn turns(count: u32) -> (Vec<Sent>, Vec<(Direction, String)>) {
    let mut segments = vec![
        sent(Serverbound, 100, SYN, b""),
        acks(101, sent(Clientbound, 8_999, SYN, b"")),
        acks(9_000, sent(Serverbound, 101, 0, b"")),
    ];
    let (mut numbers, mut said) = ([101, 9_000], Vec::new());
    for turn in 0..count {
        let direction = if turn % 2 == 0 { Clientbound } else { Serverbound };
        let text = format!("{turn:04}");
        let other = numbers[direction.opposite().index()];
        let number = &mut numbers[direction.index()];
        segments.push(acks(other, bytes(direction, *number, text.as_bytes())));
        *number += 4;
        said.push((direction, text));
    }
    (segments, said)
}

/// All orders in which no segment is more than some places from where it was sent.
fn orders(count: usize, reach: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for place in 0..count {
        let may_follow = |order: &Vec<usize>| {
            let late = (0..count).find(|at| !order.contains(at)).filter(|at| at + reach <= place);
            let near = place.saturating_sub(reach)..(place + reach + 1).min(count);
            let free = near.filter(|at| !order.contains(at) && late.is_none_or(|late| late == *at));
            free.map(|at| [&order[..], &[at]].concat()).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(may_follow).collect();
    }
    orders
}

#[test]
fn what_was_answered_comes_before_its_answer_in_whatever_order_it_was_captured() {
    let (segments, said) = turns(6);
    for order in orders(segments.len(), 3) {
        let all: Vec<Sent> = order.iter().map(|at| segments[*at].clone()).collect();
        assert_eq!(run(&all).0.len(), 1, "{order:?}");
        assert_eq!(talk(&all), said, "{order:?}");
    }
}

#[test]
fn of_segments_that_answer_each_other_the_later_one_was_sent_again() {
    let (mut segments, said) = turns(5);
    let first = segments.remove(4);
    segments.insert(5, Sent { acknowledgment: 9_008, ..first });
    assert_eq!(talk(&segments), said);
}

#[test]
fn who_was_waited_for_begins_there_though_its_first_bytes_are_missing() {
    let (segments, _) = turns(6);
    assert_eq!(run(&segments[4..]).only().gaps, []);
    // The server's 0000 came before; of what it says next, 0002 is missing.
    let all = [&segments[4..5], &segments[6..]].concat();
    let seen = run(&all);
    assert_eq!(seen.only().gaps, [(Clientbound, 0, 4)]);
    assert_eq!(seen.only().bytes, [b"000100030005".to_vec(), b"\x00\x00\x00\x000004".to_vec()]);
}

#[test]
fn a_loss_is_a_gap_of_known_length_and_the_stream_goes_on() {
    let mut segments = open(100);
    segments.push(bytes(Serverbound, 101, b"abc"));
    segments.push(bytes(Serverbound, 110, b"klm"));
    segments.push(bytes(Serverbound, 113, b"nop"));
    let seen = run(&segments);
    assert_eq!(seen.only().bytes[0], b"abc\0\0\0\0\0\0klmnop");
    assert_eq!(seen.only().gaps, [(Serverbound, 3, 6)]);
}

/// Feeds a hole and then one-byte segments an hour apart, until a gap is told. Gives how many it took.
fn packets_until_gap(limits: StreamLimits, acknowledged: bool) -> u32 {
    let mut streams = Streams::new(limits);
    let mut at = Timestamp(0);
    let mut gap = false;
    let mut push = |segment: &Sent, at| {
        streams.push(&segment.segment(), Some(at), |event| {
            gap |= matches!(event, StreamEvent::Gap { offset: 1, len: 4, .. });
        });
        gap
    };
    for segment in open(100).iter().chain(&[bytes(Serverbound, 101, b"a")]) {
        push(segment, at);
    }
    for n in 0.. {
        at = at.after(Duration::from_secs(3_600));
        if push(&bytes(Serverbound, 106 + n, b"x"), at) {
            return n;
        }
        if acknowledged && push(&received(Serverbound, 107 + n), at) {
            return n;
        }
    }
    unreachable!()
}

#[test]
fn a_gap_is_given_up_after_packets_or_bytes_whatever_their_times() {
    let limits = StreamLimits::default();
    assert_eq!(packets_until_gap(limits, false), 4_096);
    // Two packets a round.
    assert_eq!(packets_until_gap(limits, true), 512);
    let small = StreamLimits { waiting_len_max: 1_000, ..limits };
    assert_eq!(packets_until_gap(small, false), 1_000 / 97);
    let total = StreamLimits { waiting_total_max: 1_000, ..limits };
    assert_eq!(packets_until_gap(total, false), 1_000 / 97);
}

#[test]
fn a_gap_is_given_up_when_time_passes_without_packets() {
    let mut streams = Streams::default();
    let mut seen = Seen::default();
    let at = Timestamp(0);
    for segment in open(100).iter().chain(&[bytes(Serverbound, 105, b"x")]) {
        streams.push(&segment.segment(), Some(at), |event| seen.event(event));
    }
    streams.pass_time(at.after(Duration::from_secs(29)), |event| seen.event(event));
    assert_eq!(seen.only().gaps, []);
    streams.pass_time(at.after(Duration::from_secs(31)), |event| seen.event(event));
    assert_eq!(seen.only().gaps, [(Serverbound, 0, 4)]);
    assert_eq!(seen.only().bytes[0], b"\0\0\0\0x");
    // Sooner, where the receiver said that it has what is missing.
    let at = at.after(Duration::from_secs(31));
    for segment in [bytes(Serverbound, 108, b"y"), received(Serverbound, 109)] {
        streams.push(&segment.segment(), Some(at), |event| seen.event(event));
    }
    streams.pass_time(at.after(Duration::from_secs(1)), |event| seen.event(event));
    assert_eq!(seen.only().gaps.len(), 1);
    streams.pass_time(at.after(Duration::from_secs(3)), |event| seen.event(event));
    assert_eq!(seen.only().gaps[1..], [(Serverbound, 5, 2)]);
}

#[test]
fn half_of_a_capture_may_come_hours_after_the_other_half() {
    let mut segments = vec![];
    let content: Vec<u8> = (0..600_u32).map(|n| n as u8).collect();
    for n in 0..600 {
        segments.push(bytes(Serverbound, 101 + n, &content[n as usize..][..1]));
        segments.push(received(Serverbound, 102 + n));
    }
    let (early, late): (Vec<_>, Vec<_>) =
        segments.into_iter().enumerate().partition(|(n, _)| n % 4 < 2);
    let mut streams = Streams::default();
    let mut seen = Seen::default();
    let halves = [(open(100), 0), (early.into_iter().map(|(_, segment)| segment).collect(), 0)];
    let late: Vec<Sent> = late.into_iter().map(|(_, segment)| segment).collect();
    for (half, hours) in halves.into_iter().chain([(late, 5)]) {
        let at = Timestamp(0).after(Duration::from_secs(hours * 3_600));
        for segment in half {
            streams.push(&segment.segment(), Some(at), |event| seen.event(event));
        }
    }
    streams.finish(|event| seen.event(event));
    assert_eq!(seen.only().gaps, []);
    assert_eq!(seen.only().bytes[0], content);
}

#[test]
fn what_is_missing_at_the_end_is_a_gap_if_somebody_said_so() {
    let tail = |last: Sent| {
        let mut segments = open(100);
        segments.push(bytes(Serverbound, 101, b"abc"));
        segments.push(last);
        run(&segments).only().gaps.clone()
    };
    assert_eq!(tail(received(Serverbound, 104)), []);
    assert_eq!(tail(received(Serverbound, 105)), [], "the end itself is not a byte");
    assert_eq!(tail(received(Serverbound, 110)), [(Serverbound, 3, 6)]);
    assert_eq!(tail(sent(Serverbound, 107, FIN, b"")), [(Serverbound, 3, 3)]);
    assert_eq!(tail(received(Serverbound, 104 + (1 << 30))), [], "that is damage");
}

#[test]
fn bytes_cut_off_by_the_capture_are_a_gap_at_once() {
    let mut segments = open(100);
    segments.push(Sent { missing: 10, ..bytes(Serverbound, 101, b"abc") });
    segments.push(bytes(Serverbound, 114, b"def"));
    let mut streams = Streams::default();
    let mut seen = Seen::default();
    for segment in &segments {
        streams.push(&segment.segment(), None, |event| seen.event(event));
    }
    assert_eq!(seen.only().bytes[0], b"abc\0\0\0\0\0\0\0\0\0\0def");
    assert_eq!(seen.only().gaps, [(Serverbound, 3, 10)]);
}

#[test]
fn keep_alives_add_nothing() {
    let mut segments = open(100);
    segments.push(bytes(Serverbound, 101, b"abc"));
    segments.push(bytes(Serverbound, 103, b"\0"));
    segments.push(sent(Serverbound, 103, ACK, b""));
    segments.push(bytes(Serverbound, 104, b"def"));
    assert_eq!(serverbound(&segments), b"abcdef");
}

#[test]
fn a_reset_ends_a_stream_and_stragglers_are_still_taken() {
    let mut segments = open(100);
    segments.push(sent(Clientbound, 9_004, RST, b""));
    segments.push(bytes(Clientbound, 9_000, b"last"));
    let seen = run(&segments);
    assert_eq!(seen.only().bytes[1], b"last");
    assert_eq!(seen.only().ended, Some(StreamEnd::Reset(Clientbound)));
}

#[test]
fn a_reset_stream_is_over_though_nothing_of_it_follows() {
    let mut streams = Streams::default();
    let mut seen = Seen::default();
    let mut segments = open(100);
    segments.push(sent(Clientbound, 9_000, RST, b""));
    for segment in &segments {
        streams.push(&segment.segment(), Some(Timestamp(0)), |event| seen.event(event));
    }
    assert_eq!(seen.only().ended, None);
    streams.pass_time(Timestamp(3_000_000_000), |event| seen.event(event));
    assert_eq!(seen.only().ended, Some(StreamEnd::Reset(Clientbound)));
}

#[test]
fn the_same_ends_may_connect_again() {
    for end in [
        vec![],
        vec![sent(Serverbound, 104, FIN | ACK, b""), sent(Clientbound, 9_000, FIN | ACK, b"")],
        vec![sent(Serverbound, 104, RST, b"")],
    ] {
        let mut segments = open(100);
        segments.push(bytes(Serverbound, 101, b"one"));
        segments.extend(end);
        // Late copies are not another connection.
        segments.push(bytes(Serverbound, 101, b"one"));
        segments.push(sent(Serverbound, 105, ACK, b""));
        segments.extend(open(5_000_000));
        segments.push(bytes(Serverbound, 5_000_001, b"two"));
        let seen = run(&segments);
        let streams: Vec<&[u8]> = seen.0.values().map(|stream| &stream.bytes[0][..]).collect();
        assert_eq!(streams, [b"one", b"two"]);
    }
}

#[test]
fn a_long_connection_that_comes_twice_counts_once() {
    let mut segments = open(100);
    for n in 0..60 {
        segments.push(bytes(Serverbound, 101 + n * 60_000, &[n as u8; 60_000]));
    }
    segments.push(sent(Serverbound, 101 + 3_600_000, FIN | ACK, b""));
    segments.push(sent(Clientbound, 9_000, FIN | ACK, b""));
    let again = [&segments[..], &segments[2..]].concat();
    assert_eq!(serverbound(&again).len(), 3_600_000);
}

#[test]
fn a_handshake_that_is_repeated_is_not_another_connection() {
    let mut segments = open(100);
    segments.extend(open(100));
    segments.push(bytes(Serverbound, 101, b"one"));
    segments.extend(open(100));
    segments.push(bytes(Serverbound, 104, b"two"));
    assert_eq!(serverbound(&segments), b"onetwo");
}

#[test]
fn no_more_streams_are_followed_than_may_be() {
    let limits = StreamLimits { streams_max: 64, ..StreamLimits::default() };
    let mut streams = Streams::new(limits);
    let mut seen = Seen::default();
    let syn = sent(Serverbound, 1, SYN, b"");
    for port in 1..=1_000 {
        let source = SocketAddr::new(client().ip(), port);
        let segment = Segment { source, ..syn.segment() };
        streams.push(&segment, None, |event| seen.event(event));
        // One that is used goes on.
        let used = bytes(Clientbound, u32::from(port) * 3, b"abc");
        streams.push(&used.segment(), None, |event| seen.event(event));
    }
    let open = seen.0.values().filter(|stream| stream.ended.is_none()).count();
    assert!(open <= 64, "{open}");
    let used: Vec<_> = seen.0.values().filter(|stream| !stream.bytes[1].is_empty()).collect();
    assert_eq!(used.len(), 1);
    assert_eq!(used[0].bytes[1].len(), 3_000);
}

/// What a network and a capture do to a stream.
#[derive(Clone, Debug)]
struct Network {
    first: u32,
    handshake: bool,
    len: usize,
    cuts: Vec<usize>,
    /// Copies: from where, how long, inserted at which place.
    copies: Vec<(usize, usize, usize)>,
    /// Exchanges of neighbours.
    swaps: Vec<(usize, usize)>,
    finish: bool,
}

fn network() -> impl Strategy<Value = Network> {
    (
        prop_oneof![Just(u32::MAX - 1_000), any::<u32>()],
        any::<bool>(),
        1_usize..5_000,
        prop::collection::vec(1_usize..5_000, 0..60),
        prop::collection::vec((0_usize..5_000, 1_usize..2_000, 0_usize..100), 0..20),
        prop::collection::vec((0_usize..100, 1_usize..7), 0..40),
        any::<bool>(),
    )
        .prop_map(|(first, handshake, len, cuts, copies, swaps, finish)| Network {
            first,
            handshake,
            len,
            cuts,
            copies,
            swaps,
            finish,
        })
}

impl Network {
    fn content(&self) -> Vec<u8> {
        (0..self.len).map(|n| (n * 7 + n / 251 + 1) as u8).collect()
    }

    fn segments(&self, content: &[u8]) -> Vec<Sent> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % self.len).collect();
        cuts.extend([0, self.len]);
        cuts.sort_unstable();
        cuts.dedup();
        let at = |place: usize| self.first.wrapping_add(1).wrapping_add(place as u32);
        let mut segments: Vec<Sent> = cuts
            .windows(2)
            .flat_map(|ends| {
                let piece = bytes(Serverbound, at(ends[0]), &content[ends[0]..ends[1]]);
                [piece, received(Serverbound, at(ends[1]))]
            })
            .collect();
        if self.finish {
            segments.push(sent(Serverbound, at(self.len), FIN | ACK, b""));
        }
        for &(from, len, place) in &self.copies {
            let from = from % self.len;
            let to = self.len.min(from + len);
            let copy = bytes(Serverbound, at(from), &content[from..to]);
            segments.insert(place % (segments.len() + 1), copy);
        }
        for &(place, distance) in &self.swaps {
            let place = place % segments.len();
            let other = (place + distance).min(segments.len() - 1);
            segments.swap(place, other);
        }
        if self.handshake {
            segments.splice(0..0, open(self.first));
        }
        segments
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_stream_is_what_was_sent_however_it_was_cut_copied_and_reordered(network in network()) {
        let content = network.content();
        let seen = run(&network.segments(&content));
        let stream = seen.only();
        if network.handshake {
            prop_assert_eq!(&stream.gaps, &[]);
            prop_assert_eq!(&stream.bytes[0], &content);
        } else {
            // Where nothing says where it starts, what comes much too late is not missed.
            prop_assert!(content.ends_with(&stream.bytes[0]));
            if network.copies.is_empty() && network.swaps.is_empty() {
                prop_assert_eq!(&stream.bytes[0], &content);
            }
        }
    }

    #[test]
    fn what_is_lost_is_a_gap_in_its_place(network in network(), lost in prop::collection::vec(any::<prop::sample::Index>(), 1..10)) {
        let network = Network { handshake: true, ..network };
        let content = network.content();
        let mut segments = network.segments(&content);
        for lost in &lost {
            // Not the handshake.
            let place = 2 + lost.index(segments.len() - 2);
            if segments.len() > 3 {
                segments.remove(place);
            }
        }
        let mut present = vec![false; content.len()];
        for segment in segments.iter().filter(|segment| segment.direction == Serverbound && segment.flags == 0) {
            let place = segment.sequence.wrapping_sub(network.first.wrapping_add(1)) as usize;
            present[place..place + segment.payload.len()].fill(true);
        }
        let seen = run(&segments);
        let stream = seen.only();
        let mut expected = content.clone();
        expected.iter_mut().zip(&present).filter(|(_, there)| !**there).for_each(|(byte, _)| *byte = 0);
        let len = stream.bytes[0].len();
        prop_assert_eq!(&stream.bytes[0][..], &expected[..len]);
        prop_assert!(present[len..].iter().all(|there| !there), "what is left out at the end was lost");
        let missing: u64 = stream.gaps.iter().map(|(_, _, len)| len).sum();
        prop_assert_eq!(missing as usize, present[..len].iter().filter(|there| !**there).count());
    }

    #[test]
    fn nothing_comes_before_what_its_sender_had_got(
        said in prop::collection::vec((any::<bool>(), 1_usize..9, 0_usize..3), 1..60),
        handshake in 0_usize..4,
        late in prop::collection::vec(0_usize..12, 64),
        copies in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20), 0..6),
    ) {
        let (mut segments, _) = turns(0);
        segments.truncate(handshake);
        // How much each has said, and after which turn how much of it the other has got.
        let mut ends = [vec![0_u32], vec![0]];
        for (up, len, lag) in &said {
            let direction = if *up { Serverbound } else { Clientbound };
            let (own, other) = (direction.index(), direction.opposite().index());
            let got = ends[other][ends[other].len().saturating_sub(1 + lag)];
            let from = *ends[own].last().unwrap();
            let number = [101, 9_000][own] + from;
            let text = vec![b'a' + own as u8; *len];
            segments.push(acks([101, 9_000][other] + got, bytes(direction, number, &text)));
            ends[own].push(from + *len as u32);
        }
        let mut places: Vec<usize> = (0..segments.len()).collect();
        places.sort_by_key(|place| place + late[*place]);
        for (which, distance) in &copies {
            let at = which.index(places.len());
            places.insert((at + distance).min(places.len()), places[at]);
        }
        let needs = |direction: Direction, offset: u64| {
            let number = [101, 9_000][direction.index()] + offset as u32;
            let mut of_it = segments.iter().filter(|segment| segment.direction == direction);
            let its = of_it.find(|segment| segment.sequence == number && !segment.payload.is_empty());
            its.unwrap().acknowledgment - [101, 9_000][direction.opposite().index()]
        };
        let (mut streams, mut given) = (Streams::default(), [0_u64; 2]);
        let mut check = |event: StreamEvent<'_>| match event {
            StreamEvent::Bytes { direction, offset, bytes, .. } => {
                assert!(given[direction.opposite().index()] >= u64::from(needs(direction, offset)));
                given[direction.index()] += bytes.len() as u64;
            }
            StreamEvent::Gap { .. } => panic!("all is there"),
            _ => {}
        };
        for place in places {
            streams.push(&segments[place].segment(), Some(Timestamp(1)), &mut check);
        }
        streams.finish(&mut check);
        prop_assert_eq!(given, [0, 1].map(|at| u64::from(*ends[at].last().unwrap())));
    }

    #[test]
    fn no_segments_panic_and_bytes_stay_bounded(
        segments in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..20), 0..40_u32), 0..60),
        near in any::<bool>(),
    ) {
        let mut streams = Streams::new(StreamLimits { waiting_total_max: 2_000, ..StreamLimits::default() });
        for (up, sequence, acknowledgment, flags, payload, missing) in segments {
            let direction = if up { Serverbound } else { Clientbound };
            let sequence = if near { sequence % 64 } else { sequence };
            let segment = Sent { direction, sequence, acknowledgment, flags, payload, missing };
            streams.push(&segment.segment(), None, |_| {});
            prop_assert!(streams.waiting() <= 2_000);
        }
        streams.finish(|_| {});
        prop_assert_eq!(streams.waiting(), 0);
    }
}
