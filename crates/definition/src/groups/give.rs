//! Views turned round: the fields of a new packet of which a view gives a text.

use super::{Component, Form, View};
use crate::given::Given;
use crate::json;

impl View {
    /// The fields of a new packet of which this view gives this text: a field, or the words of a chat
    /// component. `None`: the view is calculated, or always the same.
    pub fn given(&self, text: &str) -> Option<Given> {
        let (path, value) = match &self.form {
            Form::Path(path) => (path, Given::Text(text.to_owned())),
            Form::Words(path, component) => (path, component.of(text)?),
            Form::Int(_) | Form::Float(_) | Form::Text(_) | Form::Binary(..) => return None,
        };
        let inside = |value, name: &str| Given::Object(vec![(name.to_owned(), value)]);
        Some(path.rsplit('.').fold(value, inside))
    }

    /// What it always gives, where that does not depend on the packet.
    pub fn constant(&self) -> Option<i128> {
        match self.form {
            Form::Int(n) => Some(n),
            _ => None,
        }
    }
}

impl Component {
    fn of(self, text: &str) -> Option<Given> {
        match self {
            Component::Json => {
                let mut written = String::from("{\"text\":");
                json::write_string(text, &mut written);
                written.push('}');
                Some(Given::Text(written))
            }
            Component::Nbt => {
                let tag = |kind: &str, value| {
                    let kind = ("type".to_owned(), Given::Text(kind.to_owned()));
                    Given::Object(vec![kind, ("value".to_owned(), value)])
                };
                let text = tag("string", Given::Text(text.to_owned()));
                Some(tag("compound", Given::Object(vec![("text".to_owned(), text)])))
            }
            Component::Either => None,
        }
    }
}
