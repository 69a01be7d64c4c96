//! Which packets an expression is about.

use midwire_codec::Direction;
use midwire_definition::syntax::ast::Name;
use midwire_definition::{PacketDefinition, StateId, VersionId};

/// Which packets an expression is about, and at which versions.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// One direction, or both.
    pub direction: Option<Direction>,
    /// One protocol state, or all.
    pub state: Option<StateId>,
    /// Which packets.
    pub packets: ScopePackets,
    /// From the first to the last version, both included; all if nothing is said.
    pub versions: Option<(VersionId, VersionId)>,
}

/// Which packets an expression is about.
#[derive(Debug, Clone, Default)]
pub enum ScopePackets {
    /// All, also those whose id is unknown. Bare names are no fields then.
    #[default]
    All,
    /// Those of these names; bare names are their fields.
    Named(Vec<Name>),
    /// Those of a group; bare names are its views, and the packets' fields.
    Group(Name),
}

impl Scope {
    /// All packets of one version.
    pub fn of_version(version: VersionId) -> Scope {
        Scope { versions: Some((version, version)), ..Scope::default() }
    }

    /// Whether bare names are fields.
    pub(crate) fn has_fields(&self) -> bool {
        !matches!(self.packets, ScopePackets::All)
    }

    pub(crate) fn admits(&self, state: StateId, direction: Direction) -> bool {
        self.direction.is_none_or(|wanted| wanted == direction)
            && self.state.is_none_or(|wanted| wanted == state)
    }

    /// Whether a packet is one of those named; of a group it is asked elsewhere.
    pub(crate) fn names(&self, definition: Option<&PacketDefinition>) -> bool {
        match (&self.packets, definition) {
            (ScopePackets::All, _) => true,
            (ScopePackets::Named(names), Some(definition)) => {
                names.iter().any(|name| definition.is_called(&name.text))
            }
            (ScopePackets::Group(_), Some(_)) => true,
            (_, None) => false,
        }
    }
}
