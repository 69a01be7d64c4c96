//! What a packet's fields are called and what kind they are, for people.

use midwire_definition::plan::anchor::Target;
use midwire_definition::plan::{Field, Kind, Plan};

use crate::lower::{Names, Shape};

/// A field as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRow {
    /// Its path in the packet; of elements of a list as `items.count`.
    pub path: String,
    /// Its type.
    pub kind: String,
    /// Its doc comment, and its values if they have names.
    pub doc: String,
}

/// How deep fields are listed: a type that contains itself has deeper ones.
const DEPTH_MAX: usize = 6;
/// The most fields that are listed.
const ROWS_MAX: usize = 2000;
/// Names of values that are shown.
const NAMES_SHOWN: usize = 8;

/// What a packet's fields are called and what kind they are, in wire order.
pub fn describe(plan: &Plan) -> Vec<FieldRow> {
    let mut rows = Vec::new();
    add(plan, &plan.fields_of(0), "", 0, &mut rows);
    rows
}

fn add(plan: &Plan, fields: &[&Field], before: &str, depth: usize, rows: &mut Vec<FieldRow>) {
    if depth > DEPTH_MAX {
        return;
    }
    for field in fields {
        if field.name.is_empty() || rows.len() >= ROWS_MAX {
            continue;
        }
        let path = format!("{before}{}", field.name);
        let kind = kind_of(plan, field);
        let row = FieldRow { path: path.clone(), doc: doc_of(field), kind };
        // Arms of a branch have the same fields over and over.
        if !rows.contains(&row) {
            rows.push(row);
        }
        let inner = format!("{path}.");
        match &field.kind {
            Kind::Flags { members, .. } => {
                for member in members {
                    let path = format!("{inner}{}", member.name);
                    let doc = member.doc.to_string();
                    rows.push(FieldRow { path, kind: "bool".into(), doc });
                }
            }
            Kind::Bits { members, .. } => {
                for member in members {
                    let sign = if member.signed { 'i' } else { 'u' };
                    let kind = format!("{sign}{}", member.width);
                    let path = format!("{inner}{}", member.name);
                    rows.push(FieldRow { path, kind, doc: member.doc.to_string() });
                }
            }
            Kind::Array(array) => {
                add(plan, &plan.fields_of(array.element), &inner, depth + 1, rows)
            }
            _ => add(plan, &plan.fields_in(field), &inner, depth + 1, rows),
        }
    }
}

fn kind_of(plan: &Plan, field: &Field) -> String {
    if let Kind::Array(array) = &field.kind {
        let values = plan.element_values(array.element);
        return match values.first() {
            Some(value) => format!("list of {}", kind_of(plan, value)),
            None => "list".to_owned(),
        };
    }
    match Shape::of(&Target::Field(field)) {
        Shape::Num(ty) => ty.shown,
        Shape::Str(ty, _) => match ty {
            crate::lower::StrType::Text => "str".to_owned(),
            crate::lower::StrType::Chat => "chat".to_owned(),
            crate::lower::StrType::Bytes => "bytes".to_owned(),
            crate::lower::StrType::Uuid => "uuid".to_owned(),
        },
        Shape::Inside => "nbt".to_owned(),
        Shape::List => "list".to_owned(),
        Shape::Group(what) => what.trim_start_matches("a ").to_owned(),
    }
}

fn doc_of(field: &Field) -> String {
    let mut doc = field.doc.lines().next().unwrap_or_default().trim().to_owned();
    if let Some(names) = Names::of(&Target::Field(field)) {
        let all = names.all();
        let some: Vec<&str> = all.iter().take(NAMES_SHOWN).map(|name| &**name).collect();
        if !some.is_empty() {
            let more = if all.len() > some.len() { ", ..." } else { "" };
            let space = if doc.is_empty() { "" } else { " " };
            doc.push_str(&format!("{space}({}{more})", some.join(", ")));
        }
    }
    doc
}
