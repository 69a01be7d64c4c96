//! Standing in the middle of an encrypted login: both peers have one key, what nobody changed is the same
//! ciphertext on both sides, and what somebody changed is read by its receiver as it should be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use midwire_codec::{Decryptor, Direction, Encryptor};
use midwire_session::{
    Answer, Encryption, Event, Fate, Key, KeyPair, NewPacket, Options, Origin, PacketInfo,
    PacketNumber, Refused, Request, Token, Verdict, Watch,
};
use support::{By, Clientbound, Driver, Serverbound, frame, said, squeezed};

const LOCKED: &str = r#"
protocol locked "Locked" {
  endian big
  states login, play
  start login
  stack {
    cipher: aes128_cfb8 off
    frame { length: varint max 2097151 }
    compression: zlib_threshold off
    id: varint
  }
}
packet login serverbound hello = 0 { name: str[varint] @cipher name }
packet login clientbound bye = 0 { why: str[varint] }
packet login clientbound ask = 1 {
  server: str[varint] @cipher server_id
  key: bytes[varint] @cipher public_key
  token: bytes[varint] @secret @cipher token
  checks: bool @cipher authenticates
}
packet login serverbound answer = 1 {
  secret: bytes[varint] @secret @cipher secret
  token: bytes[varint] @secret @cipher token
}
packet login clientbound done = 2 {}
packet login clientbound squeeze = 3 { threshold: varint }
packet login clientbound note = 4 { text: str[varint] }
packet play both say = 5 { text: str[varint] }
packet play clientbound kick = 6 { why: str[varint] }

on login serverbound answer { cipher.on() }
on login clientbound squeeze { compression.on(threshold) }
on login clientbound done { state = play }

group disconnect {
  text: str
  clientbound bye { text = why }
  clientbound kick { text = why }
}
"#;

const KEY: [u8; 16] = *b"a shared secret!";
const TOKEN: [u8; 4] = *b"tokn";

/// Seals by naming who can open it.
#[derive(Debug)]
struct Toy;

fn seal(key: &[u8], plain: &[u8]) -> Vec<u8> {
    [key, b":", &plain.iter().map(|byte| byte ^ 0x55).collect::<Vec<u8>>()].concat()
}

fn open(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let rest = sealed.strip_prefix(key)?.strip_prefix(b":")?;
    Some(rest.iter().map(|byte| byte ^ 0x55).collect())
}

impl KeyPair for Toy {
    fn public_key(&self) -> &[u8] {
        b"midwire"
    }

    fn open(&self, secret: &[u8], token: Option<Token<'_>>) -> Result<Key, Refused> {
        let key = open(b"midwire", secret).and_then(|key| Key::try_from(&key[..]).ok());
        let is_it = |t: Token<'_>| open(b"midwire", t.sealed).is_some_and(|o| o == t.expected);
        match key {
            Some(key) if token.is_none_or(is_it) => Ok(key),
            key => Err(Refused { key }),
        }
    }

    fn seal(&self, public_key: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        Ok(seal(public_key, plain))
    }

    fn check(&self, public_key: &[u8]) -> Result<(), String> {
        if public_key.is_empty() { Err("it is empty".into()) } else { Ok(()) }
    }
}

fn options(always: bool, joins: bool) -> Options {
    let encryption =
        Some(Encryption { keys: Arc::new(Toy), always, joins, plays_as: Arc::default() });
    Options { encryption, ..Options::default() }
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&[part.len() as u8][..], part].concat()).collect()
}

fn ask(key: &[u8], checks: bool) -> Vec<u8> {
    frame(&[&[1][..], &bytes(&[b"srv", key, &TOKEN]), &[u8::from(checks)]].concat())
}

fn answer(key: &[u8], secret: &[u8], token: &[u8]) -> Vec<u8> {
    frame(&[&[1][..], &bytes(&[&seal(key, secret), &seal(key, token)])].concat())
}

fn hello() -> Vec<u8> {
    frame(&said(0, "Alva"))
}

fn say(text: &str) -> Vec<u8> {
    frame(&said(5, text))
}

/// One end of a connection: what it writes and reads is encrypted with the shared secret.
struct Peer {
    encryptor: Encryptor,
    decryptor: Decryptor,
    /// Bytes of what it was sent that it has read.
    read: usize,
}

impl Peer {
    fn new(read: usize) -> Self {
        Self {
            encryptor: Encryptor::new(&KEY.into(), &KEY),
            decryptor: Decryptor::new(&KEY.into(), &KEY),
            read,
        }
    }

    fn write(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut bytes = plain.to_vec();
        self.encryptor.encrypt(&mut bytes);
        bytes
    }

    /// What is new of what it was sent.
    fn read(&mut self, sent: &[u8]) -> Vec<u8> {
        let mut new = sent[self.read..].to_vec();
        self.read = sent.len();
        self.decryptor.decrypt(&mut new);
        new
    }
}

/// A session whose handshake is done, and both peers behind it.
fn encrypted(options: Options) -> (Driver, Peer, Peer) {
    let mut driver = Driver::with(support::protocol(LOCKED), options);
    driver.feed(Serverbound, &hello());
    driver.feed(Clientbound, &ask(b"server", false));
    assert_eq!(driver.sent(Clientbound), ask(b"midwire", false));
    driver.feed(Serverbound, &answer(b"midwire", &KEY, &TOKEN));
    assert_eq!(driver.sent(Serverbound), [hello(), answer(b"server", &KEY, &TOKEN)].concat());
    let (client, server) = (driver.sent(Clientbound).len(), driver.sent(Serverbound).len());
    (driver, Peer::new(client), Peer::new(server))
}

#[test]
fn the_client_gets_the_key_of_midwire_and_the_server_gets_what_it_sealed() {
    let (mut driver, ..) = encrypted(options(false, false));
    let lines = driver.lines();
    let told: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !is_bytes(line)).collect();
    assert_eq!(
        told,
        [
            "opened",
            "version 0",
            "#1 serverbound login hello passed",
            "#2 clientbound login ask changed",
            "#3 serverbound login answer changed",
            "Key(***)",
            "notice: encrypted from here, and read",
        ]
    );
}

/// A line of bytes that were sent.
fn is_bytes(line: &str) -> bool {
    line.split(' ').nth(1).is_some_and(|word| word.bytes().all(|b| b.is_ascii_hexdigit()))
        && line.split(' ').count() == 2
        && line.contains("bound ")
}

#[test]
fn until_a_byte_is_changed_both_sides_have_the_same_ciphertext() {
    let (mut driver, mut client, mut server) = encrypted(options(false, false));
    let (start_up, start_down) = (driver.sent(Serverbound).len(), driver.sent(Clientbound).len());
    let down = server.write(&[frame(&[2]), say("one"), say("two")].concat());
    let up = client.write(&[say("three"), say("four")].concat());
    for byte in &down {
        driver.feed(Clientbound, &[*byte]);
    }
    driver.feed(Serverbound, &up[..3]).feed(Serverbound, &up[3..]);
    assert_eq!(driver.sent(Clientbound)[start_down..], down);
    assert_eq!(driver.sent(Serverbound)[start_up..], up);
    let names: Vec<_> =
        driver.packets().map(|p| p.definition.as_ref().unwrap().name.to_string()).collect();
    assert_eq!(names, ["hello", "ask", "answer", "done", "say", "say", "say", "say"]);
    assert_eq!(server.read(driver.sent(Serverbound)), [say("three"), say("four")].concat());
    client.read(driver.sent(Clientbound));
    driver
        .session
        .inject(
            Clientbound,
            NewPacket { payload: said(5, "new").into(), origin: Origin::User, forced: false },
            driver.now,
            &mut driver.scratch,
        )
        .unwrap();
    driver.drain();
    let next = server.write(&say("five"));
    driver.feed(Clientbound, &next);
    assert_eq!(client.read(driver.sent(Clientbound)), [say("new"), say("five")].concat());
    // the other direction is as it was
    let up = client.write(&say("six"));
    let before = driver.sent(Serverbound).len();
    driver.feed(Serverbound, &up);
    assert_eq!(driver.sent(Serverbound)[before..], up);
}

#[test]
fn what_follows_the_answer_in_the_same_segment_is_ciphertext_already() {
    let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", false));
    let mut client = Peer::new(driver.sent(Clientbound).len());
    // as a client never does: but bytes are bytes
    let behind = client.write(&say("early"));
    driver.feed(Serverbound, &[answer(b"midwire", &KEY, &TOKEN), behind.clone()].concat());
    let expected = [hello(), answer(b"server", &KEY, &TOKEN), behind].concat();
    assert_eq!(driver.sent(Serverbound), expected);
}

#[test]
fn compression_right_behind_encryption_is_followed_however_it_is_cut() {
    let text = "long enough to be compressed, ".repeat(4);
    let plain = [frame(&[3, 64]), squeezed(64, &[2]), squeezed(64, &said(5, &text))].concat();
    for cut in 0..=plain.len() {
        let (mut driver, _, mut server) = encrypted(options(false, false));
        let before = driver.sent(Clientbound).len();
        let cipher = server.write(&plain);
        driver.feed(Clientbound, &cipher[..cut]).feed(Clientbound, &cipher[cut..]);
        assert_eq!(driver.sent(Clientbound)[before..], cipher, "cut at {cut}");
        let names: Vec<_> =
            driver.packets().map(|p| p.definition.as_ref().unwrap().name.to_string()).collect();
        assert_eq!(names[3..], ["squeeze", "done", "say"], "cut at {cut}");
    }
}

#[test]
fn what_the_server_sent_before_it_knew_the_key_is_read_and_the_client_can_read_it() {
    for cut in [false, true] {
        let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
        driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", false));
        let read = driver.sent(Clientbound).len();
        let note = frame(&said(4, "soon"));
        let (head, tail) = note.split_at(if cut { 2 } else { 0 });
        driver.feed(Clientbound, head);
        driver.feed(Serverbound, &answer(b"midwire", &KEY, &TOKEN));
        let (mut client, mut server) = (Peer::new(read), Peer::new(driver.sent(Serverbound).len()));
        // the rest of it, another, and then the ciphertext, in one segment
        let cipher = server.write(&[frame(&[2]), say("hi")].concat());
        driver.feed(Clientbound, &[tail, &note, &cipher].concat());
        let expected = [note.clone(), note, frame(&[2]), say("hi")].concat();
        assert_eq!(client.read(driver.sent(Clientbound)), expected, "{cut}");
        let next = server.write(&say("on"));
        driver.feed(Clientbound, &next);
        assert_eq!(client.read(driver.sent(Clientbound)), say("on"));
    }
}

#[test]
fn without_an_account_a_server_that_checks_is_left_alone_unless_asked_otherwise() {
    let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", true));
    assert_eq!(driver.sent(Clientbound), ask(b"server", true));
    driver.feed(Serverbound, &answer(b"server", &KEY, &TOKEN));
    assert!(driver.lines().iter().any(|l| l.contains("packets cannot be read")));
    assert_eq!(driver.sent(Serverbound), [hello(), answer(b"server", &KEY, &TOKEN)].concat());
    let mut driver = Driver::with(support::protocol(LOCKED), options(true, false));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", true));
    assert_eq!(driver.sent(Clientbound), ask(b"midwire", true));
}

#[test]
fn an_answer_that_cannot_be_used_is_told_and_nothing_of_it_reaches_the_server() {
    let answers = [
        answer(b"other", &KEY, &TOKEN),
        answer(b"midwire", &KEY[..15], &TOKEN),
        answer(b"midwire", &KEY, b"tokm"),
        frame(&[1, 9]),
    ];
    let said_so = "midwire: the client's answer to the encryption request cannot be used";
    for (n, bad) in answers.into_iter().enumerate() {
        let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
        driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", false));
        let mut client = Peer::new(driver.sent(Clientbound).len());
        driver.feed(Serverbound, &[bad, b"and more".to_vec()].concat());
        assert_eq!(driver.sent(Serverbound), hello(), "{n}");
        let sent = driver.sent(Clientbound)[client.read..].to_vec();
        let bye = frame(&said(0, said_so));
        // a client whose key is known reads nothing else any more
        let told = if n == 2 { client.read(driver.sent(Clientbound)) } else { sent };
        assert_eq!(told, bye, "{n}");
        let lines = driver.lines();
        let line =
            format!("notice: {}, so the client is told, and the session ends", &said_so[9..]);
        assert!(lines.contains(&line), "{n}: {lines:?}");
        assert!(lines.contains(&"serverbound finish".into()), "{n}: {lines:?}");
        assert!(lines.contains(&"clientbound finish".into()), "{n}: {lines:?}");
        assert!(matches!(driver.events.last(), Some(Event::Closed { .. })), "{n}");
    }
}

#[test]
fn a_server_key_that_cannot_be_used_is_told() {
    let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"", false));
    let why = "midwire: the server's public key cannot be used (it is empty)";
    assert_eq!(driver.sent(Clientbound), frame(&said(0, why)));
}

fn asked() -> (Driver, Peer) {
    let mut driver = Driver::with(support::protocol(LOCKED), options(false, true));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", true));
    let mut client = Peer::new(driver.sent(Clientbound).len());
    let behind = client.write(&say("early"));
    driver.feed(Serverbound, &[answer(b"midwire", &KEY, &TOKEN), behind].concat());
    assert_eq!(driver.sent(Serverbound), hello(), "it waits");
    (driver, client)
}

#[test]
fn the_server_gets_its_answer_once_the_account_has_joined() {
    let (mut driver, _) = asked();
    let (request, Request::Join(join)) = driver.requests.pop().unwrap();
    assert_eq!(
        (&*join.server_id, &*join.server_key, &*join.own_key),
        ("srv", &b"server"[..], &b"midwire"[..])
    );
    assert_eq!((join.key.as_bytes(), join.name.as_deref()), (&KEY, Some("Alva")));
    assert!(!format!("{join:?}").contains("97, 32, 115"), "{join:?}");
    driver.session.answer(request, Answer::Done, driver.now, &mut driver.scratch);
    driver.drain();
    let mut peer = Peer::new(0);
    let expected = [hello(), answer(b"server", &KEY, &TOKEN), peer.write(&say("early"))].concat();
    assert_eq!(driver.sent(Serverbound), expected);
    // late, or twice
    driver.session.answer(request, Answer::Refused("no".into()), driver.now, &mut driver.scratch);
    driver.drain();
    assert_eq!(driver.sent(Serverbound), expected);
}

#[test]
fn a_client_whose_account_cannot_join_is_told_what_it_can_read() {
    let (mut driver, mut client) = asked();
    let (request, _) = driver.requests.pop().unwrap();
    driver.session.answer(
        request,
        Answer::Refused("the service is down".into()),
        driver.now,
        &mut driver.scratch,
    );
    driver.drain();
    assert_eq!(driver.sent(Serverbound), hello());
    let told = client.read(driver.sent(Clientbound));
    assert_eq!(told, frame(&said(0, "midwire: the service is down")));
    assert!(driver.lines().contains(&"serverbound finish".into()));
}

#[test]
fn a_client_that_leaves_meanwhile_is_not_waited_for() {
    let (mut driver, _) = asked();
    driver.reset(Serverbound);
    let (request, _) = driver.requests.pop().unwrap();
    driver.session.answer(request, Answer::Done, driver.now, &mut driver.scratch);
    driver.drain();
    assert_eq!(driver.sent(Serverbound), hello());
}

#[test]
fn nobody_who_needs_frames_means_that_ciphertext_goes_past() {
    let (mut driver, mut client, mut server) = encrypted(options(false, false));
    driver.session.set_watch(Watch::Nothing);
    let down = server.write(&[frame(&[2]), say("one")].concat());
    let (head, tail) = down.split_at(down.len() - 2);
    driver.feed(Clientbound, head);
    driver.feed(Serverbound, &client.write(&say("so it is in play")));
    assert!(driver.session.is_joinable());
    driver.session.join(&mut driver.pending, driver.now);
    driver.drain();
    // what goes past the session from here on fits behind what it has sent
    assert_eq!([&driver.sent(Clientbound)[client.read..], tail].concat(), down);
    // a direction that was changed is to be encrypted as long as it lasts
    let (mut driver, _, mut server) = encrypted(options(false, false));
    driver.session.set_watch(Watch::Nothing);
    driver.feed(Clientbound, &server.write(&frame(&[2])));
    let packet = NewPacket { payload: said(5, "new").into(), origin: Origin::User, forced: false };
    driver.session.inject(Clientbound, packet, driver.now, &mut driver.scratch).unwrap();
    driver.drain();
    assert!(!driver.session.is_joinable());
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit
    }
}

/// What a judge does with packets of the game, by a seed.
fn judge(seed: u64) -> Box<By<impl FnMut(&PacketInfo<'_>) -> Verdict + Send>> {
    let mut dice = Dice(seed);
    let calm = dice.below(3) == 0;
    Box::new(By(move |info: &PacketInfo<'_>| {
        if info.definition.is_none_or(|known| *known.name != *"say") {
            return Verdict::Pass;
        }
        match dice.below(12) {
            0 if !calm => Verdict::Drop,
            1 if !calm => {
                let mut edits = midwire_definition::Edits::new();
                edits.set("text", midwire_definition::Given::Text("changed".into()));
                Verdict::Edit(edits)
            }
            2 => Verdict::Intercept,
            3 => Verdict::Delay(Duration::from_millis(dice.below(20) as u64)),
            _ => Verdict::Pass,
        }
    }))
}

/// What is done to an encrypted session is done to one that is not, and its peers read the same.
#[test]
fn an_encrypted_session_is_the_same_as_one_that_is_not() {
    let clear = LOCKED.replace("on login serverbound answer { cipher.on() }", "");
    let clear = support::protocol(&clear);
    let mut as_it_came = 0;
    for seed in 0..600 {
        let mut dice = Dice(seed);
        let (mut driver, mut client, mut server) = encrypted(options(false, false));
        let mut plain = Driver::with(clear.clone(), Options::default());
        plain.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"midwire", false));
        plain.feed(Serverbound, &answer(b"server", &KEY, &TOKEN));
        let skip = Direction::BOTH.map(|direction| driver.sent(direction).len());
        for one in [&mut driver, &mut plain] {
            one.session.set_watch([Watch::Nothing, Watch::Ids, Watch::Packets][seed as usize % 3]);
            one.session.set_judge(Some(judge(seed)));
        }
        let compressed = dice.below(2) == 0;
        let mut start = if compressed { frame(&[3, 32]) } else { Vec::new() };
        start.extend(if compressed { squeezed(32, &[2]) } else { frame(&[2]) });
        plain.feed(Clientbound, &start);
        driver.feed(Clientbound, &server.write(&start));
        let mut came = [Vec::new(), server.write(&[])];
        for _ in 0..dice.below(30) {
            let direction = Direction::BOTH[dice.below(2)];
            let mut bytes = Vec::new();
            for _ in 0..dice.below(6) {
                let payload = said(5, &"x".repeat(dice.below(100)));
                bytes.extend(if compressed { squeezed(32, &payload) } else { frame(&payload) });
            }
            let sender = if direction == Serverbound { &mut client } else { &mut server };
            let cipher = sender.write(&bytes);
            came[direction.index()].extend_from_slice(&cipher);
            let mut at = 0;
            while at < bytes.len() {
                let end = at + 1 + dice.below(bytes.len() - at);
                plain.feed(direction, &bytes[at..end]);
                driver.feed(direction, &cipher[at..end]);
                at = end;
                if dice.below(10) == 0 {
                    let payload: Vec<u8> = said(5, "injected");
                    for one in [&mut driver, &mut plain] {
                        let packet = NewPacket {
                            payload: payload.clone().into(),
                            origin: Origin::User,
                            forced: false,
                        };
                        let _ = one.session.inject(direction, packet, one.now, &mut one.scratch);
                        one.drain();
                    }
                }
                let millis = dice.below(10) as u64;
                plain.wait(millis);
                driver.wait(millis);
            }
            if dice.below(3) == 0 {
                let number = PacketNumber(dice.below(60) as u64);
                let verdict = if dice.below(4) == 0 { Verdict::Drop } else { Verdict::Pass };
                for one in [&mut driver, &mut plain] {
                    let _ = one.session.resume(number, verdict.clone(), one.now, &mut one.scratch);
                    one.drain();
                }
            }
        }
        for one in [&mut driver, &mut plain] {
            for number in 0..500 {
                let number = PacketNumber(number);
                let _ = one.session.resume(number, Verdict::Pass, one.now, &mut one.scratch);
                one.drain();
            }
            one.end(Serverbound).end(Clientbound).wait(1000);
        }
        for (direction, peer) in [(Serverbound, &mut server), (Clientbound, &mut client)] {
            let index = direction.index();
            let read = peer.read(driver.sent(direction));
            let offset = plain.sent(direction).len() - read.len();
            assert_eq!(offset, skip[index], "seed {seed}, {direction}");
            assert_eq!(plain.sent(direction)[offset..], read, "seed {seed}, {direction}");
            as_it_came += u32::from(driver.sent(direction).ends_with(&came[index]));
        }
        let fates = |driver: &Driver| -> Vec<Fate> { driver.packets().map(|p| p.fate).collect() };
        assert_eq!(fates(&driver)[..].len(), fates(&plain).len(), "seed {seed}");
        assert!(driver.pending.iter().all(|left| left.is_empty()), "seed {seed}");
    }
    assert!(as_it_came > 100, "{as_it_came}");
}

#[test]
fn bytes_that_are_no_frames_pass_in_an_encrypted_session_too() {
    let (mut driver, mut client, mut server) = encrypted(options(false, false));
    let plain = [frame(&[2]), vec![0xff; 20], say("x")].concat();
    let cipher = server.write(&plain);
    let before = driver.sent(Clientbound).len();
    for part in cipher.chunks(5) {
        driver.feed(Clientbound, part);
    }
    driver.end(Clientbound);
    assert_eq!(driver.sent(Clientbound)[before..], cipher);
    assert_eq!(client.read(driver.sent(Clientbound)), plain);
    assert!(driver.lines().iter().any(|line| line.contains("lost framing")));
}

#[test]
fn who_plays_as_another_is_called_so_and_what_it_signs_for_itself_is_taken_out() {
    let text = LOCKED.replace(
        "packet play clientbound kick = 6",
        "packet play serverbound signed = 7 { key: bytes[varint] @cipher own }\n\
         packet play clientbound kick = 6",
    );
    for (player, name) in [(Some("Steve"), "Steve"), (Some("Alva"), "Alva"), (None, "Alva")] {
        let options = options(true, false);
        if let (Some(encryption), Some(player)) = (&options.encryption, player) {
            encryption.plays_as.set(player.to_owned()).unwrap();
        }
        let mut driver = Driver::with(support::protocol(&text), options);
        driver.session.set_watch(Watch::Nothing);
        driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", true));
        driver.feed(Serverbound, &answer(b"midwire", &KEY, &TOKEN));
        let expected = [frame(&said(0, name)), answer(b"server", &KEY, &TOKEN)].concat();
        assert_eq!(driver.sent(Serverbound), expected);
        let (mut client, mut server) = (Peer::new(0), Peer::new(expected.len()));
        driver.feed(Clientbound, &server.write(&frame(&[2])));
        let signed = frame(&[7, 1, 9]);
        let plain = [say("one"), signed.clone(), say("two"), signed.clone()].concat();
        driver.feed(Serverbound, &client.write(&plain));
        let read = server.read(driver.sent(Serverbound));
        if player == Some("Steve") {
            assert_eq!(read, [say("one"), say("two")].concat());
            let told = driver.lines().iter().filter(|line| line.contains("not signed")).count();
            assert_eq!(told, 1);
        } else {
            assert_eq!(read, plain);
        }
    }
}

/// Whoever only reads along changes nothing, whatever comes when.
#[test]
fn who_has_the_key_of_others_passes_all_as_it_came() {
    for seed in 0..600 {
        let mut dice = Dice(seed);
        let keys = [Key::from([3; 16]), Key::from(KEY)];
        let options = Options { cipher_keys: keys.into(), ..Options::default() };
        let mut driver = Driver::with(support::protocol(LOCKED), options);
        let (mut client, mut server) = (Peer::new(0), Peer::new(0));
        let mut came = [hello(), ask(b"server", false)];
        driver.feed(Serverbound, &came[0].clone()).feed(Clientbound, &came[1].clone());
        let reply = answer(b"server", &KEY, &TOKEN);
        let answered = client.write(&[say("early"), say("x")].concat());
        let note = frame(&said(4, "before it knew"));
        let up = [&reply[..], &answered].concat();
        let plain = [frame(&[2]), say("one"), say(&"two".repeat(dice.below(20)))].concat();
        let cipher = if dice.below(6) == 0 { vec![0xee; 50] } else { server.write(&plain) };
        let down = [note.repeat(dice.below(3)), cipher].concat();
        let mut rest = [&up[..], &down[..]];
        while rest.iter().any(|rest| !rest.is_empty()) {
            // the server knows the key once the answer is there
            let is_up = rest[1].is_empty() || dice.below(2) == 0 || rest[0].len() > answered.len();
            let index = usize::from(!is_up);
            let len = (1 + dice.below(40)).min(rest[index].len());
            let (now, later) = rest[index].split_at(len);
            came[index].extend_from_slice(now);
            driver.feed(Direction::BOTH[index], now);
            rest[index] = later;
        }
        driver.end(Serverbound).end(Clientbound);
        for direction in Direction::BOTH {
            assert_eq!(driver.sent(direction), came[direction.index()], "seed {seed}, {direction}");
        }
    }
}

#[test]
fn an_answer_that_somebody_has_replaced_ends_the_login() {
    let mut driver = Driver::with(support::protocol(LOCKED), options(false, false));
    driver.session.set_judge(Some(Box::new(By(|info: &PacketInfo<'_>| {
        match info.definition.is_some_and(|known| *known.name == *"answer") {
            true => Verdict::Replace(said(0, "other").into()),
            false => Verdict::Pass,
        }
    }))));
    driver.feed(Serverbound, &hello()).feed(Clientbound, &ask(b"server", false));
    let mut client = Peer::new(driver.sent(Clientbound).len());
    driver.feed(Serverbound, &answer(b"midwire", &KEY, &TOKEN));
    assert_eq!(driver.sent(Serverbound), hello());
    let why = "midwire: the client's answer to the encryption request was changed";
    assert_eq!(client.read(driver.sent(Clientbound)), frame(&said(0, why)));
}
