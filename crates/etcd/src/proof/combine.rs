//! The CRC-32C of two strings of bytes, one behind the other, from the CRCs of each.
//!
//! Start at [`Shifts::combine`]. The crate `crc32c` can do it too, in some 20 us for a pair; here each pair takes two or three
//! multiplications of polynomials, because the powers are looked up. The mathematics: zlib, `crc32_combine`.

/// CRC-32C's polynomial, lowest power in the highest bit, x^32 left out.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// x^0 in that notation.
const ONE: u32 = 1 << 31;

/// For each byte of a length, what so many bytes of zeros multiply a CRC by.
pub(super) struct Shifts {
    powers: [[u32; 256]; 8],
}

impl Shifts {
    /// Works the powers out; 8 KiB, some 100 us.
    pub(super) fn new() -> Self {
        let mut powers = [[ONE; 256]; 8];
        // x^8, one byte; then each row's step is 256 times as long as the one before.
        let mut step = ONE >> 8;
        for row in &mut powers {
            let mut power = ONE;
            for entry in row.iter_mut() {
                *entry = power;
                power = multiply(power, step);
            }
            step = power;
        }
        Self { powers }
    }

    /// The CRC of both, from the first's, and the second's and its length in bytes.
    pub(super) fn combine(&self, first: u32, second: u32, second_bytes: u64) -> u32 {
        let mut shifted = first;
        for (row, byte) in self.powers.iter().zip(second_bytes.to_le_bytes()) {
            if byte != 0 {
                shifted = multiply(shifted, row[usize::from(byte)]);
            }
        }
        shifted ^ second
    }
}

/// The product of two polynomials, modulo CRC-32C's.
fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for power in (0..32).rev() {
        // Masks, not branches: the bits are as good as random.
        product ^= b & (a >> power & 1).wrapping_neg();
        b = b >> 1 ^ POLYNOMIAL & (b & 1).wrapping_neg();
    }
    product
}

#[cfg(test)]
mod tests;
