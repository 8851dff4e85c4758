//! The format of recovery codes: 24 digits of Crockford's base32 in groups of four, such as `7KQ2-M0XD-9TVA-4HBN-C3PW-8ZRE`.
//!
//! - A code has 120 random bits, so it cannot be guessed. From 112 bits on, a fast digest is enough (OWASP ASVS 5.0.0, 6.5.2).
//! - The digits leave out `I`, `L`, `O` and `U`. Whoever types `O` means `0`, and whoever types `I` or `L` means `1`.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::primitives::random::Random;

/// The number of codes that a member gets at once.
pub const RECOVERY_CODES: usize = 10;

const DIGITS: usize = 24;
const GROUP: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The longest text that can be a code: one separator after each digit.
const MAX_CHARS: usize = 2 * DIGITS;

/// New recovery codes. They grant access, so `Debug` does not show them, and their memory is wiped when they are dropped.
pub struct NewRecoveryCodes([Zeroizing<String>; RECOVERY_CODES]);

impl NewRecoveryCodes {
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(std::array::from_fn(|_| new_code(random)))
    }

    /// Returns the texts of the codes, for the one response that contains them.
    #[must_use]
    pub fn expose(&self) -> [&str; RECOVERY_CODES] {
        self.0.each_ref().map(|code| code.as_str())
    }

    /// Returns the texts that the digests of the codes are computed of.
    pub fn digest_inputs(&self) -> impl Iterator<Item = Zeroizing<String>> {
        self.0.iter().map(|code| digest_input(code.chars().filter(|digit| *digit != '-')))
    }
}

impl fmt::Debug for NewRecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewRecoveryCodes(…)")
    }
}

fn new_code(random: &Random) -> Zeroizing<String> {
    let bytes = Zeroizing::new(random.bytes::<DIGITS>());
    let mut code = Zeroizing::new(String::with_capacity(DIGITS + DIGITS / GROUP));
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 && n % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32, so each digit is equally likely.
        code.push(ALPHABET[usize::from(byte % 32)].into());
    }
    code
}

/// The prefix distinguishes the input from that of the digests of tokens.
fn digest_input(digits: impl Iterator<Item = char>) -> Zeroizing<String> {
    let mut input = Zeroizing::new(String::with_capacity(64));
    input.push_str("recovery code\n");
    input.extend(digits);
    input
}

/// The text of a request that should be a recovery code. It may be any text.
// It is probably a secret, so `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(from = "String")]
pub struct RecoveryCodeText(#[schemars(with = "String")] Zeroizing<String>);

impl From<String> for RecoveryCodeText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl RecoveryCodeText {
    /// Returns the text that the digest of this code is computed of, or `None` if it is no code. Case, spaces and hyphens do not
    /// matter.
    #[must_use]
    pub fn digest_input(&self) -> Option<Zeroizing<String>> {
        if self.0.len() > MAX_CHARS {
            return None;
        }
        let is_digit = |c: &char| !matches!(c, ' ' | '-');
        let digits = || self.0.chars().filter(is_digit).map(digit);
        let is_code = digits().count() == DIGITS && digits().all(|digit| digit.is_some());
        is_code.then(|| digest_input(digits().flatten()))
    }
}

/// Returns the digit that a typed character means.
fn digit(typed: char) -> Option<char> {
    let digit = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().any(|one| char::from(*one) == digit).then_some(digit)
}

impl fmt::Debug for RecoveryCodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodeText(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn input(text: &str) -> Option<String> {
        RecoveryCodeText::from(text.to_owned()).digest_input().map(|input| input.to_string())
    }

    #[test]
    fn codes_differ_and_have_six_groups_of_four_digits() {
        let codes = NewRecoveryCodes::new(&Random::new(StdRng::seed_from_u64(1)));
        let texts = codes.expose();
        for (n, code) in texts.iter().enumerate() {
            assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4; 6], "{code}");
            assert!(!texts[..n].contains(code));
        }
        assert_eq!(format!("{codes:?}"), "NewRecoveryCodes(…)");
        assert_eq!(format!("{:?}", RecoveryCodeText::from("A".to_owned())), "RecoveryCodeText(…)");
    }

    #[test]
    fn typed_code_may_differ_in_case_separators_and_similar_letters() {
        let expected = input("01AB-CDEF-GHJK-MNPQ-RSTV-WXYZ");
        assert!(expected.is_some());
        for typed in [
            "olab-cdef-ghjk-mnpq-rstv-wxyz",
            "OIABCDEFGHJKMNPQRSTVWXYZ",
            " 0 1 A B C D E F G H J K M N P Q R S T V W X Y Z",
        ] {
            assert_eq!(input(typed), expected, "{typed}");
        }
    }

    #[test]
    fn other_text_is_no_code() {
        for text in [
            "",
            "0",
            "01AB-CDEF-GHJK-MNPQ-RSTV-WXY",
            "01AB-CDEF-GHJK-MNPQ-RSTV-WXYZ0",
            "U1AB-CDEF-GHJK-MNPQ-RSTV-WXYZ",
            "０1AB-CDEF-GHJK-MNPQ-RSTV-WXYZ",
        ] {
            assert_eq!(input(text), None, "{text}");
        }
        assert_eq!(input(&format!("01AB-CDEF-GHJK-MNPQ-RSTV-WXYZ{}", " ".repeat(20))), None);
    }

    proptest! {
        #[test]
        fn new_code_has_the_same_input_as_its_typed_text(seed: u64) {
            let codes = NewRecoveryCodes::new(&Random::new(StdRng::seed_from_u64(seed)));
            for (code, expected) in codes.expose().into_iter().zip(codes.digest_inputs()) {
                prop_assert_eq!(input(code), Some(expected.to_string()));
            }
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in "\\PC{0,40}") {
            input(&text);
        }
    }
}
