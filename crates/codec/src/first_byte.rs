//! The first plain byte of a zlib stream, without a state to inflate with: all that a packet id takes in most
//! games, for a fifth of the time. Only what the byte depends on is looked at.
//!
//! Sections are those of RFC 1951.

/// Code lengths in the order in which they are sent (3.2.7).
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// The most literals and lengths of a block.
const LITERALS_MAX: usize = 286;
/// The most distances of a block, as they are sent.
const DISTANCES_MAX: usize = 32;
/// The most lengths that one symbol stands for.
const RUN_MAX: usize = 138;
/// Bits of the longest code for code lengths.
const LENGTH_BITS: usize = 7;
/// Bits of the longest code for a literal.
const BITS_MAX: usize = 15;

/// The first plain byte of a zlib stream. `None` says nothing: the stream may be damaged or cut, or be one of
/// the few whose first byte is found otherwise. Of a damaged stream it may give a byte that inflating does not.
#[must_use]
pub fn first_byte(data: &[u8]) -> Option<u8> {
    let (&[cmf, flags], deflated) = data.split_first_chunk()?;
    let is_zlib = cmf & 0xf == 8 && cmf >> 4 <= 7 && flags & 0x20 == 0;
    if !is_zlib || (u16::from(cmf) << 8 | u16::from(flags)) % 31 != 0 {
        return None;
    }
    let mut bits = Bits { data: deflated, held: 0, count: 0 };
    bits.fill()?;
    let head = bits.take(3);
    match head >> 1 {
        0 => {
            let (&[_, a, b, c, d, first], _) = deflated.split_first_chunk()?;
            let (len, not) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            (len > 0 && len == !not).then_some(first)
        }
        1 => fixed(bits.held),
        2 => dynamic(&mut bits),
        _ => None,
    }
}

/// A literal in the fixed codes (3.2.6).
fn fixed(held: u64) -> Option<u8> {
    // The first bit of a code is its highest.
    let code = (held as u32).reverse_bits();
    let (eight, nine) = (code >> 24, code >> 23);
    match (eight, nine) {
        (0x30..=0xbf, _) => u8::try_from(eight - 0x30).ok(),
        (_, 0x190..=0x1ff) => u8::try_from(nine - 0x190 + 144).ok(),
        _ => None,
    }
}

/// A literal in codes that the block gives (3.2.7).
fn dynamic(bits: &mut Bits<'_>) -> Option<u8> {
    let literals = bits.take(5) as usize + 257;
    let lengths_sent = literals + bits.take(5) as usize + 1;
    let sent = bits.take(4) as usize + 4;
    if literals > LITERALS_MAX {
        return None;
    }
    let mut lengths = [0u8; 19];
    for symbol in ORDER.iter().take(sent) {
        bits.fill()?;
        lengths[usize::from(*symbol)] = bits.take(3) as u8;
    }
    let table = length_table(&lengths)?;
    // How long the codes of literals are, and how many there are of each length. Those of distances follow.
    let mut all = [0u8; LITERALS_MAX + DISTANCES_MAX + RUN_MAX];
    let mut counts = [0u16; BITS_MAX + 1];
    let mut at = 0;
    while at < lengths_sent {
        bits.fill()?;
        let (symbol, width) = table[bits.held as usize & ((1 << LENGTH_BITS) - 1)];
        bits.take(width.into());
        let (length, times) = match symbol {
            0..=15 => {
                all[at] = symbol;
                counts[usize::from(symbol)] += u16::from(at < literals);
                at += 1;
                continue;
            }
            16 => (*all.get(at.checked_sub(1)?)?, 3 + bits.take(2) as usize),
            17 => (0, 3 + bits.take(3) as usize),
            _ => (0, 11 + bits.take(7) as usize),
        };
        if length > 0 {
            all[at..at + times].fill(length);
            let of_literals = times.min(literals.saturating_sub(at));
            counts[usize::from(length)] += of_literals as u16;
        }
        at += times;
    }
    bits.fill()?;
    let held = bits.held;
    // Codes of a length are in a row, and go on where those that are shorter by a bit end.
    let (mut first, mut code) = (0u32, 0u32);
    for (length, count) in counts.iter().enumerate().skip(1) {
        code = code << 1 | (held >> (length - 1) & 1) as u32;
        let count = u32::from(*count);
        if code < first + count {
            let of_length = all.iter().take(literals).enumerate();
            let mut of_length = of_length.filter(|(_, l)| usize::from(**l) == length);
            let (symbol, _) = of_length.nth((code - first) as usize)?;
            return u8::try_from(symbol).ok();
        }
        first = (first + count) << 1;
    }
    None
}

/// Symbol and width by the next bits; `None` if these lengths make no code.
fn length_table(lengths: &[u8; 19]) -> Option<[(u8, u8); 1 << LENGTH_BITS]> {
    let mut table = [(0, 0); 1 << LENGTH_BITS];
    let (mut code, mut filled) = (0u32, 0);
    for width in 1..=LENGTH_BITS as u32 {
        for (symbol, _) in (0u8..).zip(lengths).filter(|(_, l)| u32::from(**l) == width) {
            let start = (code << (32 - width)).reverse_bits() as usize;
            for entry in table.get_mut(start..)?.iter_mut().step_by(1 << width) {
                *entry = (symbol, width as u8);
                filled += 1;
            }
            code += 1;
        }
        code <<= 1;
    }
    (filled == table.len()).then_some(table)
}

/// Bits, the lowest of each byte first.
struct Bits<'d> {
    /// What is not held yet.
    data: &'d [u8],
    held: u64,
    count: u32,
}

impl Bits<'_> {
    /// Holds at least 32, so that a symbol and what belongs to it can be taken; `None` near the end.
    #[inline]
    fn fill(&mut self) -> Option<()> {
        if self.count < 32 {
            let (&four, rest) = self.data.split_first_chunk()?;
            self.held |= u64::from(u32::from_le_bytes(four)) << self.count;
            self.count += 32;
            self.data = rest;
        }
        Some(())
    }

    /// The next bits, of those that are held.
    #[inline]
    fn take(&mut self, n: u32) -> u64 {
        let bits = self.held & ((1 << n) - 1);
        self.held >>= n;
        self.count = self.count.saturating_sub(n);
        bits
    }
}
