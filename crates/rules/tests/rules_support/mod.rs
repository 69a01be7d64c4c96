//! Rules over packets that are made here.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses a part"
)]

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::plan::IntRepr;
use midwire_definition::{
    Given, LoadError, Loader, PacketDefinition, Protocol, Root, VersionId, Workspace, builtin,
    render,
};
use midwire_rules::rule::{Decision, RuleSet, RuleState};
use midwire_rules::{Envelope, Lexicon};

/// Texts by name.
#[derive(Default)]
pub struct Texts(pub HashMap<String, String>);

impl Loader for Texts {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        match self.0.get(path) {
            Some(text) => Ok(text.clone()),
            None => Err(LoadError::NotFound { path: path.into() }),
        }
    }
}

pub fn texts(files: &[(&str, &str)]) -> Texts {
    Texts(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

/// The names of a built-in protocol.
pub fn lexicon(name: &str) -> Arc<Lexicon> {
    static MINECRAFT: OnceLock<Arc<Lexicon>> = OnceLock::new();
    static TERRARIA: OnceLock<Arc<Lexicon>> = OnceLock::new();
    let cell = if name == "minecraft" { &MINECRAFT } else { &TERRARIA };
    cell.get_or_init(|| Arc::new(Lexicon::new(&builtin(name).unwrap()))).clone()
}

/// Rules of one file, and the warnings about them.
pub fn load(protocol: &str, text: &str) -> Result<(RuleSet, String), String> {
    let loader = texts(&[("test.rules", text)]);
    load_files(protocol, &loader)
}

pub fn load_files(protocol: &str, loader: &Texts) -> Result<(RuleSet, String), String> {
    let root = Root { path: "test.rules", loader };
    match RuleSet::load(&[root], &lexicon(protocol)) {
        Ok(set) => {
            let warnings = render(set.warnings(), set.sources(), false);
            Ok((set, warnings))
        }
        Err(problems) => Err(problems.to_string()),
    }
}

/// One session and its rules.
pub struct Table {
    pub set: RuleSet,
    pub protocol: Arc<Protocol>,
    pub version: VersionId,
    pub state: RuleState,
    pub decision: Decision,
    pub workspace: Workspace,
    pub conn: Vec<i64>,
    pub trusted: bool,
}

/// A packet that is judged.
pub struct Made {
    pub definition: Arc<PacketDefinition>,
    pub payload: Vec<u8>,
    pub body: u32,
}

impl Table {
    /// Rules at a version of a protocol; warnings are no failure.
    pub fn new(protocol: &str, version: &str, text: &str) -> Table {
        let (set, _) = load(protocol, text).unwrap_or_else(|errors| panic!("{errors}"));
        let protocol = set.protocol().clone();
        let version = protocol.versions.by_text(version).unwrap();
        Table {
            state: set.begin(),
            conn: protocol.initial_conn(),
            set,
            protocol,
            version,
            decision: Decision::default(),
            workspace: Workspace::default(),
            trusted: true,
        }
    }

    /// A packet of named fields.
    pub fn packet(&mut self, state: &str, direction: Direction, name: &str, json: &str) -> Made {
        let fields = midwire_definition::given::parse(json).unwrap();
        self.made(state, direction, name, &fields)
    }

    pub fn made(&mut self, state: &str, direction: Direction, name: &str, fields: &Given) -> Made {
        let state = self.protocol.state_named(state).unwrap_or(self.protocol.start);
        let dialect = self.protocol.dialect(self.version);
        let definition = dialect.packet_named(state, direction, name).unwrap().clone();
        let mut payload = Vec::new();
        match self.protocol.stack.id {
            IntRepr::Varint if definition.id >= 0x80 => {
                payload.extend([definition.id as u8 | 0x80, (definition.id >> 7) as u8]);
            }
            _ => payload.push(definition.id as u8),
        }
        let body = payload.len() as u32;
        let plan = definition.plan.clone().unwrap();
        plan.encode(fields, &self.conn, &mut self.workspace, &mut payload).unwrap();
        Made { definition, payload, body }
    }

    /// What the rules say of a packet at a time.
    pub fn judge(&mut self, made: &Made, millis: u64) -> &Decision {
        let envelope = Envelope {
            version: self.version,
            state: made.definition.state,
            direction: made.definition.direction,
            id: Some(made.definition.id),
            definition: Some(&made.definition),
            length: made.payload.len() as u32,
            time: Duration::from_millis(millis),
            session: 1,
            client: None,
            server: None,
            malformed: false,
            injected: false,
            changed: false,
            conn: &self.conn,
            payload: &made.payload,
            body: made.body,
        };
        let rules = self.set.at(self.version);
        let (state, decision) = (&mut self.state, &mut self.decision);
        self.set.judge(&rules, state, &envelope, self.trusted, &mut self.workspace, decision);
        &self.decision
    }

    /// The fields of the payload that is to be sent, as one line of JSON.
    pub fn sent(&mut self, made: &Made) -> String {
        let payload = self.decision.payload.clone().unwrap_or_else(|| made.payload.clone());
        self.fields(made, &payload)
    }

    /// The fields of a packet as it is.
    pub fn sent_of(&mut self, made: &Made) -> String {
        self.fields(made, &made.payload)
    }

    fn fields(&mut self, made: &Made, payload: &[u8]) -> String {
        let plan = made.definition.plan.clone().unwrap();
        let mut packet = plan.decode(payload, made.body, &self.conn, &mut self.workspace);
        assert!(packet.error().is_none() && packet.rest().is_empty(), "it can be read to its end");
        let mut out = String::new();
        midwire_definition::json::write_fields(&mut packet, &mut out);
        out
    }
}
