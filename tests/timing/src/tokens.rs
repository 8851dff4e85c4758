//! Measures whether the time to reject a token reveals how much of it is correct, or whether its key or session exists.

use std::{hint::black_box, time::Instant};

use rand::{RngExt, rngs::StdRng};
use serde_json::json;
use shared::{
    authorization::decision::{
        AuthorizationRequest, LoadedKey, LoadedSession, authorize_key, authorize_session, deny_unknown_key,
        deny_unknown_session,
    },
    credentials::{
        digest::TokenDigest,
        pepper::{MIN_PEPPER_BYTES, Pepper, Peppers},
        token::{NewToken, Token},
        token_mac::{MIN_TOKEN_MAC_KEY_BYTES, TokenMacKey},
    },
    model::{
        account::{AccountStatus, AccountSummary},
        api_key::{ApiKey, KeyState, PreviousSecret},
        restrictions::Restrictions,
        session::Session,
    },
    primitives::{
        allowed_ips::AllowedIps,
        clock::Clock,
        environment::Environment,
        factor::Factors,
        id::{AccountId, KeyId, SessionId, UserId},
        permission::{Permission, Permissions},
        random::Random,
        scope::Scope,
    },
};

use crate::comparison::Comparison;

/// The number of measurements that are not used, at the beginning.
const WARM_UP_MEASUREMENTS: usize = 10_000;
/// How often one measurement repeats the work. This reduces the share of the time that reading the clock takes.
const REPEATS: u32 = 4;

/// The ids in the tokens.
struct Ids {
    account: AccountId,
    key: KeyId,
    user: UserId,
    session: SessionId,
}

/// Runs all comparisons of tokens, with this number of measurements for each.
pub fn test(rng: &mut StdRng, measurements: usize) -> Vec<Comparison> {
    let (clock, random) = (Clock::system(), Random::system());
    let secret = vec![b'k'; MIN_PEPPER_BYTES].into();
    let peppers = Peppers::new(
        Pepper::new("version".to_owned(), secret).expect("a pepper of the minimum length"),
        None,
    );
    let mac_key =
        TokenMacKey::new(vec![b'm'; MIN_TOKEN_MAC_KEY_BYTES].into()).expect("a key of the minimum length");
    let ids = Ids {
        account: AccountId::new(&clock, &random),
        key: KeyId::new(&clock, &random),
        user: UserId::new(&clock, &random),
        session: SessionId::new(&clock, &random),
    };
    let new_token = || NewToken::for_key(Environment::Live, ids.account, ids.key, &mac_key, &random);
    let wrong = new_token();
    let authorization = format!("Bearer {}", wrong.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&authorization, &mac_key) else {
        panic!("the token of a key is malformed")
    };
    let digest = || TokenDigest::of(new_token().expose(), &peppers);
    let now = clock.now();
    let request = AuthorizationRequest {
        method: "GET",
        route: "/v1/auth/me",
        key_id: None,
        project_id: None,
        environments: &[],
        source_ip: None,
    };
    let active = |previous| KeyState::Active { current: digest(), previous, generation: 1 };
    #[expect(clippy::ref_option_ref, reason = "`measure` passes each input as a reference")]
    let decide_key = |loaded: &Option<&LoadedKey>| match loaded {
        Some(loaded) => authorize_key(&request, &token, loaded, &peppers, now).map(drop),
        None => Err(deny_unknown_key(&token, &peppers, now)),
    };
    let previous = PreviousSecret { digest: digest(), ends_at: now.plus_seconds(60) };
    let [one_secret, two_secrets, revoked] = [active(None), active(Some(previous)), KeyState::Revoked]
        .map(|state| loaded_key(&ids, &clock, &wrong, state));
    let [one_secret, two_secrets, revoked] = [&one_secret, &two_secrets, &revoked].map(Some);
    let key_token = "a key's token with a wrong secret";
    let usual_key = "the key has one secret";

    let mac_with_wrong_byte = |index: usize| {
        let mut mac = mac_of(&TokenDigest::of(wrong.expose(), &peppers));
        mac[index] ^= 1;
        mac
    };
    let macs = [mac_with_wrong_byte(0), mac_with_wrong_byte(31)];
    let digests = macs.map(|mac| digest_of_mac(&mac));
    let right_mac = mac_of(&TokenDigest::of(wrong.expose(), &peppers));
    let wrong_bytes = ["the first byte is wrong", "the last byte is wrong"];
    let matches = |digest: &TokenDigest| digest.matches(wrong.expose(), &peppers);

    let session = NewToken::for_session(ids.account, ids.user, ids.session, &mac_key, &random);
    let presented = NewToken::for_session(ids.account, ids.user, ids.session, &mac_key, &random);
    let presented = format!("Session {}", presented.expose());
    let Ok(Token::Session(presented)) = Token::from_authorization(&presented, &mac_key) else {
        panic!("the token of a session is malformed")
    };
    #[expect(clippy::ref_option_ref, reason = "`measure` passes each input as a reference")]
    let decide_session = |loaded: &Option<&LoadedSession>| match loaded {
        Some(loaded) => authorize_session(&request, &presented, loaded, &peppers, now).map(drop),
        None => Err(deny_unknown_session(&presented, &peppers)),
    };
    let session = loaded_session(&ids, &clock, TokenDigest::of(session.expose(), &peppers));

    let mut stopwatch = Stopwatch { rng, measurements };
    let digest = stopwatch.measure("a wrong digest", wrong_bytes, &digests, matches);
    let control = stopwatch.measure(
        "a wrong digest, and a comparison that stops at the first wrong byte",
        wrong_bytes,
        &macs,
        |mac| black_box(matches(&digests[0])).is_ok() && leaky_equals(mac, &right_mac),
    );
    let mut compare_keys = |case, key| {
        let inputs = [one_secret, key];
        stopwatch.measure(key_token, [usual_key, case], &inputs, decide_key).tolerating_unmeasurable()
    };
    let [missing, with_two, revoked] = [
        compare_keys("the key does not exist", None),
        compare_keys("the key has two secrets", two_secrets),
        compare_keys("the key is revoked", revoked),
    ];
    let sessions = stopwatch.measure(
        "a session's token with a wrong secret",
        ["the session exists", "the session does not exist"],
        &[Some(&session), None],
        decide_session,
    );
    vec![digest, control.control(), missing, with_two, revoked, sessions.tolerating_unmeasurable()]
}

/// Compares byte by byte and stops at the first difference, which leaks its position. Only the control uses this.
fn leaky_equals(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).all(|(one, other)| black_box(one) == black_box(other))
}

struct Stopwatch<'a> {
    rng: &'a mut StdRng,
    measurements: usize,
}

impl Stopwatch<'_> {
    /// Compares the times that `work` takes for each of the two inputs, which it uses in random order.
    ///
    /// Each measurement clones its input. The allocator places the clone of a digest where the previous one was, so the
    /// location in memory does not influence the time. The input for a key or a session is a reference, and its clone
    /// refers to the same memory.
    fn measure<I: Clone, R>(
        &mut self,
        subject: &'static str,
        cases: [&'static str; 2],
        inputs: &[I; 2],
        work: impl Fn(&I) -> R,
    ) -> Comparison {
        let mut times = [Vec::new(), Vec::new()];
        for n in 0..WARM_UP_MEASUREMENTS + self.measurements {
            let index = usize::from(self.rng.random::<bool>());
            let input = inputs[index].clone();
            let start = Instant::now();
            for _ in 0..REPEATS {
                black_box(work(black_box(&input)));
            }
            let time = start.elapsed();
            if n >= WARM_UP_MEASUREMENTS {
                times[index].push((time / REPEATS).as_secs_f64() * 1e9);
            }
        }
        Comparison::new(subject, cases, [&times[0], &times[1]])
    }
}

fn loaded_key(ids: &Ids, clock: &Clock, token: &NewToken, state: KeyState) -> LoadedKey {
    let key = ApiKey {
        id: ids.key,
        account_id: ids.account,
        name: "Importer".to_owned().try_into().expect("a name"),
        environment: Environment::Live,
        permissions: Permissions::new([Permission::Read]).expect("permissions"),
        scope: Scope::All,
        allowed_ips: AllowedIps::Any,
        disabled_by: None,
        enabled_at: None,
        hint: token.hint(Environment::Live),
        created_at: clock.now(),
        created_by: None,
        originating_member: None,
        revision: 0,
        epoch: 0,
        expires_at: None,
        last_used_at: None,
        last_used_ip: None,
        counter: None,
        usage: None,
        restrictions: Restrictions::NONE,
        state,
        replaced_secret: None,
    };
    LoadedKey {
        key,
        account: AccountSummary {
            status: AccountStatus::Active,
            session_epoch: 0,
            key_epoch: 0,
            quotas: None,
            max_key_lifetime_days: None,
            idle_keys: None,
            require_second_factor: false,
            reauthentication_minutes: None,
            restrictions: Restrictions::NONE,
        },
    }
}

fn loaded_session(ids: &Ids, clock: &Clock, digest: TokenDigest) -> LoadedSession {
    let now = clock.now();
    let session = Session {
        id: ids.session,
        account_id: ids.account,
        user_id: ids.user,
        digest,
        epoch: 0,
        account_epoch: 0,
        created_at: now,
        expires_at: now.plus_seconds(60),
        last_used_at: None,
        user_agent: None,
        ip_address: None,
        restrictions: Restrictions::NONE,
        authenticated_at: None,
        factors: Factors::PASSWORD,
    };
    LoadedSession {
        session,
        member: None,
        account: AccountSummary {
            status: AccountStatus::Active,
            session_epoch: 0,
            key_epoch: 0,
            quotas: None,
            max_key_lifetime_days: None,
            idle_keys: None,
            require_second_factor: false,
            reauthentication_minutes: None,
            restrictions: Restrictions::NONE,
        },
    }
}

/// Returns the bytes of the digest, which are only accessible in its stored form.
fn mac_of(digest: &TokenDigest) -> [u8; 32] {
    let item = serde_json::to_value(digest).expect("a digest serializes");
    serde_json::from_value(item["mac"].clone()).expect("32 bytes")
}

fn digest_of_mac(mac: &[u8; 32]) -> TokenDigest {
    serde_json::from_value(json!({"pepper": "version", "mac": mac})).expect("a digest")
}
