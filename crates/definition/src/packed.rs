//! Whole numbers of equal width, packed in big-endian words of 64 bits.

/// How numbers are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packing {
    /// Bits of a number; where it is not 1 to 64, there are none.
    pub width: u32,
    /// How many numbers.
    pub count: u32,
    /// A number may begin in one word and go on in the next. Else each word has as many as fit whole.
    /// From the least significant bit on in both.
    pub crossing: bool,
}

impl Packing {
    /// The numbers in these bytes.
    pub fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
        let width = self.used_width();
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        let per_word = u64::from(64u32.checked_div(width).unwrap_or(0));
        let count = if per_word == 0 { 0 } else { u64::from(self.count) };
        let crossing = self.crossing;
        (0..count).map_while(move |i| {
            let bit = match crossing {
                true => i * u64::from(width),
                false => i / per_word * 64 + i % per_word * u64::from(width),
            };
            let (index, shift) = (usize::try_from(bit / 64).ok()?, (bit % 64) as u32);
            let low = word(bytes, index)? >> shift;
            let rest = if shift + width > 64 { word(bytes, index + 1)? << (64 - shift) } else { 0 };
            Some((low | rest) & mask)
        })
    }

    /// Whether the bits of these bytes that belong to no number are 0.
    pub(crate) fn is_exact(self, bytes: &[u8]) -> bool {
        let mut again = Vec::with_capacity(bytes.len());
        let numbers: Vec<u64> = self.numbers(bytes).collect();
        self.pack(&numbers, &mut again);
        again == bytes
    }

    /// Appends the words of numbers that fit into the width.
    pub(crate) fn pack(self, numbers: &[u64], out: &mut Vec<u8>) {
        let width = self.used_width();
        if width == 0 {
            return;
        }
        let (mut word, mut used) = (0u64, 0);
        for n in numbers {
            let room = 64 - used;
            if width <= room {
                // A width of 64 has a word of its own.
                word |= n << used;
                used += width;
            } else if self.crossing && room > 0 {
                out.extend_from_slice(&(word | n << used).to_be_bytes());
                (word, used) = (n >> room, width - room);
            } else {
                out.extend_from_slice(&word.to_be_bytes());
                (word, used) = (*n, width);
            }
            if used == 64 {
                out.extend_from_slice(&word.to_be_bytes());
                (word, used) = (0, 0);
            }
        }
        if used > 0 {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    fn used_width(self) -> u32 {
        if (1..=64).contains(&self.width) { self.width } else { 0 }
    }
}

fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let start = index.checked_mul(8)?;
    let eight = bytes.get(start..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*eight))
}

/// 64-bit words that `count` numbers of `width` bits take.
pub(crate) fn packed_words(width: i128, count: i128, crossing: bool) -> i128 {
    if !(1..=64).contains(&width) || count < 0 {
        return 0;
    }
    if crossing {
        return count.checked_mul(width).map_or(i128::MAX, |bits| bits / 64 + (bits % 64).min(1));
    }
    let per_word = 64 / width;
    count / per_word + i128::from(count % per_word != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back_in_as_many_words_as_were_told() {
        for crossing in [false, true] {
            for width in 1..=64u32 {
                for count in [0u32, 1, 2, 3, 12, 13, 63, 64, 65, 100] {
                    let mask = u64::MAX >> (64 - width);
                    let numbers: Vec<u64> = (0..u64::from(count))
                        .map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask)
                        .collect();
                    let packing = Packing { width, count, crossing };
                    let mut bytes = Vec::new();
                    packing.pack(&numbers, &mut bytes);
                    let words = packed_words(width.into(), count.into(), crossing);
                    assert_eq!(bytes.len() as i128, words * 8, "{packing:?}");
                    assert_eq!(packing.numbers(&bytes).collect::<Vec<_>>(), numbers, "{packing:?}");
                    assert!(packing.is_exact(&bytes));
                }
            }
        }
    }

    #[test]
    fn a_number_that_crosses_has_its_low_bits_in_the_first_word() {
        // 13 numbers of 5 bits; the last has 4 bits in the first word and its highest in the second.
        let packing = Packing { width: 5, count: 13, crossing: true };
        let mut bytes = vec![0xf0, 0, 0, 0, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x01];
        let mut numbers = vec![0; 13];
        (numbers[0], numbers[12]) = (3, 31);
        assert_eq!(packing.numbers(&bytes).collect::<Vec<_>>(), numbers);
        assert!(packing.is_exact(&bytes));
        bytes[8] = 1;
        assert!(!packing.is_exact(&bytes));
    }

    #[test]
    fn bytes_that_are_too_few_give_the_numbers_that_are_there() {
        let packing = Packing { width: 5, count: 4096, crossing: true };
        assert_eq!(packing.numbers(&[0; 8]).count(), 12);
        let packing = Packing { width: 0, count: 4096, crossing: true };
        assert_eq!(packing.numbers(&[0; 8]).count(), 0);
    }
}
