//! TLS clients' first messages.

/// What a client says of itself.
pub(crate) struct ClientHello<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) alpn: &'a [&'a str],
}

fn part16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

impl ClientHello<'_> {
    /// The handshake message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        // One that nobody here knows stands in front.
        extensions.extend([0x0a, 0x0a, 0, 1, 9]);
        if let Some(name) = self.name {
            let entry = [&[0][..], &part16(name.as_bytes())].concat();
            extensions.extend([0, 0]);
            extensions.extend(part16(&part16(&entry)));
        }
        if !self.alpn.is_empty() {
            let names: Vec<u8> =
                self.alpn.iter().flat_map(|n| [&[n.len() as u8], n.as_bytes()].concat()).collect();
            extensions.extend([0, 16]);
            extensions.extend(part16(&part16(&names)));
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([4, 1, 2, 3, 4]);
        body.extend([0, 2, 0x13, 1]);
        body.extend([1, 0]);
        body.extend(part16(&extensions));
        let len = (body.len() as u32).to_be_bytes();
        [&[1][..], &len[1..], &body].concat()
    }
}

/// A message in records of these sizes, the last of which repeats.
pub(crate) fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut out, mut rest, mut number) = (Vec::new(), message, 0);
    while !rest.is_empty() {
        let size = sizes[number.min(sizes.len() - 1)].min(rest.len());
        out.extend([22, 3, 1]);
        out.extend(part16(&rest[..size]));
        rest = &rest[size..];
        number += 1;
    }
    out
}
