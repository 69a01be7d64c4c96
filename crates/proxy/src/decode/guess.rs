//! What bytes are, where nobody said: everything that is not given is tried, and what reads best wins.

use std::sync::Arc;

use midwire_definition::{Protocol, VersionId, Workspace, builtins};
use midwire_session::Direction;

use super::candidate::{Candidate, EQUAL, sort};
use super::candidates::{Search, all};
use super::reading::{Fixed, Form, Reading, read};
use crate::args;
use crate::error::usage;
use crate::protocols;
use crate::settings::Settings;

/// Guesses that are kept of a reading.
const GUESSES_MAX: usize = 16;
/// What a protocol without frames that nobody named has to tell.
const FRAMELESS_MIN: f64 = 5.0;
/// Of what fits as well, so much is told.
const ALSO_MAX: usize = 4;

/// What was asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The protocols in question, each with the version, if one was given.
    protocols: Vec<(Arc<Protocol>, Option<VersionId>, Fixed)>,
    protocol_given: bool,
    unframed: bool,
    state_given: bool,
    direction_given: bool,
    inflate_max: usize,
}

impl Wanted {
    pub(super) fn new(args: &args::Decode, settings: &Settings) -> anyhow::Result<Self> {
        let packet = &args.packet;
        let names: Vec<String> = match &packet.protocol {
            Some(name) => vec![name.clone()],
            None => builtins().map(str::to_owned).collect(),
        };
        let direction = packet.direction.as_deref().map(protocols::direction).transpose()?;
        let mut protocols = Vec::new();
        let mut last = None;
        for name in names {
            let protocol = protocols::find(&name, &args.definitions.defs)?;
            let place = || -> anyhow::Result<(Option<VersionId>, Fixed)> {
                let version = packet.protocol_version.as_deref();
                let version =
                    version.map(|text| protocols::version(&protocol, text)).transpose()?;
                let state = packet.state.as_deref();
                let state = state.map(|text| protocols::state(&protocol, text)).transpose()?;
                Ok((version, Fixed { state, direction }))
            };
            // Of several, those that have no such version or state are not meant.
            match place() {
                Ok((version, fixed)) => protocols.push((protocol, version, fixed)),
                Err(error) => last = Some(error),
            }
        }
        if protocols.is_empty() {
            return Err(last.unwrap_or_else(|| usage("there is no protocol to read this with")));
        }
        Ok(Self {
            protocols,
            protocol_given: packet.protocol.is_some(),
            unframed: args.unframed,
            state_given: packet.state.is_some(),
            direction_given: packet.direction.is_some(),
            inflate_max: settings.session.inflate_max,
        })
    }

    /// The same for bytes of which the text says where they go.
    pub(super) fn toward(&self, direction: Direction) -> Self {
        let mut wanted = self.clone();
        if !self.direction_given {
            wanted.direction_given = true;
            wanted.protocols.iter_mut().for_each(|(.., fixed)| fixed.direction = Some(direction));
        }
        wanted
    }

    /// The same for bytes that follow others in a protocol and version that are known.
    fn following(&self, form: &Form) -> Self {
        let mut wanted = self.clone();
        wanted.protocols.retain(|(protocol, ..)| Arc::ptr_eq(protocol, &form.protocol));
        if form.version_known {
            wanted.protocols.iter_mut().for_each(|(_, version, _)| *version = Some(form.version));
        }
        wanted
    }

    /// What was not said and had to be found out, in words.
    pub(super) fn guessed(&self, reading: &Reading) -> Option<String> {
        let form = &reading.form;
        let first = reading.packets.first();
        let mut parts = Vec::new();
        if !self.protocol_given {
            parts.push(form.protocol.name.to_string());
        }
        let given = self.protocols.iter().any(|(_, version, _)| version.is_some());
        let version = form.protocol.versions.get(form.version);
        if !given && version.number != 0 {
            let range = reading.guesses.first().map(|guess| guess.versions);
            let why = match range.filter(|(oldest, newest)| oldest != newest) {
                _ if form.version_known => ", as they say".to_owned(),
                Some((oldest, newest)) => {
                    let key = |version| form.protocol.versions.get(version).key.clone();
                    format!("; {} to {} read the same", key(oldest), key(newest))
                }
                None => String::new(),
            };
            parts.push(format!("version {} ({}{why})", version.key, version.number));
        }
        if let Some(first) = first {
            let state = form.protocol.state_name(first.state);
            if !self.state_given && !state.is_empty() {
                parts.push(format!("state {state}"));
            }
            if !self.direction_given {
                parts.push(first.direction.to_string());
            }
        }
        if !self.unframed && !form.framed {
            parts.push("without a frame".to_owned());
        }
        if form.compressed {
            parts.push("compressed frames".to_owned());
        }
        (!parts.is_empty()).then(|| format!("guessed: {}", parts.join(", ")))
    }

    /// What fits as well as what was guessed, in words.
    pub(super) fn also(&self, reading: &Reading) -> Option<String> {
        let (best, others) = reading.guesses.split_first()?;
        let is_as_good =
            |other: &&Candidate| best.bits - other.bits < EQUAL && other.is_whole == best.is_whole;
        let mut also: Vec<String> = Vec::new();
        for other in others.iter().filter(is_as_good) {
            let text = other.in_words();
            if text != best.in_words() && !also.contains(&text) {
                also.push(text);
            }
        }
        let more = also.len().saturating_sub(ALSO_MAX);
        also.truncate(ALSO_MAX);
        let mut options = Vec::new();
        let mut say = |differs: bool, option: &'static str| {
            if differs {
                options.push(option);
            }
        };
        let others: Vec<&Candidate> = others.iter().filter(is_as_good).collect();
        say(others.iter().any(|other| !Arc::ptr_eq(&other.protocol, &best.protocol)), "--protocol");
        say(others.iter().any(|other| other.state != best.state), "--state");
        say(others.iter().any(|other| other.direction != best.direction), "--direction");
        say(others.iter().any(|other| other.versions != best.versions), "--protocol-version");
        say(others.iter().any(|other| !other.framed && best.framed), "--unframed");
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!also.is_empty()).then(|| {
            format!(
                "also fits: {}{more}. Say {}, or see --guess",
                also.join("; "),
                options.join(" ")
            )
        })
    }

    /// Whether a form is tried with frames, and with compression.
    fn shapes(&self, protocol: &Protocol) -> Vec<(bool, bool)> {
        if protocol.is_frameless() {
            return vec![(!self.unframed, false)];
        }
        let framed = protocol.stack.framing.is_some() && !self.unframed;
        let compressible = protocol.stack.compression.is_some();
        let mut shapes = Vec::new();
        if framed {
            shapes.push((true, false));
            if compressible {
                shapes.push((true, true));
            }
        }
        shapes.push((false, false));
        shapes
    }
}

/// The best reading of some bytes, which may follow others.
pub(super) fn best(
    wanted: &Wanted,
    bytes: &[u8],
    before: Option<&Form>,
    workspace: &mut Workspace,
) -> Reading {
    let fixed_in = |form: &Form| {
        let same = |known: &&(Arc<Protocol>, Option<VersionId>, Fixed)| {
            Arc::ptr_eq(&known.0, &form.protocol)
        };
        wanted.protocols.iter().find(same).map(|(.., fixed)| *fixed)
    };
    if let Some((form, fixed)) = before.and_then(|form| Some((form, fixed_in(form)?))) {
        let reading = read(form.clone(), fixed, bytes, wanted.inflate_max, workspace);
        if reading.is_clean() {
            return reading;
        }
    }
    let following = before.map(|form| wanted.following(form));
    let in_it = following.as_ref().map(|wanted| candidates(wanted, &[bytes], workspace));
    // What goes on in the same protocol is likelier than another.
    let is_whole = |found: &Vec<Candidate>| found.first().is_some_and(|best| best.is_whole);
    let (wanted, mut guesses) = match (&following, in_it.filter(is_whole)) {
        (Some(following), Some(found)) => (following, found),
        _ => (wanted, candidates(wanted, &[bytes], workspace)),
    };
    guesses.truncate(GUESSES_MAX);
    let Some(guess) = guesses.first() else {
        let (protocol, version, fixed) = &wanted.protocols[0];
        let (framed, compressed) = wanted.shapes(protocol)[0];
        let form = form(protocol, *version, framed, compressed);
        return read(form, *fixed, bytes, wanted.inflate_max, workspace);
    };
    let version = wanted.protocols.iter().find(|known| Arc::ptr_eq(&known.0, &guess.protocol));
    let (given, fixed) = version.map_or((None, Fixed::default()), |known| (known.1, known.2));
    let form = Form {
        version: guess.versions.1,
        version_known: given.is_some(),
        states: [Some(guess.state); 2],
        direction: guess.direction,
        sure: guess.direction.is_some(),
        ..form(&guess.protocol, given, guess.framed, guess.compressed)
    };
    let lost = guess.lost;
    let rest = bytes.get(lost..).unwrap_or_default();
    let mut reading = read(form, fixed, rest, wanted.inflate_max, workspace);
    // Where it leads is not what was asked for.
    reading.form.sure = false;
    let rest = reading.rest + lost;
    Reading { lost, rest, guesses, ..reading }
}

/// Everything that bytes may be, the best first.
pub(super) fn candidates(
    wanted: &Wanted,
    pieces: &[&[u8]],
    workspace: &mut Workspace,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (protocol, version, fixed) in &wanted.protocols {
        let shapes = wanted.shapes(protocol);
        let search = Search {
            protocol,
            version: *version,
            fixed: *fixed,
            shapes: &shapes,
            inflate_max: wanted.inflate_max,
        };
        found.extend(all(&search, pieces, workspace));
    }
    // Without frames nearly anything fits: such a protocol is only guessed where much speaks for it.
    found.retain(|candidate| {
        wanted.protocol_given
            || !candidate.protocol.is_frameless()
            || candidate.bits >= FRAMELESS_MIN
    });
    sort(&mut found);
    found
}

fn form(
    protocol: &Arc<Protocol>,
    version: Option<VersionId>,
    framed: bool,
    compressed: bool,
) -> Form {
    Form {
        protocol: protocol.clone(),
        version: version.unwrap_or_else(|| protocol.versions.newest()),
        version_known: version.is_some(),
        states: [None; 2],
        direction: None,
        framed,
        compressed,
        sure: false,
        conn: protocol.initial_conn(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn wanted(arguments: &[&str]) -> Wanted {
        use clap::Parser as _;
        let command = [&["midwire", "decode", "--hex", "00"], arguments].concat();
        let Some(args::Command::Decode(args)) = args::Args::parse_from(command).command else {
            panic!("that is decode")
        };
        Wanted::new(&args, &Settings::default()).unwrap()
    }

    fn names(reading: &Reading) -> Vec<String> {
        let name = |found: &super::super::reading::Found| {
            found
                .definition
                .as_ref()
                .map_or("?".to_owned(), |definition| definition.name.to_string())
        };
        reading.packets.iter().map(name).collect()
    }

    #[test]
    fn what_is_not_said_is_found_out() {
        let reading =
            best(&wanted(&[]), b"\x0f\x00\x01\x0bTerraria279", None, &mut Workspace::default());
        let form = &reading.form;
        assert_eq!((&*form.protocol.name, names(&reading)), ("terraria", vec!["Hello".into()]));
        assert_eq!(form.protocol.versions.get(form.version).number, 279);
        assert!(reading.problem.is_none() && reading.packets[0].is_whole);
    }

    #[test]
    fn a_stream_is_followed_through_its_states_and_into_compression() {
        let login =
            [&b"\x10\x00\xfd\x05\x09127.0.0.1\x63\xdd\x02"[..], b"\x16\x00\x04Alva", &[7; 16]]
                .concat();
        let reading =
            best(&wanted(&["--protocol", "minecraft"]), &login, None, &mut Workspace::default());
        assert_eq!(names(&reading), ["set_protocol", "login_start"]);
        let after_compress = b"\x03\x03\x80\x02\x03\x00\x03\x01";
        let wanted =
            wanted(&["--protocol", "minecraft", "--state", "login", "--direction", "clientbound"]);
        let reading = best(&wanted, after_compress, Some(&reading.form), &mut Workspace::default());
        assert_eq!(names(&reading)[0], "compress");
        assert!(reading.form.compressed);
    }

    #[test]
    fn a_frame_that_is_not_all_there_is_told() {
        let wanted = wanted(&["--protocol", "terraria", "--direction", "serverbound"]);
        let reading = best(&wanted, b"\x0f\x00\x01\x0bTerra", None, &mut Workspace::default());
        assert!(!reading.is_clean());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let wanted = wanted(&[]);
        let mut workspace = Workspace::default();
        for len in 0..40 {
            let bytes: Vec<u8> = (0..len).map(|n: u8| n.wrapping_mul(37) ^ len).collect();
            best(&wanted, &bytes, None, &mut workspace);
        }
    }

    fn best_of(arguments: &[&str], hex: &str) -> Reading {
        best(&wanted(arguments), &hex::decode(hex).unwrap(), None, &mut Workspace::default())
    }

    #[test]
    fn a_client_is_followed_to_where_its_server_has_begun_to_compress() {
        // Of 1.20.4: handshake, login_start, then with the stage: login_acknowledged, custom_payload.
        let frames = [
            "1000fd05093132372e302e302e3163dd02",
            "160004416c766107070707070707070707070707070707",
            "020003",
            "1a0001 0f6d696e6563726166743a6272616e64 0776616e696c6c61",
        ];
        let hex = frames.concat().replace(' ', "");
        let expected = ["set_protocol", "login_start", "login_acknowledged", "custom_payload"];
        for arguments in [&[][..], &["--protocol", "minecraft", "--direction", "serverbound"]] {
            let reading = best_of(arguments, &hex);
            assert_eq!(names(&reading), expected);
            assert!(reading.form.compressed && reading.problem.is_none());
            assert!(reading.packets.iter().all(|found| found.is_whole));
        }
    }

    #[test]
    fn a_compressed_frame_that_is_cut_is_read_as_far_as_it_goes() {
        let text = |n: u32| format!("words that differ, number {n}; ").into_bytes();
        let words: Vec<u8> = (0..40).flat_map(text).collect();
        // system_chat of 1.20.1: JSON, and whether it stands above the hotbar.
        let json = [b"{\"text\":\"", &words[..], b"\"}"].concat();
        let mut plain = vec![0x64];
        plain.extend([json.len() as u8 | 0x80, (json.len() >> 7) as u8]);
        plain.extend(&json);
        plain.push(0);
        let mut stage = Vec::new();
        let mut deflater = midwire_codec::Deflater::new(6);
        midwire_codec::write_compressed(&plain, 64, &mut deflater, &mut stage).unwrap();
        let mut frame = Vec::new();
        let protocol = protocols::find("minecraft", &[]).unwrap();
        protocol.stack.framing.unwrap().write_frame(&stage, &mut frame).unwrap();
        let cut = &frame[..frame.len() * 2 / 3];
        let told = ["--protocol", "minecraft", "--protocol-version", "1.20.1"];
        let reading = best(&wanted(&told), cut, None, &mut Workspace::default());
        assert_eq!(names(&reading), ["system_chat"]);
        assert!(reading.form.compressed && !reading.packets[0].is_whole);
        assert!(reading.packets[0].payload.starts_with(&plain[..200]));
    }

    #[test]
    fn of_a_piece_that_begins_within_a_frame_the_next_frame_is_the_first() {
        // Of 1.16.5, compressed stage on: the end of a position, a custom_payload, then positions.
        let brand = "1a000b0f6d696e6563726166743a6272616e640776616e696c6c61";
        let positions: String = (0..30)
            .map(|n: u8| {
                format!("1b0012402c{n:02x}00000000004014000000000000404030{n:02x}0000000001")
            })
            .collect();
        let reading = best_of(&["--protocol", "minecraft"], &format!("00140000{brand}{positions}"));
        assert_eq!((reading.lost, names(&reading)[0].as_str()), (4, "custom_payload"));
        assert_eq!(names(&reading).len(), 31);
    }

    #[test]
    fn protocols_without_frames_are_found_where_their_texts_speak_for_them() {
        let reading = best_of(&[], &hex::encode("RFB 003.008\n"));
        assert_eq!(&*reading.form.protocol.name, "rfb");
        let ask =
            [&b"\0\x04_ask\0\x011\0\x08_command\0\x03Sum\0\x01a\0\x0213"[..], b"\0\0"].concat();
        assert_eq!(&*best_of(&[], &hex::encode(ask)).form.protocol.name, "amp");
        // What hardly tells anything is not taken for one.
        assert_eq!(&*best_of(&[], "020d01").form.protocol.name, "minecraft");
    }

    #[test]
    fn a_text_that_is_longer_than_its_frame_is_none() {
        // Of a frame of Minecraft seven bytes would be missing, of one of Terraria six.
        let piece = &b"\x0f\x00\x01\x0bTerra"[..];
        let found = candidates(&wanted(&[]), &[piece], &mut Workspace::default());
        let wants = |found: &Candidate| -> Option<usize> {
            let (_, behind) = found.reasons.split_once("ends early: ")?;
            behind.split(' ').next()?.parse().ok()
        };
        let is_more = |found: &&Candidate| wants(found).is_some_and(|wanted| wanted > 7);
        assert!(found.iter().filter(is_more).count() > 3, "{found:?}");
        assert!(found.iter().filter(is_more).all(|found| found.bits < -20.0), "{found:?}");
    }
}
