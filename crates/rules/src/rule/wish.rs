//! Changes that rules want, and texts replaced in what they make of a packet.

use std::sync::Arc;

use midwire_definition::Given;
use midwire_definition::plan::{NbtForm, Packet, anchor};
use midwire_definition::syntax::ast::same_name;
use midwire_definition::value::Value as Held;

use super::act::Words;
use super::decision::RuleId;
use super::replace::{self, Pair};

/// A change that a rule wants.
pub(super) struct Wish {
    pub(super) rule: RuleId,
    pub(super) path: String,
    pub(super) change: Change,
}

pub(super) enum Change {
    Set(Given),
    /// The field, or the element, is left out.
    Absent,
}

/// Texts to replace in one field, of all rules that ask for it.
pub(super) struct Replacing {
    pub(super) rules: Vec<RuleId>,
    pub(super) path: String,
    /// The rest of the path, where it goes on inside NBT.
    pub(super) inside: Arc<[anchor::Step]>,
    pub(super) form: Words,
    pub(super) pairs: Vec<Pair>,
}

/// Paths that go on inside NBT, with every element of the lists that they go through there.
///
/// # Errors
/// They go to several elements, and the value, of which there is one, lies in NBT itself.
pub(super) fn opened(
    packet: &mut Packet<'_>,
    paths: Vec<String>,
    inside: &[anchor::Step],
    reads_inside: bool,
) -> Result<Vec<String>, String> {
    if inside.is_empty() {
        return Ok(paths);
    }
    let mut out = Vec::new();
    for path in paths {
        let found = packet.find(&path);
        let (bytes, form) = match found.and_then(|found| packet.value_of(&found)) {
            Some(Held::Nbt(bytes, form)) => (bytes, form),
            // What is not there has no lists; whether it can be set all the same, the edit says.
            _ => (&[][..], NbtForm { named: false, optional: false }),
        };
        let all = replace::paths_in_nbt(bytes, form, inside);
        if all.len() > 1 && reads_inside {
            let reason = "has several elements, which would all get the value of the first";
            return Err(format!("a list in `{path}` {reason}"));
        }
        out.extend(all.into_iter().map(|inside| format!("{path}{inside}")));
    }
    Ok(out)
}

/// What replacing texts in a field makes of it, or of what rules set it to; whether anything was found.
pub(super) fn replaced(
    packet: &mut Packet<'_>,
    replacing: &Replacing,
    wishes: &mut Vec<Wish>,
) -> Result<bool, String> {
    let Replacing { rules, path, inside, form, pairs } = replacing;
    let Some(rule) = rules.last().copied() else { return Ok(false) };
    let before = wishes.len();
    if *form == Words::Nbt || !inside.is_empty() {
        if let Some(set) = wish_at(wishes, path)? {
            let Some(text) = text_of(set).filter(|_| inside.is_empty()) else {
                return Err(format!("`{path}` is set as a whole by another rule"));
            };
            let Some(new) = replace::in_text(text, pairs)? else { return Ok(false) };
            let change = Change::Set(replace::nbt_component(&new));
            wishes.push(Wish { rule, path: path.clone(), change });
            return Ok(true);
        }
        let found = packet.find(path);
        let Some(Held::Nbt(bytes, nbt)) = found.and_then(|found| packet.value_of(&found)) else {
            return Ok(false);
        };
        let changes = match inside.is_empty() {
            true => replace::in_nbt(bytes, nbt, pairs)?,
            false => {
                let mut changes = Vec::new();
                for mut text in replace::texts_in_nbt(bytes, nbt, inside) {
                    let set = wish_at(wishes, &format!("{path}{}", text.path))?;
                    let old = match set {
                        None => &text.text,
                        Some(Change::Set(Given::Text(set))) => set,
                        Some(_) => return Err(format!("`{path}` is set by another rule")),
                    };
                    if let Some(new) = replace::in_text(old, pairs)? {
                        text.text = new;
                        changes.push(text);
                    }
                }
                changes
            }
        };
        for change in changes {
            let given = match change.path.is_empty() {
                // A text that is the whole of it.
                true => replace::nbt_component(&change.text),
                false => Given::Text(change.text),
            };
            let path = format!("{path}{}", change.path);
            if inside.is_empty() && wish_at(wishes, &path)?.is_some() {
                return Err(format!("`{path}` is set by another rule"));
            }
            wishes.push(Wish { rule, path, change: Change::Set(given) });
        }
        return Ok(wishes.len() > before);
    }
    let text = match wish_at(wishes, path)? {
        Some(Change::Set(Given::Text(set))) => Some(set.clone()),
        Some(_) => return Err(format!("`{path}` is left out by another rule")),
        None => packet.text(path),
    };
    let Some(text) = text else { return Ok(false) };
    let new = match form {
        Words::Json => replace::in_json(&text, pairs)?,
        _ => replace::in_text(&text, pairs)?,
    };
    if let Some(new) = new {
        wishes.push(Wish { rule, path: path.clone(), change: Change::Set(Given::Text(new)) });
    }
    Ok(wishes.len() > before)
}

/// What rules want to make of the field at a path; the last of them counts.
///
/// # Errors
/// They want to make something else of what it lies in.
fn wish_at<'w>(wishes: &'w [Wish], path: &str) -> Result<Option<&'w Change>, String> {
    let plain = |path: &str| path.replace('`', "");
    let wanted = plain(path);
    for wish in wishes.iter().rev() {
        let known = plain(&wish.path);
        if same_name(&known, &wanted) {
            return Ok(Some(&wish.change));
        }
        let rest = wanted.get(known.len()..).unwrap_or_default();
        if rest.starts_with(['.', '[']) && wanted.starts_with(&known) {
            return Err(format!("`{}` is set as a whole by another rule", wish.path));
        }
    }
    Ok(None)
}

/// The text of a component in typed JSON that is nothing but a text.
fn text_of(change: &Change) -> Option<&str> {
    let Change::Set(given) = change else { return None };
    match (given.get("type"), given.get("value")) {
        (Some(Given::Text(kind)), Some(Given::Text(text))) if kind == "string" => Some(text),
        _ => None,
    }
}
