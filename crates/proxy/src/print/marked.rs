//! Bytes in hex with the fields marked: by colour, by a bar where each begins, and by its name beside.

use midwire_definition::escape::escape_into;
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Plan, Workspace};

use super::row::put;
use super::style::Style;

/// Bytes on a line.
const WIDTH: usize = 16;
/// Elements of a list that are marked one by one.
const ELEMENTS_MAX: u32 = 32;
/// Fields of one packet that are marked.
const MARKS_MAX: usize = 4096;
/// Lines of one packet.
const LINES_MAX: usize = 256;
/// Colours for fields that stand side by side.
const COLORS: [&str; 5] = ["\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m"];

/// What lies where in some bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked {
    /// In order; without overlap.
    fields: Vec<Field>,
    /// Where what could not be read begins.
    unread: Option<usize>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    start: usize,
    end: usize,
}

impl Marked {
    /// The fields of a payload, its packet id first.
    pub(crate) fn read(
        payload: &[u8],
        body: u32,
        plan: Option<(&Plan, &[i64])>,
        workspace: &mut Workspace,
    ) -> Self {
        let body = (body as usize).min(payload.len());
        let mut marked = Self::default();
        if body > 0 {
            marked.fields.push(Field { name: "id".into(), start: 0, end: body });
        }
        let Some((plan, conn)) = plan else {
            marked.unread = (body < payload.len()).then_some(body);
            return marked;
        };
        let mut packet = plan.decode(payload, body as u32, conn, workspace);
        if packet.error().is_some() || !packet.rest().is_empty() {
            marked.unread = Some(packet.end() as usize);
        }
        let mut leaves = Leaves { fields: &mut marked.fields, path: Vec::new() };
        packet.walk(&mut leaves);
        if let Some(unread) = marked.unread {
            marked.fields.retain(|field| field.end <= unread);
        }
        marked
    }
}

/// Collects what has a value.
struct Leaves<'f> {
    fields: &'f mut Vec<Field>,
    path: Vec<String>,
}

impl Leaves<'_> {
    fn step(node: &Node<'_>) -> String {
        match node.index {
            Some(index) => format!("[{index}]"),
            None => node.name.to_owned(),
        }
    }

    fn add(&mut self, node: &Node<'_>) {
        let (start, end) = (node.place.start as usize, node.place.end as usize);
        let before = self.fields.last().map_or(0, |field| field.end);
        if node.place.buffer != 0
            || start >= end
            || start < before
            || self.fields.len() >= MARKS_MAX
        {
            return;
        }
        let mut name = String::new();
        for step in self.path.iter().chain([&Self::step(node)]) {
            if !name.is_empty() && !step.starts_with('[') {
                name.push('.');
            }
            escape_into(step, &mut name);
        }
        self.fields.push(Field { name, start, end });
    }
}

impl Visitor for Leaves<'_> {
    fn value(&mut self, node: &Node<'_>, _value: &Value<'_>) {
        self.add(node);
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let long = matches!(group, Group::List(count) if count > ELEMENTS_MAX);
        // What is inside an inflated block has no bytes here.
        let inflated = matches!(
            node.field.kind,
            midwire_definition::plan::Kind::Block { transform, .. }
                if transform != midwire_definition::syntax::ast::Transform::Sized
        );
        if long || inflated {
            self.add(node);
            return Flow::Skip;
        }
        self.path.push(Self::step(node));
        Flow::Enter
    }

    fn close(&mut self, _node: &Node<'_>) {
        self.path.pop();
    }
}

/// Appends bytes in lines of 16, the fields that begin in a line named beside it.
pub(crate) fn write_marked(bytes: &[u8], marked: &Marked, style: Style, out: &mut String) {
    let mut fields = marked.fields.iter().enumerate().peekable();
    for (number, line) in bytes.chunks(WIDTH).enumerate() {
        if number == LINES_MAX {
            put(out, format_args!("      … {} bytes more\n", bytes.len() - number * WIDTH));
            break;
        }
        let start = number * WIDTH;
        put(out, format_args!("      {start:04x}  "));
        let mut names = String::new();
        while let Some((_, field)) = fields.peek() {
            if field.end > start {
                break;
            }
            fields.next();
        }
        let mut look = fields.clone();
        let mut text = String::new();
        for (column, byte) in line.iter().enumerate() {
            let at = start + column;
            while look.peek().is_some_and(|(_, field)| field.end <= at) {
                look.next();
            }
            let inside = look.peek().filter(|(_, field)| field.start <= at);
            let begins = inside.is_some_and(|(_, field)| field.start == at);
            let unread = marked.unread.is_some_and(|unread| at >= unread);
            if begins && let Some((_, field)) = inside {
                if !names.is_empty() {
                    names.push_str(", ");
                }
                put(&mut names, format_args!("{at} {}", field.name));
            }
            if marked.unread == Some(at) {
                if !names.is_empty() {
                    names.push_str(", ");
                }
                put(&mut names, format_args!("{at} not read"));
            }
            let bar = if marked.unread == Some(at) {
                '!'
            } else if begins {
                '|'
            } else {
                ' '
            };
            let color = match inside {
                _ if !style.color => "",
                _ if unread => "\x1b[31m",
                Some((index, _)) => COLORS[index % COLORS.len()],
                None => "",
            };
            let reset = if color.is_empty() { "" } else { "\x1b[0m" };
            put(out, format_args!("{bar}{color}{byte:02x}{reset}"));
            text.push(if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
        }
        let padding = (WIDTH - line.len()) * 3 + 2;
        put(out, format_args!("{:padding$}{text:<WIDTH$}", ""));
        if !names.is_empty() {
            put(out, format_args!("  {names}"));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_where_they_begin() {
        let field = |name: &str, start, end| Field { name: name.into(), start, end };
        let marked = Marked {
            fields: vec![field("id", 0, 1), field("name", 1, 6), field("x", 18, 20)],
            unread: Some(20),
        };
        let bytes: Vec<u8> = (0x40..0x40 + 22).collect();
        let mut out = String::new();
        write_marked(&bytes, &marked, Style::PLAIN, &mut out);
        assert_eq!(
            out,
            "      0000  |40|41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  \
             @ABCDEFGHIJKLMNO  0 id, 1 name\n      \
             0010   50 51|52 53!54 55                                \
             PQRSTU            18 x, 20 not read\n"
        );
    }
}
