//! Names that stand for numbers: of enums, and of tables that `@ref` names.

use std::sync::Arc;

use midwire_definition::Table;
use midwire_definition::plan::anchor::Target;
use midwire_definition::plan::{EnumEntries, Kind};

/// Names that stand for numbers.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    Enum(Arc<EnumEntries>),
    Table(Arc<Table>),
}

impl Names {
    pub(crate) fn of(target: &Target<'_>) -> Option<Names> {
        match target {
            Target::Field(field) => match &field.kind {
                Kind::Enum { entries, .. } => Some(Names::Enum(entries.clone())),
                Kind::Int(_) => field.marks.reference_table.clone().map(Names::Table),
                _ => None,
            },
            Target::Part(_, part) => part.marks.reference_table.clone().map(Names::Table),
            Target::Inside(_) | Target::Flag(..) | Target::Element(..) => None,
        }
    }

    /// The number of a name; case and `_` do not matter, nor does a namespace in front.
    pub(crate) fn number(&self, name: &str) -> Option<i128> {
        let look = |name: &str| match self {
            Names::Enum(entries) => entries.number(name),
            Names::Table(table) => table.number_of(name),
        };
        look(name).or_else(|| look(name.split_once(':')?.1))
    }

    pub(crate) fn all(&self) -> Vec<Arc<str>> {
        match self {
            Names::Enum(entries) => {
                entries.by_number.iter().map(|(_, name)| name.clone()).collect()
            }
            Names::Table(table) => table.names().map(|(_, _, name)| name.clone()).collect(),
        }
    }

    pub(crate) fn what(&self) -> String {
        match self {
            Names::Enum(_) => "this enum".to_owned(),
            Names::Table(table) => format!("table `{}`", table.name),
        }
    }
}
