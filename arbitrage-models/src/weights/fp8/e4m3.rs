//! Floats of 8 bits with 4 bits of exponent and 3 of mantissa (Micikevicius et al., arXiv 2209.05433): no infinities, and NaN where all bits
//! but the sign are set.

/// The value of every bit pattern.
pub(super) const VALUES: [f32; 256] = values();

const SIGN: u8 = 0x80;
const NAN: u8 = 0x7F;

const fn values() -> [f32; 256] {
    let mut values = [0.0; 256];
    let mut bits = 0;
    while bits < values.len() {
        values[bits] = value(bits as u8);
        bits += 1;
    }
    values
}

const fn value(bits: u8) -> f32 {
    let (exponent, mantissa) = ((bits >> 3 & 15) as u32, (bits & 7) as u32);
    let magnitude = match (bits & !SIGN, exponent) {
        (NAN, _) => f32::NAN,
        (_, 0) => mantissa as f32 / 512.0, // without a leading 1: steps of 2⁻⁹
        // The exponent is biased by 7, and by 127 in f32.
        _ => f32::from_bits((exponent + 127 - 7) << 23 | mantissa << 20),
    };
    if bits & SIGN == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::VALUES;

    #[test]
    fn every_bit_pattern_has_the_value_of_the_formula() {
        for (bits, &found) in VALUES.iter().enumerate() {
            let (sign, exponent, mantissa) = (bits / 128, bits / 8 % 16, bits % 8);
            if exponent == 15 && mantissa == 7 {
                assert!(found.is_nan(), "{bits:#04x}");
                continue;
            }
            let (leading, power) = if exponent == 0 { (0.0, -6) } else { (1.0, exponent as i32 - 7) };
            let expected = (-1f64).powi(sign as i32) * (leading + mantissa as f64 / 8.0) * 2f64.powi(power);
            assert_eq!(f64::from(found).to_bits(), expected.to_bits(), "{bits:#04x}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_those_of_the_paper() {
        let of = |bits: u8| VALUES[usize::from(bits)];
        assert_eq!((of(0x7E), of(0xFE), of(0x38), of(0x08), of(0x01)), (448.0, -448.0, 1.0, 0.015_625, 0.001_953_125));
        assert!(of(0x80) == 0.0 && of(0x80).is_sign_negative());
    }
}
