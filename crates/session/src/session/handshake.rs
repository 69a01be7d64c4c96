//! Standing in the middle of a login that asks for encryption: the server's key is replaced by midwire's own,
//! and what the client seals with that is opened and sealed anew.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Key, Origin};
use midwire_definition::plan::CipherField;
use midwire_definition::value::Value;
use midwire_definition::{Edits, Given, Packet, Workspace};

use super::judge::{Ruling, spliced};
use super::{Output, Session};
use crate::decision::Disconnect;
use crate::encryption::{Answer, Encryption, Join, Refused, Request, RequestId, Token};
use crate::event::{Notice, PacketNumber};
use crate::form::{self, Effects, Form};
use crate::id;
use crate::marked::each_field;
use crate::order::Held;
use crate::scratch::Scratch;
use crate::verdict::PacketInfo;

/// What the client is told of an answer that cannot be used, whatever is wrong with it.
const BAD_ANSWER: &str = "the client's answer to the encryption request cannot be used";

/// A login in which midwire stands in the middle.
#[derive(Debug, Default)]
pub(super) struct Login {
    /// Who the client says it is.
    name: Option<String>,
    asked: Option<Asked>,
    /// The server knows the client as another player.
    is_other: bool,
    /// That was told.
    told_other: bool,
    /// What came of the client's answer.
    pub(super) outcome: Option<Result<Key, Refused>>,
    /// One of the keys that were given is the right one.
    pub(super) undecided: bool,
    /// Nobody stands in the middle: both peers have the key already.
    pub(super) passive: bool,
    /// What midwire changes in the packet that somebody holds, to decide about it later.
    edits: Option<(PacketNumber, Edits)>,
    /// What is waited for, and the packet that waits.
    waiting: Option<(RequestId, PacketNumber)>,
    requests: u64,
}

/// What the server asked the client with.
#[derive(Debug)]
struct Asked {
    server_id: String,
    server_key: Bytes,
    token: Vec<u8>,
    authenticates: bool,
}

/// A field that has a part in it.
struct Part {
    what: CipherField,
    path: String,
    bytes: Vec<u8>,
    number: Option<i128>,
}

/// What a packet has of it.
struct Parts {
    list: Vec<Part>,
    /// All of the packet could be read.
    is_whole: bool,
}

impl Parts {
    fn of(packet: &mut Packet<'_>) -> Self {
        let mut list = Vec::new();
        each_field(packet, |path, node, value| {
            let Some(what) = node.field.marks.cipher else { return };
            let bytes = match value {
                Value::Bytes(bytes) => bytes.to_vec(),
                Value::Text(text, ..) => text.as_bytes().to_vec(),
                _ => Vec::new(),
            };
            list.push(Part { what, path: path(), bytes, number: value.as_int() });
        });
        Self { list, is_whole: packet.error().is_none() && packet.rest().is_empty() }
    }

    fn get(&self, what: CipherField) -> Option<&Part> {
        self.list.iter().find(|part| part.what == what)
    }

    fn text(&self, what: CipherField) -> Option<String> {
        self.get(what).map(|part| String::from_utf8_lossy(&part.bytes).into_owned())
    }
}

impl Session {
    /// Does midwire's part in a packet that has to do with encryption.
    pub(super) fn shake_hands(
        &mut self,
        info: &PacketInfo<'_>,
        form: &Form,
        effects: &Effects,
        workspace: &mut Workspace,
        ruling: &mut Ruling,
    ) {
        let Some(encryption) = self.setup.options.encryption.clone() else { return };
        if self.setup.frameless {
            return;
        }
        let Some(plan) = info.definition.and_then(|definition| definition.plan.as_ref()) else {
            return;
        };
        let parts = Parts::of(&mut plan.decode(info.payload, info.body, &form.conn, workspace));
        let login = self.login.get_or_insert_default();
        let mut renamed = Edits::new();
        if let Some(name) = parts.get(CipherField::Name) {
            login.name = parts.text(CipherField::Name);
            if let Some(player) = encryption.plays_as.get()
                && login.name.as_ref() != Some(player)
            {
                login.is_other = true;
                renamed.set(&name.path, Given::Text(player.clone()));
            }
        }
        if login.is_other && parts.get(CipherField::Own).is_some() {
            *ruling = Ruling {
                dropped: true,
                tags: std::mem::take(&mut ruling.tags),
                ..Ruling::default()
            };
            if !std::mem::replace(&mut login.told_other, true) {
                self.notice(Notice::NotOwn);
            }
            return;
        }
        let edits = if !renamed.is_empty() {
            renamed
        } else if form::encrypts(effects) {
            let Some(asked) = login.asked.take() else { return };
            self.answered_by_client(&encryption, asked, &parts, info, ruling)
        } else {
            self.asked_by_server(&encryption, &parts, ruling)
        };
        if edits.is_empty() || ruling.is_refused {
            return;
        }
        if !ruling.dropped {
            self.make(&edits, info.direction, info.payload, form, workspace, ruling);
        }
        if let Some(login) = self.login.as_mut().filter(|_| ruling.held) {
            login.edits = Some((info.number, edits));
        }
    }

    /// Does the same with what somebody made of a packet that was held.
    pub(super) fn shake_hands_again(
        &self,
        held: &Held,
        workspace: &mut Workspace,
        ruling: &mut Ruling,
    ) {
        let edits = self.login.as_ref().and_then(|login| login.edits.as_ref());
        if let Some((_, edits)) = edits.filter(|(number, _)| *number == held.number)
            && !ruling.dropped
        {
            self.make(edits, held.direction, &held.payload, &held.form, workspace, ruling);
        }
    }

    /// The server asks: the client gets midwire's key, if it is to be read what follows.
    fn asked_by_server(
        &mut self,
        encryption: &Encryption,
        parts: &Parts,
        ruling: &mut Ruling,
    ) -> Edits {
        let mut edits = Edits::new();
        let Some(key) = parts.get(CipherField::PublicKey).filter(|_| parts.is_whole) else {
            return edits;
        };
        let authenticates = parts.get(CipherField::Authenticates).and_then(|part| part.number);
        let authenticates = authenticates.is_none_or(|number| number != 0);
        if authenticates && !encryption.always && !encryption.joins {
            return edits;
        }
        if let Err(reason) = encryption.keys.check(&key.bytes) {
            self.refuse_login(ruling, format!("the server's public key cannot be used ({reason})"));
            return edits;
        }
        edits.set(&key.path, Given::Bytes(encryption.keys.public_key().to_vec()));
        let token = parts.get(CipherField::Token);
        self.login.get_or_insert_default().asked = Some(Asked {
            server_id: parts.text(CipherField::ServerId).unwrap_or_default(),
            server_key: Bytes::copy_from_slice(&key.bytes),
            token: token.map(|part| part.bytes.clone()).unwrap_or_default(),
            authenticates,
        });
        edits
    }

    /// The client answers: what it sealed for midwire is sealed for the server.
    fn answered_by_client(
        &mut self,
        encryption: &Encryption,
        asked: Asked,
        parts: &Parts,
        info: &PacketInfo<'_>,
        ruling: &mut Ruling,
    ) -> Edits {
        let keys = &encryption.keys;
        let mut edits = Edits::new();
        let sealed = |what| parts.get(what).map_or(&[][..], |part: &Part| &part.bytes);
        let token = parts
            .get(CipherField::Token)
            .map(|part| Token { sealed: &part.bytes, expected: &asked.token });
        let opened = keys.open(sealed(CipherField::Secret), token);
        let key = match opened {
            Ok(key) if parts.is_whole => key,
            Ok(key) => {
                self.refuse_answer(ruling, BAD_ANSWER.into(), Refused { key: Some(key) });
                return edits;
            }
            Err(refused) => {
                self.refuse_answer(ruling, BAD_ANSWER.into(), refused);
                return edits;
            }
        };
        let plain =
            [(CipherField::Secret, &key.as_bytes()[..]), (CipherField::Token, &asked.token[..])];
        for (what, plain) in plain {
            let Some(part) = parts.get(what) else { continue };
            match keys.seal(&asked.server_key, plain) {
                Ok(sealed) => edits.set(&part.path, Given::Bytes(sealed)),
                Err(reason) => {
                    let reason = format!("the login cannot be sealed for the server ({reason})");
                    self.refuse_answer(ruling, reason, Refused { key: Some(key.clone()) });
                    return edits;
                }
            };
        }
        let login = self.login.get_or_insert_default();
        if encryption.joins && asked.authenticates && !ruling.dropped {
            login.requests += 1;
            let request = RequestId(login.requests);
            login.waiting = Some((request, info.number));
            ruling.asked = Some(request);
            let join = Join {
                server_id: asked.server_id,
                key: key.clone(),
                server_key: asked.server_key,
                own_key: Bytes::copy_from_slice(keys.public_key()),
                name: login.name.clone(),
            };
            let request = Output::Request(request, Request::Join(Box::new(join)));
            self.outputs.push_back(request);
        }
        self.login.get_or_insert_default().outcome = Some(Ok(key));
        edits
    }

    fn refuse_answer(&mut self, ruling: &mut Ruling, reason: String, refused: Refused) {
        self.login.get_or_insert_default().outcome = Some(Err(refused));
        self.refuse_login(ruling, reason);
    }

    /// Ends the session in place of the packet, and tells the client why.
    fn refuse_login(&mut self, ruling: &mut Ruling, reason: String) {
        let why: Arc<str> = format!("midwire: {reason}").into();
        let tags = std::mem::take(&mut ruling.tags);
        *ruling = Ruling {
            dropped: true,
            is_refused: true,
            disconnect: Some(Disconnect { why, by: None }),
            tags,
            ..Ruling::default()
        };
        self.notice(Notice::LoginRefused { reason });
    }

    /// Makes edits of what is to be sent of a packet.
    fn make(
        &self,
        edits: &Edits,
        direction: Direction,
        payload: &[u8],
        form: &Form,
        workspace: &mut Workspace,
        ruling: &mut Ruling,
    ) {
        let payload = ruling.new.as_deref().unwrap_or(payload);
        let found = id::read(&self.setup.protocol.stack, form.state, payload);
        let Some((id, body)) = found else { return };
        let definition = self.tables.definition(form.state, direction, id);
        let Some(plan) = definition.and_then(|definition| definition.plan.as_ref()) else { return };
        let mut packet = plan.decode(payload, body as u32, &form.conn, workspace);
        match spliced(&mut packet, edits) {
            Ok(new) => {
                ruling.new = Some(new);
                ruling.changed_by.get_or_insert(Origin::Midwire);
            }
            Err(reason) => ruling.refused.push((None, reason)),
        }
    }

    /// What became of a request.
    pub(super) fn answered(&mut self, request: RequestId, answer: Answer, scratch: &mut Scratch) {
        let Some(login) = &mut self.login else { return };
        let Some((_, number)) = login.waiting.take_if(|(waiting, _)| *waiting == request) else {
            return;
        };
        if self.closed {
            return;
        }
        match answer {
            Answer::Done => {
                for direction in Direction::BOTH {
                    self.side(direction).order.answered(request);
                    self.pump(direction, scratch);
                }
            }
            Answer::Refused(reason) => {
                let why = format!("midwire: {reason}").into();
                self.notice(Notice::LoginRefused { reason });
                let disconnect = Disconnect { why, by: None };
                self.disconnect_for(number, disconnect, Origin::Midwire, scratch);
            }
        }
    }
}
