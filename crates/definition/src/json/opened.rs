//! What bytes hold, as JSON beside the fields that they are in.

use super::{Fields, is_secret, keep, write_error, write_string};
use crate::plan::{DecodeError, Flow, Group, Node, Packet, Place, Visitor};
use crate::value::Value;

/// Appends `,"opened":{"chunk_data":{..}}`: by the path of each field with bytes, what they hold where the
/// definition says it. What could not be read of that is in `,"opened_errors":{..}`. Appends nothing where
/// there is nothing.
pub fn write_opened(packet: &mut Packet<'_>, out: &mut String) {
    let start = out.len();
    out.push_str(",\"opened\":{");
    let plan = packet.plan;
    let mut pass = keep;
    let fields = Fields::new(true, plan, out, &mut pass);
    let (path, errors) = (Vec::new(), String::new());
    let mut opened = Opened { fields, path, key: None, found: false, errors };
    packet.walk(&mut opened);
    let (found, errors) = (opened.found, opened.errors);
    if !found {
        out.truncate(start);
        return;
    }
    out.push('}');
    if !errors.is_empty() {
        out.push_str(",\"opened_errors\":{");
        out.push_str(&errors);
        out.push('}');
    }
}

struct Opened<'o> {
    fields: Fields<'o>,
    /// The groups around, by name or index.
    path: Vec<String>,
    /// The path of the bytes whose content is being shown.
    key: Option<String>,
    found: bool,
    errors: String,
}

impl Opened<'_> {
    /// Within what bytes hold: how it is to be written.
    fn within<T>(
        &mut self,
        node: &Node<'_>,
        write: impl FnOnce(&mut Fields<'_>, &Node<'_>) -> T,
    ) -> Option<T> {
        let key = self.key.as_deref()?;
        let node = if self.fields.open.is_empty() { Node { name: key, ..*node } } else { *node };
        Some(write(&mut self.fields, &node))
    }
}

fn step(node: &Node<'_>) -> String {
    node.index.map_or_else(|| node.name.to_owned(), |index| format!("[{index}]"))
}

/// `biomes[3].data`
fn joined(path: &[String], last: String) -> String {
    let mut text = String::new();
    for part in path.iter().chain([&last]) {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}

impl Visitor for Opened<'_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        self.within(node, |fields, node| fields.value(node, value));
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        if let Some(flow) = self.within(node, |fields, node| fields.open(node, group)) {
            return flow;
        }
        if is_secret(node) {
            return Flow::Skip;
        }
        self.path.push(step(node));
        Flow::Enter
    }

    fn close(&mut self, node: &Node<'_>) {
        if self.within(node, |fields, node| fields.close(node)).is_none() {
            self.path.pop();
        }
    }

    fn presence(&mut self, node: &Node<'_>) {
        self.within(node, |fields, node| fields.presence(node));
    }

    fn rest(&mut self, place: Place, bytes: &[u8]) {
        if self.key.is_some() {
            self.fields.rest(place, bytes);
        }
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        !is_secret(node)
    }

    fn enter_bytes(&mut self, node: &Node<'_>) {
        self.key = Some(joined(&self.path, step(node)));
        self.found = true;
    }

    fn leave_bytes(&mut self, _: &Node<'_>, error: Option<&DecodeError>) {
        let Some(key) = self.key.take() else { return };
        if let Some(error) = error {
            if !self.errors.is_empty() {
                self.errors.push(',');
            }
            write_string(&key, &mut self.errors);
            self.errors.push(':');
            write_error(error, &mut self.errors);
        }
    }
}
