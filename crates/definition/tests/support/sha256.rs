//! SHA-256 (FIPS 180-4), for the sums in the vectors.

/// The sum of a text, as hexadecimal digits.
pub(crate) fn sha256(data: &[u8]) -> String {
    let mut h = roots(2);
    let k = roots(3);
    let mut data = data.to_vec();
    let bits = data.len() as u64 * 8;
    data.push(0x80);
    while data.len() % 64 != 56 {
        data.push(0);
    }
    data.extend(bits.to_be_bytes());
    for chunk in data.chunks(64) {
        let mut w: Vec<u32> =
            chunk.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let low = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
            let high = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
            w.push(w[i - 16].wrapping_add(low).wrapping_add(w[i - 7]).wrapping_add(high));
        }
        let mut s: [u32; 8] = h[..8].try_into().unwrap();
        for i in 0..64 {
            let e = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
            let choice = s[4] & s[5] ^ !s[4] & s[6];
            let one = s[7].wrapping_add(e).wrapping_add(choice).wrapping_add(k[i]);
            let one = one.wrapping_add(w[i]);
            let a = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
            let two = a.wrapping_add(s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]);
            s.rotate_right(1);
            s[4] = s[4].wrapping_add(one);
            s[0] = one.wrapping_add(two);
        }
        for (sum, part) in h.iter_mut().zip(s) {
            *sum = sum.wrapping_add(part);
        }
    }
    h[..8].iter().map(|word| format!("{word:08x}")).collect()
}

/// The first 32 bits of the fractional parts of the square or cube roots of the first 64 primes.
fn roots(power: u32) -> Vec<u32> {
    let primes = (2u128..).filter(|n| (2..*n).all(|d| n % d != 0)).take(64);
    let root = |n: u128| {
        let scaled = n << (32 * power);
        let (mut low, mut high) = (0u128, 1u128 << 36);
        while low + 1 < high {
            let mid = (low + high) / 2;
            if mid.pow(power) <= scaled { low = mid } else { high = mid }
        }
        low as u32
    };
    primes.map(root).collect()
}
