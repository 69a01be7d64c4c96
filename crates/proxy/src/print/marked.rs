//! Bytes in hex with the fields marked: by colour, by a bar where each begins, and by its name beside.

use std::ops::Range;

use midwire_definition::json::Pass;
use midwire_definition::tree::Explained;
use midwire_definition::{Plan, Secrets, Workspace};

use super::style::Style;
use crate::explain;

/// What lies where in some bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked(Explained);

impl Marked {
    /// The fields of a payload, its packet id first. `is_secret`: without a plan, its bytes are not to be seen.
    pub(crate) fn read(
        payload: &[u8],
        body: u32,
        plan: Option<(&Plan, &[i64])>,
        is_secret: bool,
        workspace: &mut Workspace,
    ) -> Self {
        Self(explain::fields_of(payload, body, plan, is_secret, workspace))
    }

    /// Bytes outside packets, of which these ranges are not to be seen.
    pub(crate) fn outside(secret: &[Range<usize>]) -> Self {
        let secrets = Secrets { ranges: secret.to_vec(), are_inside: false };
        Self(Explained { secrets, ..Explained::default() })
    }
}

/// Appends bytes in lines of 16, the fields that begin in a line named beside it.
/// `pass` may take away what was written so far.
pub(crate) fn write_marked(
    bytes: &[u8],
    marked: &Marked,
    style: Style,
    out: &mut String,
    pass: Pass<'_>,
) {
    explain::write_bytes(&marked.0, bytes, style, out, pass);
}
