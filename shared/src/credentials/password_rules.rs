//! The rules that a new password must meet besides its length: it is not based on the member's address or the account's
//! name, not a listed one, and not easily guessed.

use std::cmp::Reverse;

use zeroize::Zeroizing;

use crate::{
    credentials::password_list::{self, comparable, letters},
    primitives::{email::EmailAddress, name::Name},
};

/// How many characters around personal words do not make a good password of them. Eight are enough for a date.
const MAX_ADDED_CHARS: usize = 8;
/// How many characters around a listed password do not make a good password of it.
const MAX_ADDED_TO_LISTED_CHARS: usize = 4;
/// The minimum length of an address, the part before its `@`, a domain or a name that is searched for in a password.
const MIN_WORD_CHARS: usize = 3;
/// The minimum length of a part of them.
const MIN_PART_CHARS: usize = 4;

/// How many characters at the beginning of a new password are searched for common patterns. This bounds the time of the
/// search: 32 characters took at most 14 ms, and 100 characters up to a second.
const ESTIMATED_CHARS: usize = 32;

/// The name of the product. Everyone knows it.
const PRODUCT: &str = "medtwin";

/// What others may know about the member who gets a new password.
#[derive(Debug)]
pub struct PasswordContext {
    email: EmailAddress,
    account_name: Name,
}

/// The reason why a password is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("is too similar to the email address or the name of the account. Leave these out")]
    Personal,
    #[error("is too common or too easily guessed. Choose another one, such as four random words")]
    Common,
}

impl PasswordContext {
    #[must_use]
    pub fn new(email: EmailAddress, account_name: Name) -> Self {
        Self { email, account_name }
    }

    /// Checks a password that is normalized and has an allowed length.
    ///
    /// # Errors
    /// If the password is weak.
    pub fn check(&self, password: &str) -> Result<(), WeakPassword> {
        let words = self.words();
        let form = comparable(password);
        if consists_of(&form, &words.iter().flat_map(|word| forms(word)).collect::<Vec<_>>()) {
            return Err(WeakPassword::Personal);
        }
        let is_common = consists_of(&form, &forms(PRODUCT))
            || is_listed(password, &form)
            || is_easily_guessed(password, &words);
        if is_common { Err(WeakPassword::Common) } else { Ok(()) }
    }

    /// Returns the address, the part before its `@`, the domain, the account's name with and without its spaces, and the
    /// parts of all of them, unless they are too short.
    fn words(&self) -> Vec<String> {
        let (email, name) = (self.email.as_str(), self.account_name.as_str());
        let (local_part, domain) = email.rsplit_once('@').unwrap_or((email, ""));
        let joined: String = name.split_whitespace().collect();
        let parts = [local_part, domain, name].into_iter().flat_map(|whole| {
            let parts = whole.split(|char: char| !char.is_alphanumeric());
            parts.filter(|part| part.chars().count() >= MIN_PART_CHARS)
        });
        let wholes = [email, local_part, domain, name, &joined].into_iter();
        let wholes = wholes.filter(|whole| whole.chars().count() >= MIN_WORD_CHARS);
        wholes.chain(parts).map(str::to_owned).collect()
    }
}

/// Returns `word` as it may appear in a comparable form: its letters, forwards and backwards, and its own comparable form.
fn forms(word: &str) -> Vec<String> {
    let letters = letters(word);
    if letters.chars().count() < MIN_WORD_CHARS {
        return Vec::new();
    }
    vec![letters.to_string(), letters.chars().rev().collect(), comparable(word).to_string()]
}

/// Returns true if the comparable form of a password consists of one or more of the `words` and at most [`MAX_ADDED_CHARS`]
/// other characters.
fn consists_of(form: &str, words: &[String]) -> bool {
    let mut longest_first: Vec<&String> = words.iter().collect();
    longest_first.sort_unstable_by_key(|word| Reverse(word.len()));
    // A longer word that overlaps a shorter one leaves fewer characters than the shorter one would.
    let mut rest = Zeroizing::new(form.to_owned());
    for word in longest_first {
        rest = Zeroizing::new(rest.replace(word.as_str(), ""));
    }
    rest.len() < form.len() && rest.chars().count() <= MAX_ADDED_CHARS
}

/// Returns true if the password is a listed one, repeats it, or adds to it a few characters or any digits and symbols.
fn is_listed(password: &str, form: &str) -> bool {
    let chars: Vec<(usize, char)> = form.char_indices().collect();
    let ends = |from: usize| chars.get(from).map_or(form.len(), |(at, _)| *at);
    let has_few_added = (0..=MAX_ADDED_TO_LISTED_CHARS).any(|before| {
        (0..=MAX_ADDED_TO_LISTED_CHARS - before).any(|after| {
            let end = chars.len().saturating_sub(after);
            before < end && password_list::contains(&form[ends(before)..ends(end)])
        })
    });
    let has_digits_or_symbols_added = || {
        let inner = password.trim_matches(|char: char| !char.is_alphabetic());
        password_list::contains(&comparable(inner))
    };
    let is_repeated = || {
        let is_period = |period: &usize| chars.iter().zip(&chars[*period..]).all(|(a, b)| a.1 == b.1);
        let period = (1..=chars.len() / 2).find(is_period);
        period.is_some_and(|period| password_list::contains(&form[..ends(period)]))
    };
    has_few_added || has_digits_or_symbols_added() || is_repeated()
}

/// Returns true if the beginning of the password would be guessed within ten billion attempts, as `zxcvbn` estimates from
/// common passwords, words, repetitions, sequences, keyboard patterns and the `known` words.
///
/// Of a phrase, only the words are estimated: the estimate takes each separator for a random character, although people
/// choose the same one for all words. There are no composition rules, such as a required digit (OWASP ASVS 5.0.0, 6.2.5).
fn is_easily_guessed(password: &str, known: &[String]) -> bool {
    let is_separator =
        |char: &char| char.is_whitespace() || matches!(char, '-' | '_' | '.' | ',' | '!' | '?');
    let joined: Zeroizing<String> =
        Zeroizing::new(password.chars().filter(|char| !is_separator(char)).collect());
    let estimated = if joined.chars().all(char::is_alphanumeric) { &joined } else { password };
    let beginning: Zeroizing<String> = Zeroizing::new(estimated.chars().take(ESTIMATED_CHARS).collect());
    // The estimate compares these words only as wholes, and ignores their case.
    let known: Vec<&str> = known.iter().map(String::as_str).chain([PRODUCT]).collect();
    zxcvbn::zxcvbn(&beginning, &known).score() < zxcvbn::Score::Four
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Instant;

    use proptest::{prelude::*, strategy::ValueTree, string::string_regex, test_runner::TestRunner};

    use super::{WeakPassword::*, *};

    pub(crate) fn context_of(email: &str, account_name: &str) -> PasswordContext {
        let email = EmailAddress::try_from(email.to_owned()).unwrap();
        PasswordContext::new(email, Name::try_from(account_name.to_owned()).unwrap())
    }

    /// Checks a password of a member of whom nothing is known that could be in a password.
    fn check(password: &str) -> Result<(), WeakPassword> {
        context_of("q@zz", "Q").check(password)
    }

    #[test]
    fn short_common_passwords_and_patterns_are_rejected() {
        for password in [
            "passwordpassword",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfg",
            "password1234567",
            "1q2w3e4r5t6y7u8i",
            "zaq12wsxcde34rfv",
            "sunshine20262026",
            "!!!-- monkey --!!!",
            "Summer-2026-Summer",
            "monkey.monkey.monkey",
        ] {
            assert_eq!(check(password), Err(Common), "{password}");
        }
    }

    #[test]
    fn long_common_phrases_are_rejected_in_any_spelling() {
        for password in [
            "thisismypassword",
            "correcthorsebatterystaple",
            "correct horse battery staple",
            "Correct-Horse-Battery-Staple",
            "C0rrectH0rseB@tteryStap1e",
            "maytheforcebewithyou",
            "May the force be with you!",
        ] {
            assert_eq!(check(password), Err(Common), "{password}");
        }
    }

    #[test]
    fn listed_password_with_additions_or_repeated_is_rejected() {
        let listed = "correcthorsebatterystaple";
        for password in [
            format!("{listed}x9?"),
            format!("my {listed} 1"),
            format!("{listed}2026-11-30"),
            format!("***{listed}***20262026!!!"),
            format!("{listed}{listed}"),
            format!("{listed} {listed} {listed} correct"),
        ] {
            assert_eq!(check(&password), Err(Common), "{password}");
        }
        // With enough other words, it is a different password.
        assert_eq!(check("marmalade argues about correcthorsebatterystaple"), Ok(()));
    }

    #[test]
    fn product_name_does_not_make_a_common_password_acceptable() {
        for rest in ["12345678", "password", "medtwin1", "20262026", " 2026-11-30"] {
            assert_eq!(check(&format!("medtwin{rest}")), Err(Common), "{rest}");
        }
    }

    #[test]
    fn address_and_account_name_are_rejected_in_any_spelling() {
        let context = context_of("grace.hopper@navy-research.example", "Harbour Study Zürich");
        for password in [
            "grace.hopper@navy-research.example",
            "GRACE.HOPPER@NAVY-RESEARCH.EXAMPLE",
            "grace.hopper@navy-research.example1!",
            "grace.hopper2026",
            "Gr4c3H0pp3r-1906",
            "my-grace-hopper-1",
            "hopper grace hopper",
            "reppoh ecarg 1906",
            "navy-research.example",
            "Navy Research 2026!",
            "Harbour Study Zürich",
            "harbourstudyzurich",
            "harbour.study.2026",
            "harbourstudygrace26",
            "hcirüz yduts ruobrah",
        ] {
            assert_eq!(context.check(password), Err(Personal), "{password}");
            // The same password is not personal for other members.
            assert_ne!(check(password), Err(Personal), "{password}");
        }
        for password in ["lizards harbour no grudges", "a lizard on the 7th wall"] {
            assert_eq!(context.check(password), Ok(()), "{password}");
        }
    }

    #[test]
    fn eight_characters_around_personal_words_and_four_around_a_listed_password_are_too_few() {
        let context = context_of("grace.hopper@zz", "Q");
        assert_eq!(context.check("xqvj grace hopper kwmp"), Err(Personal));
        assert_eq!(context.check("xqvj grace hopper kwmpx"), Ok(()));
        let form = |text: &str| is_listed(text, &comparable(text));
        assert!(form("xq correct horse battery staple kw"));
        assert!(!form("xqv correct horse battery staple kw"));
    }

    #[test]
    fn address_that_is_longer_than_the_estimated_characters_is_rejected() {
        let email = "wilhelmina.charlotte.montgomery-featherstone@department-of-neurology.hospital.example";
        assert!(email.len() > 2 * ESTIMATED_CHARS);
        let context = context_of(email, "Q");
        for password in [email.to_owned(), format!("{email}-2026"), format!("2026-{email}")] {
            assert_eq!(context.check(&password), Err(Personal), "{password}");
        }
    }

    #[test]
    fn personal_words_make_a_password_weaker_than_other_words() {
        let password = "zwentibold 1234567 zwentibold";
        assert_eq!(check("vrelomquant 8 zwentibold"), Ok(()));
        assert_ne!(context_of("zwentibold@zz", "Q").check(password), Ok(()));
    }

    #[test]
    fn strong_passwords_are_accepted() {
        for password in [
            "a lizard on the 7th wall",
            "lizardsunderthelamp",
            "83059174620318547",
            "~|`^<&%>;{=}*?:#!",
            "quibble trombone lagoon fidget",
            "Ägßéłñøþ1ŷžőųķđ",
        ] {
            assert_eq!(check(password), Ok(()), "{password}");
        }
    }

    /// Prints the figures of docs/passwords.md, with `--nocapture`.
    #[test]
    fn random_passwords_of_15_characters_are_hardly_ever_rejected() {
        const COUNT: u32 = 3_000;
        let mut runner = TestRunner::deterministic();
        for (kind, at_most) in [("[!-~]{15}", 3), ("[a-zA-Z0-9]{15}", 3), ("[a-z]{15}", 3), ("[0-9]{15}", 50)]
        {
            let random = string_regex(kind).unwrap();
            let passwords: Vec<String> =
                (0..COUNT).map(|_| random.new_tree(&mut runner).unwrap().current()).collect();
            let started = Instant::now();
            let rejected = passwords.iter().filter(|password| check(password).is_err()).count();
            println!("{kind}: {rejected} of {COUNT} rejected, {:?} each", started.elapsed() / COUNT);
            assert!(rejected <= at_most, "{kind}");
        }
    }

    #[test]
    fn error_messages_reveal_nothing_and_say_what_to_do() {
        assert_eq!(
            Personal.to_string(),
            "is too similar to the email address or the name of the account. Leave these out"
        );
        assert_eq!(
            Common.to_string(),
            "is too common or too easily guessed. Choose another one, such as four random words"
        );
    }

    #[test]
    fn debug_output_does_not_reveal_the_address() {
        let shown = format!("{:?}", context_of("grace@example.com", "Q"));
        assert!(!shown.contains("grace"), "{shown}");
    }

    /// Some listed passwords.
    const LISTED: [&str; 8] = [
        "thisismypassword",
        "correcthorsebatterystaple",
        "maytheforcebewithyou",
        "unrealtournament3",
        "welcometothejungle",
        "therealslimshady",
        "realcheeseburger",
        "nothingisreal16",
    ];

    proptest! {
        #[test]
        fn listed_password_in_any_case_with_few_additions_is_rejected(
            listed in prop::sample::select(&LISTED[..]),
            upper in prop::collection::vec(any::<bool>(), 32),
            before in "[!-~]{0,2}",
            after in "[!-~]{0,2}",
        ) {
            let cased: String = listed.chars().zip(upper).map(|(char, upper)| {
                if upper { char.to_ascii_uppercase() } else { char }
            }).collect();
            prop_assert_eq!(check(&format!("{before}{cased}{after}")), Err(Common));
        }

        #[test]
        fn personal_word_with_up_to_eight_additions_is_rejected(
            local in "[a-z]{7,20}(\\.[a-z]{1,9})?",
            domain in "[a-z]{4,20}\\.example",
            name in "[A-Za-zäé]{4,12}( [a-z]{1,8}){1,2}",
            word in 0_usize..3,
            before in "[!-~]{0,4}",
            after in "[!-~]{0,4}",
        ) {
            let email = format!("{local}@{domain}");
            let context = context_of(&email, &name);
            let word = [&email, &local, &name][word];
            prop_assert_eq!(context.check(&format!("{before}{word}{after}")), Err(Personal));
        }

        #[test]
        fn random_password_of_20_characters_is_accepted(password in "[!-~]{20}") {
            prop_assert_eq!(check(&password), Ok(()));
        }

        #[test]
        fn check_ends_for_any_password(password in "\\PC{15,128}") {
            let _ = context_of("grace.hopper@example.com", "Harbour Study").check(&password);
        }
    }
}
