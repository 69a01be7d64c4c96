//! A protocol as people name it: its stages, states, versions, packets and events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use midwire_codec::{Direction, Framing};

use crate::diagnostics::Diagnostics;
use crate::plan::{Ex, IntRepr, Packet, Plan};
use crate::resolve::{self, Checked, Declarations, Interval};
use crate::sources::{Loader, Root, Sources};
use crate::syntax::ast::{DetectItem, same_name};
use crate::table::Table;
use crate::version::{VersionId, Versions};

/// A protocol state, by its place in the protocol's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u8);

/// A resolved definition: everything that does not depend on the version, and, compiled on first use,
/// what does.
#[derive(Debug)]
pub struct Protocol {
    /// What the command line takes: `minecraft`.
    pub name: Arc<str>,
    /// What people are shown: `Minecraft Java Edition`.
    pub title: Arc<str>,
    /// The doc comment.
    pub doc: Arc<str>,
    /// The TCP port that its servers listen on, if it has one.
    pub port: Option<u16>,
    /// Its versions.
    pub versions: Versions,
    /// The names of its protocol states; one without a name where the definition has none.
    pub states: Vec<Arc<str>>,
    /// The state both directions begin in.
    pub start: StateId,
    /// What lies between the socket and a packet.
    pub stack: Stack,
    /// Where the version is said.
    pub version_from: Option<VersionFrom>,
    /// How the first bytes of a direction look.
    pub(crate) detects: Vec<DetectItem>,
    /// The connection's variables: name and value at the start.
    pub conn: Vec<(Arc<str>, i64)>,
    pub(crate) declarations: Declarations,
    pub(crate) dialects: Mutex<HashMap<VersionId, Arc<Dialect>>>,
    /// What is doubtful in the text.
    pub warnings: Diagnostics,
    /// The text.
    pub sources: Sources,
}

/// What is wrong with a definition, with the texts to show it in.
#[derive(Debug)]
pub struct Problems {
    /// The messages.
    pub diagnostics: Diagnostics,
    /// The texts they point into.
    pub sources: Sources,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::diagnostics::render(&self.diagnostics, &self.sources, false))
    }
}

impl std::error::Error for Problems {}

/// What lies between the socket and a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// How frames are cut; `None`: packets follow each other without a length.
    pub framing: Option<Framing>,
    /// What stands in front of the length in a frame that nobody sent: the constants of the header's
    /// other fields, zeros for those without.
    pub before_length: Arc<[u8]>,
    /// The same for what stands between the length and the id: bytes of the payload.
    pub before_id: Arc<[u8]>,
    /// How the packet id is written, in the states whose packets have one; see [`Stack::id_in`].
    pub id: IntRepr,
    /// Those states; `None`: all of them.
    pub id_states: Option<Arc<[StateId]>>,
    /// The most bytes of a packet, where the definition has no frames and says so.
    pub packet_length_max: Option<usize>,
    /// There is a compression stage, and it is on from the first byte.
    pub compression: Option<bool>,
    /// There is a cipher stage (off at the start).
    pub cipher: bool,
    /// Pings of old clients may stand in front of the first frame.
    pub legacy_ping: bool,
}

impl Stack {
    /// How the packet id is written in a state: in no bytes where its packets have none.
    #[inline]
    pub fn id_in(&self, state: StateId) -> IntRepr {
        match &self.id_states {
            Some(states) if !states.contains(&state) => IntRepr::NOTHING,
            _ => self.id,
        }
    }
}

/// Where a protocol's version is said.
#[derive(Debug, Clone)]
pub struct VersionFrom {
    /// The packet's state.
    pub state: StateId,
    /// The packet's direction.
    pub direction: Direction,
    /// The packet's name.
    pub packet: Arc<str>,
    /// The field.
    pub field: Arc<str>,
    /// Text in front of and behind the number, for a text field.
    pub matching: Option<(Arc<str>, Arc<str>)>,
}

/// A protocol at one version.
#[derive(Debug)]
pub struct Dialect {
    /// Which version.
    pub version: VersionId,
    /// By state, direction and id.
    pub(crate) by_id: HashMap<(StateId, Direction, i64), Arc<PacketDefinition>>,
}

/// A packet at one version, in one state and direction.
#[derive(Debug)]
pub struct PacketDefinition {
    /// Its name as written.
    pub name: Arc<str>,
    /// A title for people.
    pub title: Option<Arc<str>>,
    /// Other names that are understood, and never shown.
    pub aliases: Arc<[Arc<str>]>,
    /// The doc comment.
    pub doc: Arc<str>,
    /// Its id.
    pub id: i64,
    /// The state it is valid in.
    pub state: StateId,
    /// Which way it goes.
    pub direction: Direction,
    /// How its body is read; `None`: opaque.
    pub plan: Option<Arc<Plan>>,
    /// What it changes in the session.
    pub events: Arc<[Event]>,
    /// The version is said in this packet.
    pub says_version: bool,
    /// Its place among the declarations, if it has one.
    pub(crate) item: Option<usize>,
}

/// What a packet changes in the session.
#[derive(Debug)]
pub struct Event {
    pub(crate) condition: Option<Ex>,
    pub(crate) effects: Vec<EffectCode>,
}

/// An effect with its value still an expression over the packet.
#[derive(Debug, PartialEq)]
pub(crate) enum EffectCode {
    State { direction: Option<Direction>, value: Ex },
    Assign { variable: u32, value: Ex },
    CompressionOn(Ex),
    CompressionOff,
    CipherOn,
}

/// One change of the session's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The protocol state of one direction (or both, where `None`).
    State {
        /// Which direction; both where absent.
        direction: Option<Direction>,
        /// The new state.
        state: StateId,
    },
    /// A connection variable.
    Assign {
        /// Its place in [`Protocol::conn`].
        variable: u32,
        /// Its new value.
        value: i64,
    },
    /// Compression is on from the next frame, for plain sizes from this threshold; below 0: off.
    Compression {
        /// Bytes.
        threshold: i64,
    },
    /// Everything behind this packet is encrypted.
    Cipher,
}

impl Event {
    /// The effects of this packet, in order; none when the condition does not hold.
    pub fn effects(&self, packet: &Packet<'_>) -> Vec<Effect> {
        let eval = |ex: &Ex| packet.eval(ex);
        if self.condition.as_ref().is_some_and(|c| eval(c) == 0) {
            return Vec::new();
        }
        let narrow = |n: i128| i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX });
        let effect = |code: &EffectCode| match code {
            EffectCode::State { direction, value } => {
                let state = u8::try_from(eval(value)).ok()?;
                Some(Effect::State { direction: *direction, state: StateId(state) })
            }
            EffectCode::Assign { variable, value } => {
                Some(Effect::Assign { variable: *variable, value: narrow(eval(value)) })
            }
            EffectCode::CompressionOn(e) => {
                Some(Effect::Compression { threshold: narrow(eval(e)) })
            }
            EffectCode::CompressionOff => Some(Effect::Compression { threshold: -1 }),
            EffectCode::CipherOn => Some(Effect::Cipher),
        };
        self.effects.iter().filter_map(effect).collect()
    }
}

impl Event {
    /// Whether all that follows the packet may be encrypted.
    pub fn may_encrypt(&self) -> bool {
        self.effects.contains(&EffectCode::CipherOn)
    }

    /// The protocol states that the packet may lead to, of either direction; `None`: that depends on its
    /// fields, so any.
    pub fn leads_to(&self) -> Option<Vec<StateId>> {
        let states = self.effects.iter().filter_map(|effect| match effect {
            EffectCode::State { value, .. } => Some(value),
            _ => None,
        });
        let constant = |value: &Ex| match value {
            Ex::Int(state) => u8::try_from(*state).ok().map(StateId),
            _ => None,
        };
        states.map(constant).collect()
    }

    /// What it assigns, if that is all it does.
    fn assigns(&self) -> Option<Vec<u32>> {
        let variable = |effect: &EffectCode| match effect {
            EffectCode::Assign { variable, .. } => Some(*variable),
            _ => None,
        };
        self.effects.iter().map(variable).collect()
    }

    /// Whether it changes the form of a direction: its protocol state, compression or encryption.
    fn forms(&self, direction: Direction) -> bool {
        self.effects.iter().any(|effect| match effect {
            EffectCode::State { direction: only, .. } => only.is_none_or(|only| only == direction),
            EffectCode::CompressionOn(_) | EffectCode::CompressionOff | EffectCode::CipherOn => {
                true
            }
            EffectCode::Assign { .. } => false,
        })
    }

    fn assigned(&self) -> impl Iterator<Item = u32> + '_ {
        self.effects.iter().filter_map(|effect| match effect {
            EffectCode::Assign { variable, .. } => Some(*variable),
            _ => None,
        })
    }

    fn reads(&self, variable: u32) -> bool {
        let values = self.effects.iter().filter_map(|effect| match effect {
            EffectCode::State { value, .. }
            | EffectCode::Assign { value, .. }
            | EffectCode::CompressionOn(value) => Some(value),
            EffectCode::CompressionOff | EffectCode::CipherOn => None,
        });
        let is_read = |ex: &Ex| ex.any(|ex| *ex == Ex::Conn(variable));
        self.condition.iter().chain(values).any(is_read)
    }
}

impl PacketDefinition {
    /// The same with another way to read its body, and no events.
    pub fn with_plan(&self, plan: Option<Arc<Plan>>) -> PacketDefinition {
        PacketDefinition {
            name: self.name.clone(),
            title: self.title.clone(),
            aliases: self.aliases.clone(),
            doc: self.doc.clone(),
            id: self.id,
            state: self.state,
            direction: self.direction,
            plan,
            events: Arc::from([]),
            says_version: self.says_version,
            item: self.item,
        }
    }

    /// Whether this is its name or an alias of it; case and `_` do not matter.
    pub fn is_called(&self, name: &str) -> bool {
        same_name(&self.name, name) || self.aliases.iter().any(|alias| same_name(alias, name))
    }
}

impl Dialect {
    /// Whether other packets can be misunderstood when this one is not looked at: whether it changes
    /// anything but variables that no packet and no event of this version reads.
    pub fn depends_on(&self, definition: &PacketDefinition) -> bool {
        let is_read = |variable: u32| {
            self.packets().any(|packet| {
                packet.plan.as_ref().is_some_and(|plan| plan.conn.contains(&variable))
                    || packet.events.iter().any(|event| event.reads(variable))
            })
        };
        definition.events.iter().any(|event| match event.assigns() {
            Some(variables) => variables.into_iter().any(is_read),
            None => true,
        })
    }

    /// Whether a packet may change how packets of a direction are read: their state, compression or
    /// encryption, or variables that they or their events read.
    pub fn changes(&self, definition: &PacketDefinition, direction: Direction) -> bool {
        let is_read = |variable: u32| {
            self.packets().filter(|packet| packet.direction == direction).any(|packet| {
                packet.plan.as_ref().is_some_and(|plan| plan.conn.contains(&variable))
                    || packet.events.iter().any(|event| event.reads(variable))
            })
        };
        let mut events = definition.events.iter();
        events.any(|event| event.forms(direction) || event.assigned().any(is_read))
    }

    /// The packet of an id, if there is one.
    pub fn packet(
        &self,
        state: StateId,
        direction: Direction,
        id: i64,
    ) -> Option<&Arc<PacketDefinition>> {
        self.by_id.get(&(state, direction, id))
    }

    /// A packet by its name, or by an alias; case and `_` do not matter.
    pub fn packet_named(
        &self,
        state: StateId,
        direction: Direction,
        name: &str,
    ) -> Option<&Arc<PacketDefinition>> {
        let mut aliased = None;
        for packet in self.packets().filter(|p| p.state == state && p.direction == direction) {
            if same_name(&packet.name, name) {
                return Some(packet);
            }
            if packet.is_called(name) {
                aliased = Some(packet);
            }
        }
        aliased
    }

    /// All packets, in no order.
    pub fn packets(&self) -> impl Iterator<Item = &Arc<PacketDefinition>> {
        self.by_id.values()
    }
}

impl Protocol {
    /// Reads and checks a definition, every packet at every version at which it differs.
    ///
    /// # Errors
    /// What is wrong with the text, with places. Warnings are in [`Protocol::warnings`].
    pub fn load(path: &str, loader: &dyn Loader) -> Result<Arc<Protocol>, Box<Problems>> {
        resolve::load(&[Root { path, loader }], Checked::All)
    }

    /// Reads a definition whose packets were checked before: a packet that is wrong all the same is opaque.
    ///
    /// # Errors
    /// What is wrong with the text outside the packets.
    pub fn load_checked(path: &str, loader: &dyn Loader) -> Result<Arc<Protocol>, Box<Problems>> {
        resolve::load(&[Root { path, loader }], Checked::None)
    }

    /// Reads and checks a definition and files that extend it: their packets, types, tables and events
    /// take the place of those of the same name, in the versions that their gates admit, and the later
    /// file's that of the earlier's.
    ///
    /// # Errors
    /// What is wrong with the texts, with places.
    pub fn load_extended(
        definition: Root<'_>,
        extensions: &[Root<'_>],
    ) -> Result<Arc<Protocol>, Box<Problems>> {
        resolve::load(&with(definition, extensions), Checked::All)
    }

    /// The same for a definition that was checked before: only what the extensions may have changed is
    /// checked.
    ///
    /// # Errors
    /// What is wrong with the texts, with places.
    pub fn load_checked_extended(
        definition: Root<'_>,
        extensions: &[Root<'_>],
    ) -> Result<Arc<Protocol>, Box<Problems>> {
        resolve::load(&with(definition, extensions), Checked::Extensions)
    }

    /// The same where the extensions were checked before as well, as in [`Protocol::load_checked`].
    ///
    /// # Errors
    /// What is wrong with the texts outside the packets.
    pub fn load_all_checked_extended(
        definition: Root<'_>,
        extensions: &[Root<'_>],
    ) -> Result<Arc<Protocol>, Box<Problems>> {
        resolve::load(&with(definition, extensions), Checked::None)
    }

    /// The protocol at one version; compiled on first use.
    pub fn dialect(&self, version: VersionId) -> Arc<Dialect> {
        let mut dialects = self.dialects.lock().unwrap_or_else(|e| e.into_inner());
        dialects
            .entry(version)
            .or_insert_with(|| Arc::new(self.declarations.dialect(self, version)))
            .clone()
    }

    /// The packets of a version, without plans and events, and the last version up to which there are the
    /// same under the same ids.
    pub fn packets_at(&self, version: VersionId) -> (Dialect, VersionId) {
        let mut interval = Interval::ALL;
        let dialect = self.declarations.dialect_with(self, version, false, &mut interval);
        let newest = VersionId(self.versions.iter().len().saturating_sub(1) as u32);
        (dialect, interval.last.min(newest).max(version))
    }

    /// How a packet's body is read at a version; compiled on first use.
    pub fn plan_of(&self, version: VersionId, packet: &PacketDefinition) -> Option<Arc<Plan>> {
        packet.item.and_then(|item| self.declarations.made(item, packet.direction, version).plan)
    }

    /// Whether a packet changes the session at a version: its state, version, stages or variables.
    pub fn has_events(&self, version: VersionId, packet: &PacketDefinition) -> bool {
        packet.says_version || self.declarations.has_events(self, version, packet)
    }

    /// Forgets versions that nobody has any more: they are compiled anew when they are asked for again.
    pub fn forget_unused(&self) {
        let mut dialects = self.dialects.lock().unwrap_or_else(|e| e.into_inner());
        dialects.retain(|_, dialect| Arc::strong_count(dialect) > 1);
        dialects.shrink_to_fit();
        drop(dialects);
        self.declarations.forget_unused();
    }

    /// The same as [`Protocol::dialect`] without keeping it: for looking at all versions, of which there may be hundreds.
    pub(crate) fn dialect_uncached(&self, version: VersionId) -> Dialect {
        self.declarations.dialect(self, version)
    }

    /// A table as it is at a version, by its name; case and `_` do not matter.
    pub fn table(&self, name: &str, version: VersionId) -> Option<Arc<Table>> {
        self.declarations.table(name, version, None, &mut Interval::ALL.clone())
    }

    /// The state of a name; case and `_` do not matter.
    pub fn state_named(&self, name: &str) -> Option<StateId> {
        let at = self.states.iter().position(|s| same_name(s, name))?;
        Some(StateId(at as u8))
    }

    /// The name of a state; empty in a protocol without states.
    pub fn state_name(&self, state: StateId) -> &str {
        self.states.get(usize::from(state.0)).map_or("", |s| s)
    }

    /// The connection's variables as a session begins with them.
    pub fn initial_conn(&self) -> Vec<i64> {
        self.conn.iter().map(|(_, value)| *value).collect()
    }
}

/// A definition and what extends it, in the order in which they count.
fn with<'a>(definition: Root<'a>, extensions: &[Root<'a>]) -> Vec<Root<'a>> {
    [definition].iter().chain(extensions).copied().collect()
}

impl VersionFrom {
    /// The wire number that this packet says, if it says one.
    pub fn number(&self, packet: &mut Packet<'_>) -> Option<i64> {
        match &self.matching {
            None => i64::try_from(packet.int(&self.field)?).ok(),
            Some((before, behind)) => {
                let text = packet.text(&self.field)?;
                let number = text.strip_prefix(&**before)?.strip_suffix(&**behind)?;
                number.trim().parse().ok()
            }
        }
    }
}
