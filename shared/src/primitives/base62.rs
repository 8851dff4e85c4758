//! Base62 at fixed lengths: digits and letters alone, so that a double click selects a whole token.

use crate::primitives::random::Random;

/// In the order of their bytes, so that numbers of one length sort as their texts do.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether every byte is one of the alphabet's.
pub fn is_base62(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphanumeric)
}

/// The last `N` digits of `number`, most significant first, filled up with zeros.
pub fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).expect("less than 62")];
        number /= 62;
    }
    digits
}

/// `N` random digits, each of the 62 as likely as any other.
pub fn random_digits<const N: usize>(random: &Random) -> [u8; N] {
    // Four times 62 is the last multiple that a byte holds; what lies above would favour some digits.
    const FAIR: u8 = 4 * 62;
    let mut digits = [0; N];
    let mut filled = 0;
    while filled < N {
        for byte in random.bytes::<64>() {
            if byte < FAIR && filled < N {
                digits[filled] = ALPHABET[usize::from(byte % 62)];
                filled += 1;
            }
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn digits_have_a_fixed_length() {
        assert_eq!(&digits::<4>(0), b"0000");
        assert_eq!(&digits::<4>(61), b"000z");
        assert_eq!(&digits::<4>(62), b"0010");
    }

    #[test]
    fn every_digit_is_drawn_and_none_is_favoured() {
        let random = Random::new(StdRng::seed_from_u64(1));
        let mut counts = [0_u32; 128];
        for _ in 0..200 {
            for digit in random_digits::<310>(&random) {
                counts[usize::from(digit)] += 1;
            }
        }
        // 1,000 of each are expected; five standard deviations are 158.
        for digit in ALPHABET {
            assert!((842..1158).contains(&counts[usize::from(*digit)]), "{}", char::from(*digit));
        }
    }

    proptest! {
        #[test]
        fn numbers_sort_as_their_texts_do(one in 0..62_u64.pow(8), other in 0..62_u64.pow(8)) {
            prop_assert_eq!(one.cmp(&other), digits::<8>(one).cmp(&digits::<8>(other)));
        }
    }
}
