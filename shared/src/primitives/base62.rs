//! Base62 numbers of fixed length. They consist of ASCII digits and letters only, so that a double click selects a whole
//! token.

use crate::primitives::random::Random;

/// The digits in ascending byte order, so that texts of the same length sort in the order of their numbers.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A base62 digit, as a character class of a regular expression.
pub const CHARACTER_CLASS: &str = "[0-9A-Za-z]";

/// Returns true if every byte is a base62 digit.
pub fn is_base62(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphanumeric)
}

/// Returns the `N` least significant digits of `number`, most significant first, padded with zeros.
pub fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).expect("less than 62")];
        number /= 62;
    }
    digits
}

/// Returns the number that `digits` represent, or `None` if one of them is not a base62 digit or the number exceeds 64 bits.
pub fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = ALPHABET.binary_search(digit).ok()?;
        number.checked_mul(62)?.checked_add(digit.try_into().ok()?)
    })
}

/// Returns `N` random digits from a uniform distribution.
pub fn random_digits<const N: usize>(random: &Random) -> [u8; N] {
    // The largest multiple of 62 in a byte. Higher bytes are discarded, because they would make some digits more likely.
    const LIMIT: u8 = 4 * 62;
    let mut digits = [0; N];
    let mut filled = 0;
    while filled < N {
        for byte in random.bytes::<64>() {
            if byte < LIMIT && filled < N {
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
    fn digits_are_padded_to_a_fixed_length() {
        assert_eq!(&digits::<4>(0), b"0000");
        assert_eq!(&digits::<4>(61), b"000z");
        assert_eq!(&digits::<4>(62), b"0010");
    }

    #[test]
    fn random_digits_are_uniformly_distributed() {
        let random = Random::new(StdRng::seed_from_u64(1));
        let mut counts = [0_u32; 128];
        for _ in 0..200 {
            for digit in random_digits::<310>(&random) {
                counts[usize::from(digit)] += 1;
            }
        }
        // The expected count of each digit is 1,000. Five standard deviations are 158.
        for digit in ALPHABET {
            assert!((842..1158).contains(&counts[usize::from(*digit)]), "{}", char::from(*digit));
        }
    }

    #[test]
    fn text_that_is_not_a_number_of_64_bits_has_no_number() {
        assert_eq!(number(&digits::<11>(u64::MAX)), Some(u64::MAX));
        // The next number, 11 times the highest digit, and texts with another character.
        for text in [&b"LygHa16AHYG"[..], b"zzzzzzzzzzz", b"00-", b"\xff", b"000000000000z/"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn number_is_the_inverse_of_digits(value: u64) {
            prop_assert_eq!(number(&digits::<11>(value)), Some(value));
        }

        #[test]
        fn digits_sort_in_the_order_of_their_numbers(one in 0..62_u64.pow(8), other in 0..62_u64.pow(8)) {
            prop_assert_eq!(one.cmp(&other), digits::<8>(one).cmp(&digits::<8>(other)));
        }
    }
}
