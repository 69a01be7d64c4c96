//! Names: from the spelling of minecraft-data to that of the wire language.

/// `entityId` as `entity_id`. What is no identifier stays as it is.
pub(crate) fn snake(name: &str) -> String {
    if !is_ident(name) {
        return name.to_owned();
    }
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() {
            let before = at.checked_sub(1).map(|at| chars[at]);
            let behind = chars.get(at + 1);
            let begins = before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                || (before.is_some_and(|b| b.is_ascii_uppercase())
                    && behind.is_some_and(char::is_ascii_lowercase));
            if begins {
                out.push('_');
            }
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `game_profile` as `GameProfile`.
pub(crate) fn pascal(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        // Words keep their own capitals; those that shout do not.
        let shouts = part.len() > 1 && part.chars().all(|c| !c.is_ascii_lowercase());
        for (at, c) in part.chars().enumerate() {
            match at {
                0 => out.push(c.to_ascii_uppercase()),
                _ if shouts => out.push(c.to_ascii_lowercase()),
                _ => out.push(c),
            }
        }
    }
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, 'T');
    }
    out.replace("ID", "Id")
}

/// A name as it is written: in back-ticks where it is no identifier.
pub(crate) fn written(name: &str) -> String {
    if is_ident(name) {
        name.to_owned()
    } else {
        format!("`{}`", name.replace(['`', '\n', '\r'], "'"))
    }
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What may stand in a comment on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn is_ident(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_their_capitals() {
        let cases = [
            ("entityId", "entity_id"),
            ("UUID", "uuid"),
            ("playerUUID", "player_uuid"),
            ("dX", "d_x"),
            ("minecraft:entity", "minecraft:entity"),
            ("DedicatedServerTickTime", "dedicated_server_tick_time"),
            ("slot2Item", "slot2_item"),
        ];
        for (from, to) in cases {
            assert_eq!(snake(from), to);
        }
    }

    #[test]
    fn types_begin_with_a_capital() {
        let cases = [
            ("game_profile", "GameProfile"),
            ("IDSet", "IdSet"),
            ("ContainerID", "ContainerId"),
            ("vec3f64", "Vec3f64"),
            ("chunkBlockEntity", "ChunkBlockEntity"),
            ("3d", "T3d"),
        ];
        for (from, to) in cases {
            assert_eq!(pascal(from), to);
        }
    }

    #[test]
    fn what_is_no_identifier_is_quoted() {
        assert_eq!(written("a_b"), "a_b");
        assert_eq!(written("villager/variant"), "`villager/variant`");
        assert_eq!(quoted("a\"b\\\u{1}"), "\"a\\\"b\\\\\\u{1}\"");
    }
}
