//! Bytes in hex with the fields marked: by colour, by a bar where each begins, and by its name beside.

use midwire_definition::tree::Explained;
use midwire_definition::{Plan, Workspace};

use super::style::Style;
use crate::explain;

/// What lies where in some bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked(Explained);

impl Marked {
    /// The fields of a payload, its packet id first.
    pub(crate) fn read(
        payload: &[u8],
        body: u32,
        plan: Option<(&Plan, &[i64])>,
        workspace: &mut Workspace,
    ) -> Self {
        Self(explain::fields_of(payload, body, plan, workspace))
    }
}

/// Appends bytes in lines of 16, the fields that begin in a line named beside it.
pub(crate) fn write_marked(bytes: &[u8], marked: &Marked, style: Style, out: &mut String) {
    explain::write_bytes(&marked.0, bytes, style, out);
}
