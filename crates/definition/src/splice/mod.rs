//! Encoding by splice: edits and new packets become bytes.
//!
//! ```text
//!   original   ┌──────┬────┬───────┬──────────┬──────┐
//!              │ id   │ n  │ a     │ items    │ rest │
//!              └──────┴────┴───────┴──────────┴──────┘
//!                 ║      ║    │        ║          ║        ║ copied    │ written
//!   edits: a = 7; items gets one more
//!                 ║      │    │        ║ │        ║
//!              ┌──────┬────┬───────┬────────────┬──────┐
//!   new        │ id   │ n+1│ 7     │ items +1   │ rest │
//!              └──────┴────┴───────┴────────────┴──────┘
//! ```
//!
//! One encoder serves both. It follows the definition, and takes each field from what was given, else from
//! the original packet, else from a default. What was not touched is copied as it lies, odd forms and all;
//! a compressed block in which nothing changed stays compressed. Before anything is written every path finds
//! its field, and conditions are turned round where a field is set that was not there.
//!
//! ```
//! use midwire_codec::Direction;
//! use midwire_definition::{Edits, Given, Workspace, builtin};
//!
//! let terraria = builtin("terraria").ok_or("no such definition")?;
//! let dialect = terraria.dialect(terraria.versions.newest());
//! let packet = dialect.packet_named(terraria.start, Direction::Clientbound, "PlayerLifeMana");
//! let plan = packet.and_then(|packet| packet.plan.as_ref()).ok_or("no such packet")?;
//! let (conn, mut ws) = (terraria.initial_conn(), Workspace::default());
//!
//! // Edited: the packet id, player 5, 100 of 400, and a byte that no field explains.
//! let payload = [16, 5, 100, 0, 0x90, 1, 0xff];
//! let mut edits = Edits::new();
//! edits.set("life", Given::Int(400));
//! let mut edited = Vec::new();
//! plan.decode(&payload, 1, &conn, &mut ws).splice(&edits, &mut edited)?;
//! assert_eq!(edited, [16, 5, 0x90, 1, 0x90, 1, 0xff]);
//!
//! // Made: only the body, and what is not given is 0.
//! let fields = Given::Object(vec![("life".into(), Given::Int(1))]);
//! let mut made = Vec::new();
//! plan.encode(&fields, &conn, &mut ws, &mut made)?;
//! assert_eq!(made, [0, 1, 0, 0, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod apply_list;
mod blocks;
mod convert;
pub(crate) mod describe;
mod draft;
mod editable;
mod edits;
mod encode;
mod error;
mod facts;
mod forms;
mod given_number;
mod invert;
mod lengths;
mod lists;
mod nbt;
mod numbers;
mod scope;

pub use editable::{Editable, editable_paths};
pub use edits::Edits;
pub use error::EditError;
pub(crate) use facts::Facts;

use draft::Encoder;
use edits::Wish;

use crate::given::Given;
use crate::plan::{DecodeError, Derivation, Field, Kind, Packet, Plan, START_SLOT, Workspace};

impl Packet<'_> {
    /// Appends the payload with these edits made: the packet id, the new body, and what was behind it.
    ///
    /// Every byte that the edits do not reach is that of the original. A packet that could not be read to
    /// its end can be edited in the part that could.
    ///
    /// # Errors
    /// The first edit that cannot be made, and why. Then nothing is appended.
    pub fn splice(&mut self, edits: &Edits, out: &mut Vec<u8>) -> Result<(), EditError> {
        let start = out.len();
        let before = self.ws.checkpoint();
        let result = self.spliced(edits, out);
        self.ws.restore(before);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn spliced(&mut self, edits: &Edits, out: &mut Vec<u8>) -> Result<(), EditError> {
        let payload = self.payload();
        if edits.is_empty() {
            out.extend_from_slice(payload);
            return Ok(());
        }
        let start = out.len();
        let body = self.ws.slots[START_SLOT as usize];
        let rest = self.rest();
        let (plan, conn, limits) = (self.plan, self.conn, self.ws.limits);
        let wish = edits.tree()?;
        out.extend_from_slice(payload.get(..body as usize).unwrap_or(&[]));
        let mut encoder = Encoder::new(plan, conn, Some(self), limits);
        let root = encoder.draft(None, 0, Some(0))?;
        encoder.wish(root, wish)?;
        encoder.encode(root, out)?;
        out.extend_from_slice(rest);

        let mut ws = Workspace::new(limits);
        check_again(&plan.decode(&out[start..], body, conn, &mut ws), self.error(), rest)
    }
}

impl Plan {
    /// Appends a packet's body made of these named fields; what they do not say is 0, empty or the first
    /// entry of an enum, and what follows from other fields follows from them.
    ///
    /// # Errors
    /// What cannot be written as it was given, and why. Then nothing is appended.
    pub fn encode(
        &self,
        fields: &Given,
        conn: &[i64],
        ws: &mut Workspace,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let start = out.len();
        let mut made = || {
            let mut encoder = Encoder::new(self, conn, None, ws.limits);
            let root = encoder.draft(None, 0, None)?;
            encoder.wish(root, Wish::of(fields))?;
            encoder.encode(root, out)?;
            check_again(&self.decode(&out[start..], 0, conn, ws), None, &[])
        };
        let result = made();
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl Plan {
    /// Tries edits on a packet that is made of nothing, and tells what is wrong with them.
    ///
    /// What is wrong with a field's name or value alone is wrong in every packet; other errors may come from
    /// what the packet does not have.
    ///
    /// # Errors
    /// The first edit that cannot be made, and why.
    pub fn try_edits(&self, edits: &Edits, conn: &[i64], ws: &Workspace) -> Result<(), EditError> {
        let mut encoder = Encoder::new(self, conn, None, ws.limits);
        let root = encoder.draft(None, 0, None)?;
        encoder.wish(root, edits.tree()?)?;
        encoder.encode(root, &mut Vec::new()).map(|_| ())
    }

    /// Why a field follows from others and is not set itself; `None`: it does not.
    pub fn follows_from(&self, field: &Field) -> Option<String> {
        if let Kind::Let(ex) = &field.kind {
            return Some(format!("it is computed: {}", describe::expression(self, ex)));
        }
        Some(match field.derived.first()? {
            Derivation::Expr(ex) => format!("it is computed: {}", describe::expression(self, ex)),
            Derivation::Measures { of, .. } => {
                let of = facts::field_name(self, *of);
                format!("it is the length of `{of}`, and follows when that changes")
            }
        })
    }
}

/// Reading what was written has to end as reading the original did.
fn check_again(
    again: &Packet<'_>,
    error: Option<&DecodeError>,
    rest: &[u8],
) -> Result<(), EditError> {
    let same = match (again.error(), error) {
        (None, None) => true,
        (Some(a), Some(b)) => a.path == b.path,
        _ => false,
    };
    if same && again.rest() == rest {
        return Ok(());
    }
    let reason = match again.error() {
        Some(e) if !same => e.to_string(),
        _ => format!("{} byte(s) are left instead of {}", again.rest().len(), rest.len()),
    };
    Err(EditError::Inconsistent { reason })
}
