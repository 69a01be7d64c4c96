//! The Internet checksum (RFC 1071).

/// A sum that grows part by part. Every part but the last has an even length. It is kept with the bytes of each
/// word swapped, which sums up to the same, swapped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        let mut total = self.0;
        let mut words = bytes.chunks_exact(4);
        for word in &mut words {
            if let &[a, b, c, d] = word {
                total += u64::from(u32::from_le_bytes([a, b, c, d]));
            }
        }
        match *words.remainder() {
            [a] => total += u64::from(a),
            [a, b] => total += u64::from(u16::from_le_bytes([a, b])),
            [a, b, c] => total += u64::from(u32::from_le_bytes([a, b, c, 0])),
            _ => {}
        }
        Self(fold(total))
    }

    pub(crate) fn add_number(self, number: u32) -> Self {
        Self(fold(self.0 + u64::from(number.swap_bytes())))
    }

    /// What goes into a header; 0 where the header's own checksum was summed and is right.
    pub(crate) fn finish(self) -> u16 {
        let mut total = self.0;
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        !u16::try_from(total).unwrap_or_default().swap_bytes()
    }
}

/// Keeps a sum small. 4 GiB can be added before it would overflow.
fn fold(total: u64) -> u64 {
    (total & 0xffff_ffff) + (total >> 32)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::Sum;

    #[test]
    fn the_example_of_rfc_1071_sums_up() {
        assert_eq!(Sum::default().add(&hex!("0001 f203 f4f5 f6f7")).finish(), !0xddf2);
    }

    #[test]
    fn parts_sum_up_to_the_whole_and_odd_ends_are_padded() {
        let bytes: Vec<u8> = (0..=250).collect();
        for split in (0..bytes.len()).step_by(2) {
            let (head, tail) = bytes.split_at(split);
            assert_eq!(
                Sum::default().add(head).add(tail).finish(),
                Sum::default().add(&bytes).finish()
            );
        }
        assert_eq!(
            Sum::default().add(&hex!("01 02 03")).finish(),
            Sum::default().add(&hex!("01 02 03 00")).finish()
        );
    }

    #[test]
    fn a_header_with_its_checksum_sums_up_to_nothing() {
        let header = hex!("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
        assert_eq!(Sum::default().add(&header).finish(), 0);
    }
}
