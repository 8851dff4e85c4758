//! The input is the value of an `Authorization` header.

use shared::credentials::token::Token;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_DIGITS: usize = 6;

/// A token that parses can be rebuilt, byte for byte, from its parsed parts.
pub(crate) fn check(input: &[u8]) {
    let Ok(value) = str::from_utf8(input) else { return };
    check_round_trip(value);
    // A fuzzer cannot guess a checksum of 36 bits, so each input is also checked with the correct one.
    if let Some(corrected) = with_correct_checksum(value) {
        check_round_trip(&corrected);
    }
}

fn check_round_trip(value: &str) {
    let Ok(token) = Token::from_authorization(value) else { return };
    let (scheme, prefix, ids, text) = match &token {
        Token::ApiKey(token) => (
            "Bearer",
            format!("mt_{}_", token.environment.as_str()),
            format!("{}{}", token.account_id.digits(), token.key_id.digits()),
            token.expose(),
        ),
        Token::Session(token) => (
            "Session",
            "sess_".to_owned(),
            [token.account_id.digits(), token.user_id.digits(), token.session_id.digits()].concat(),
            token.expose(),
        ),
    };
    let (before, after) = value.split_once(' ').expect("a scheme and a token");
    assert!(before.eq_ignore_ascii_case(scheme));
    assert_eq!(after.trim_matches(' '), text);
    // Besides the ids, the token contains only a secret of 32 digits and the checksum.
    let secret = &text[prefix.len() + ids.len()..][..32];
    assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let without_checksum = format!("{prefix}{ids}{secret}");
    assert_eq!(format!("{without_checksum}{}", checksum(&without_checksum)), text);

    let claims = token.claims();
    let (account, principal) = (claims.account_id.to_string(), claims.principal_id);
    assert_eq!(account.parse().ok(), Some(claims.account_id));
    assert!(ids.starts_with(&account["acct_".len()..]));
    assert!(ids[16..].starts_with(principal.split_once('_').expect("a prefix").1));
}

/// Replaces the last digits of `value` with the checksum of its token.
fn with_correct_checksum(value: &str) -> Option<String> {
    let without_checksum = value.get(..value.len().checked_sub(CHECKSUM_DIGITS)?)?;
    let (_, token) = without_checksum.split_once(' ')?;
    Some(format!("{without_checksum}{}", checksum(token.trim_start_matches(' '))))
}

fn checksum(text: &str) -> String {
    let mut rest = u64::from(crc32fast::hash(text.as_bytes()));
    let mut digits = [0; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 62).expect("less than 62")];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).expect("base62 digits are ASCII")
}
