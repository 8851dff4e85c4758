//! The value of an `Authorization` header.

use shared::credentials::token::Token;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_DIGITS: usize = 6;

/// A credential that is read is printed again byte for byte from what was read of it.
pub(crate) fn check(input: &[u8]) {
    let Ok(value) = str::from_utf8(input) else { return };
    is_printed_again(value);
    // A guess of 36 bits is beyond a fuzzer, so each input is tried with the right checksum too.
    if let Some(signed) = signed(value) {
        is_printed_again(&signed);
    }
}

fn is_printed_again(value: &str) {
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
    // 32 digits of a secret are all that an id does not tell.
    let secret = &text[prefix.len() + ids.len()..][..32];
    assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let unsigned = format!("{prefix}{ids}{secret}");
    assert_eq!(format!("{unsigned}{}", checksum(&unsigned)), text);

    let claims = token.claims();
    let (account, principal) = (claims.account_id.to_string(), claims.principal_id);
    assert_eq!(account.parse().ok(), Some(claims.account_id));
    assert!(ids.starts_with(&account["acct_".len()..]));
    assert!(ids[16..].starts_with(principal.split_once('_').expect("a prefix").1));
}

/// `value`, with its end replaced by the checksum of the token in it.
fn signed(value: &str) -> Option<String> {
    let unsigned = value.get(..value.len().checked_sub(CHECKSUM_DIGITS)?)?;
    let (_, token) = unsigned.split_once(' ')?;
    Some(format!("{unsigned}{}", checksum(token.trim_start_matches(' '))))
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
