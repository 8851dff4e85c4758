//! The input is the value of an `Authorization` header, or a text that is reported as a leaked token.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shared::credentials::{token::Token, token_mac::TokenMacKey};

/// The secret of the key of the token MACs.
const MAC_SECRET: [u8; 32] = [b'm'; 32];
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECK_DIGITS: usize = 11;

static MAC_KEY: LazyLock<TokenMacKey> =
    LazyLock::new(|| TokenMacKey::new(MAC_SECRET.to_vec().into()).expect("the key is long enough"));

/// A token that parses can be rebuilt, byte for byte, from its parsed parts.
pub(crate) fn check(input: &[u8]) {
    let Ok(value) = str::from_utf8(input) else { return };
    if let Ok(token) = Token::from_text(value, &MAC_KEY) {
        assert_eq!(token.expose(), value);
        check_round_trip(&format!("Bearer {value}"));
        check_round_trip(&format!("Session {value}"));
    }
    check_round_trip(value);
    // A fuzzer cannot guess a MAC, so each input is also checked with the correct one.
    if let Some(corrected) = with_correct_check_digits(value) {
        check_round_trip(&corrected);
    }
}

fn check_round_trip(value: &str) {
    let Ok(token) = Token::from_authorization(value, &MAC_KEY) else { return };
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
    let claims = token.claims();
    let (before, after) = value.split_once(' ').expect("a scheme and a token");
    assert!(before.eq_ignore_ascii_case(scheme));
    assert_eq!(after.trim_matches(' '), text);
    assert!(
        Token::from_text(text, &MAC_KEY).is_ok_and(|token| token.claims().account_id == claims.account_id)
    );
    // Besides the ids, the token contains only a secret of 27 digits and the check digits.
    let secret = &text[prefix.len() + ids.len()..][..27];
    assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let without_check_digits = format!("{prefix}{ids}{secret}");
    assert_eq!(format!("{without_check_digits}{}", check_digits(&without_check_digits)), text);

    let (account, principal) = (claims.account_id.to_string(), claims.principal_id);
    assert_eq!(account.parse().ok(), Some(claims.account_id));
    assert!(ids.starts_with(&account["acct_".len()..]));
    assert!(ids[16..].starts_with(principal.split_once('_').expect("a prefix").1));
}

/// Replaces the last digits of `value` with the check digits of its token.
fn with_correct_check_digits(value: &str) -> Option<String> {
    let without_check_digits = value.get(..value.len().checked_sub(CHECK_DIGITS)?)?;
    let (_, token) = without_check_digits.split_once(' ')?;
    Some(format!("{without_check_digits}{}", check_digits(token.trim_start_matches(' '))))
}

fn check_digits(text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(&MAC_SECRET).expect("HMAC takes a key of any length");
    let mac = mac.chain_update(text).finalize().into_bytes();
    let mut rest = mac[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut digits = [0; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 62).expect("less than 62")];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).expect("base62 digits are ASCII")
}
