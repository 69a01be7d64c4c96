//! From syntax trees to a protocol: names, gates, ids, and plans per version.

use std::sync::Arc;

use crate::diagnostics::Diagnostics;
use crate::protocol::{Dialect, Protocol};
use crate::sources::Loader;
use crate::version::VersionId;

/// Everything that was declared, before a version is chosen.
#[derive(Debug)]
pub(crate) struct Declarations {}

impl Declarations {
    pub(crate) fn dialect(&self, _protocol: &Protocol, _version: VersionId) -> Dialect {
        unimplemented!()
    }
}

pub(crate) fn load(_path: &str, _loader: &dyn Loader) -> Result<Arc<Protocol>, Diagnostics> {
    unimplemented!()
}
