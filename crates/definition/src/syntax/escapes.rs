//! Escapes in strings, of definitions as of filters and rules.

/// What the inside of a string stands for: its escapes are `\" \' \\ \n \r \t \0 \x41 \u{1F600}`.
///
/// # Errors
///
/// The range of the first wrong escape, in bytes.
pub fn unescaped(text: &str) -> Result<String, (usize, usize)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let start = text.len() - escape.len() - 1;
        let Some((c, len)) = escape_value(escape) else {
            let len = 1 + escape.chars().next().map_or(0, char::len_utf8);
            return Err((start, start + len));
        };
        out.push(c);
        rest = &escape[len..];
    }
    out.push_str(rest);
    Ok(out)
}

/// What follows a backslash: the character, and how many bytes stand for it.
fn escape_value(text: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 1));
    match text.chars().next()? {
        c @ ('"' | '\'' | '\\') => simple(c),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        '0' => simple('\0'),
        'x' => hex_char(text.get(1..3)?).map(|c| (c, 3)),
        'u' => {
            let digits = text.strip_prefix("u{")?;
            let end = digits.find('}')?;
            hex_char(&digits[..end]).map(|c| (c, end + 3))
        }
        _ => None,
    }
}

fn hex_char(digits: &str) -> Option<char> {
    let hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) } else { None }
}
