//! Small definitions, and packets of them that are edited.

use std::sync::Arc;

use midwire_definition::given::parse;
use midwire_definition::json::write_fields;
use midwire_definition::sources::{LoadError, Loader};
use midwire_definition::{EditError, Edits, Given, PacketDefinition, Plan, Protocol, Workspace};

struct OneFile(String);

impl Loader for OneFile {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        match path {
            "test.wire" => Ok(self.0.clone()),
            path => Err(LoadError::NotFound { path: path.into() }),
        }
    }
}

/// The packet `P` of a definition; ids take one byte.
pub(crate) struct Definition {
    pub(crate) packet: Arc<PacketDefinition>,
    pub(crate) conn: Vec<i64>,
}

/// A definition whose packet `P` has these fields; `around` are other declarations.
pub(crate) fn define_with(around: &str, fields: &str) -> Definition {
    let text = format!(
        "protocol test {{\n endian big\n versions {{ 1 \"one\" }}\n frame {{ length: u16, id: u8 }}\n conn {{ me: i32 = 7 }}\n}}\n{around}\n\
         packet P = 1 clientbound {{\n{fields}\n}}\n"
    );
    let protocol = Protocol::load("test.wire", &OneFile(text.clone()))
        .unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let dialect = protocol.dialect(protocol.versions.newest());
    let packet = dialect.packets().next().unwrap().clone();
    Definition { packet, conn: protocol.initial_conn() }
}

pub(crate) fn define(fields: &str) -> Definition {
    define_with("", fields)
}

impl Definition {
    pub(crate) fn plan(&self) -> &Plan {
        self.packet.plan.as_ref().unwrap()
    }

    /// The body after edits.
    pub(crate) fn edited(
        &self,
        body: &[u8],
        edits: impl FnOnce(&mut Edits) -> &mut Edits,
    ) -> Result<Vec<u8>, EditError> {
        let mut set = Edits::new();
        edits(&mut set);
        self.spliced(body, &set)
    }

    pub(crate) fn spliced(&self, body: &[u8], edits: &Edits) -> Result<Vec<u8>, EditError> {
        let payload = [&[1], body].concat();
        let mut ws = Workspace::default();
        let mut packet = self.plan().decode(&payload, 1, &self.conn, &mut ws);
        let mut out = vec![0xee; 3];
        let before = fields(&mut packet);
        let result = packet.splice(edits, &mut out);
        assert_eq!(fields(&mut packet), before, "the packet itself changed");
        assert_eq!(out[..3], [0xee; 3]);
        match result {
            Ok(()) => {
                assert_eq!(out[3], 1, "the packet id is kept");
                Ok(out[4..].to_vec())
            }
            Err(e) => {
                assert_eq!(out.len(), 3, "nothing is appended after an error");
                let text = e.to_string();
                assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
                Err(e)
            }
        }
    }

    pub(crate) fn encoded(&self, json: &str) -> Result<Vec<u8>, EditError> {
        self.encoded_given(&parse(json).unwrap())
    }

    pub(crate) fn encoded_given(&self, given: &Given) -> Result<Vec<u8>, EditError> {
        let mut out = Vec::new();
        self.plan().encode(given, &self.conn, &mut Workspace::default(), &mut out)?;
        Ok(out)
    }

    /// The fields as JSON.
    pub(crate) fn decoded(&self, body: &[u8]) -> String {
        let payload = [&[1], body].concat();
        let mut ws = Workspace::default();
        let mut packet = self.plan().decode(&payload, 1, &self.conn, &mut ws);
        assert_eq!(packet.error(), None, "{body:02x?}");
        fields(&mut packet)
    }

    pub(crate) fn refused(
        &self,
        body: &[u8],
        edits: impl FnOnce(&mut Edits) -> &mut Edits,
    ) -> String {
        self.edited(body, edits).unwrap_err().to_string()
    }
}

pub(crate) fn fields(packet: &mut midwire_definition::Packet<'_>) -> String {
    let mut out = String::new();
    write_fields(packet, &mut out);
    out
}

pub(crate) fn json(text: &str) -> Given {
    parse(text).unwrap()
}

pub(crate) fn int(n: i128) -> Given {
    Given::Int(n)
}

pub(crate) fn text(t: &str) -> Given {
    Given::Text(t.into())
}
