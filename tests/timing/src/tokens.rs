//! What is computed for a wrong token: does the time of it tell how wrong it is, or what there is?

use std::{hint::black_box, time::Instant};

use rand::{RngExt, rngs::StdRng};
use serde_json::json;
use shared::{
    authorization::decision::{
        AuthorizationRequest, LoadedKey, LoadedSession, decide_key, decide_session, unknown_key,
        unknown_session,
    },
    credentials::{
        digest::TokenDigest,
        pepper::{MIN_PEPPER_BYTES, Pepper, Peppers},
        token::{NewToken, Token},
    },
    model::{
        account::{AccountStatus, AccountSummary},
        api_key::{ApiKey, State, Superseded},
        session::Session,
    },
    primitives::{
        clock::Clock,
        environment::Environment,
        id::{AccountId, KeyId, SessionId, UserId},
        permission::{Permission, Permissions},
        random::Random,
        scope::Scope,
    },
};

use crate::tested::Tested;

/// How many measurements go before those that count.
const WARMING: usize = 10_000;
/// How many times one measurement does the work: less of it is the clock's then.
const REPEATS: u32 = 4;

/// What tokens are of.
struct Ids {
    account: AccountId,
    key: KeyId,
    user: UserId,
    session: SessionId,
}

/// Measures so many times of each comparison.
pub fn test(rng: &mut StdRng, measurements: usize) -> Vec<Tested> {
    let (clock, random) = (Clock::system(), Random::system());
    let secret = vec![b'k'; MIN_PEPPER_BYTES].into();
    let peppers = Peppers::new(Pepper::new("version".to_owned(), secret).expect("it is long enough"), None);
    let ids = Ids {
        account: AccountId::new(&clock, &random),
        key: KeyId::new(&clock, &random),
        user: UserId::new(&clock, &random),
        session: SessionId::new(&clock, &random),
    };
    let new = || NewToken::for_key(Environment::Live, ids.account, ids.key, &random);
    let wrong = new();
    let authorization = format!("Bearer {}", wrong.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&authorization) else {
        panic!("no key's token")
    };
    let digest = || TokenDigest::of(new().expose(), &peppers);
    let now = clock.now();
    let asked = AuthorizationRequest {
        method: "GET",
        route: "/v1/auth/me",
        key_id: None,
        project_id: None,
        environments: &[],
    };
    let active = |previous| State::Active { current: digest(), previous, generation: 1 };
    #[expect(clippy::ref_option_ref, reason = "what is measured is handed over as a reference")]
    let of_key = |found: &Option<&LoadedKey>| match found {
        Some(found) => decide_key(&asked, &token, found, &peppers, now).map(drop),
        None => Err(unknown_key(&token, &peppers, now)),
    };
    let superseded = Superseded { digest: digest(), ends_at: now.plus_seconds(60) };
    let [with_one, with_two, revoked] = [active(None), active(Some(superseded)), State::Revoked]
        .map(|state| found_key(&ids, &clock, &wrong, state));
    let [with_one, with_two, revoked] = [&with_one, &with_two, &revoked].map(Some);
    let keys = "a key's token with a wrong secret";
    let one_secret = "of a key with one secret";

    let mac = |place: usize| {
        let mut mac = mac_of(&TokenDigest::of(wrong.expose(), &peppers));
        mac[place] ^= 1;
        mac
    };
    let macs = [mac(0), mac(31)];
    let kept = macs.map(|mac| kept(&mac));
    let right = mac_of(&TokenDigest::of(wrong.expose(), &peppers));
    let bytes = ["the first byte is wrong", "the last byte is wrong"];
    let matches = |digest: &TokenDigest| digest.matches(wrong.expose(), &peppers);

    let session = NewToken::for_session(ids.account, ids.user, ids.session, &random);
    let presented = NewToken::for_session(ids.account, ids.user, ids.session, &random);
    let presented = format!("Session {}", presented.expose());
    let Ok(Token::Session(presented)) = Token::from_authorization(&presented) else {
        panic!("no session's token")
    };
    #[expect(clippy::ref_option_ref, reason = "what is measured is handed over as a reference")]
    let of_session = |found: &Option<&LoadedSession>| match found {
        Some(found) => decide_session(&asked, &presented, found, &peppers, now).map(drop),
        None => Err(unknown_session(&presented, &peppers)),
    };
    let session = found_session(&ids, &clock, TokenDigest::of(session.expose(), &peppers));

    let mut compare = Comparing { rng, measurements };
    vec![
        compare.of("a digest", bytes, &kept, matches),
        compare
            .of("a digest, and its bytes one by one until one differs", bytes, &macs, |mac| {
                black_box(matches(&kept[0])).is_ok() && leaky(mac, &right)
            })
            .on_purpose(),
        compare.of(keys, [one_secret, "of no key"], &[with_one, None], of_key).once(),
        compare.of(keys, [one_secret, "of a key with two"], &[with_one, with_two], of_key).once(),
        compare.of(keys, [one_secret, "of a revoked key"], &[with_one, revoked], of_key).once(),
        compare
            .of(
                "a session's token with a wrong secret",
                ["of a session", "of no session"],
                &[Some(&session), None],
                of_session,
            )
            .once(),
    ]
}

/// Compares as nobody should: until a byte differs.
fn leaky(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).all(|(one, other)| black_box(one) == black_box(other))
}

struct Comparing<'a> {
    rng: &'a mut StdRng,
    measurements: usize,
}

impl Comparing<'_> {
    /// Compares the times that `work` takes with each of `inputs`. Chance says whose turn it is.
    ///
    /// Each turn is of a copy. Of a digest the allocator puts it where that of the last one was, since how far things are
    /// from each other in memory takes time, too; of a key or session it is a reference, and each stays where it is.
    fn of<I: Clone, R>(
        &mut self,
        what: &'static str,
        names: [&'static str; 2],
        inputs: &[I; 2],
        work: impl Fn(&I) -> R,
    ) -> Tested {
        let mut times = [Vec::new(), Vec::new()];
        for n in 0..WARMING + self.measurements {
            let class = usize::from(self.rng.random::<bool>());
            let input = inputs[class].clone();
            let began = Instant::now();
            for _ in 0..REPEATS {
                black_box(work(black_box(&input)));
            }
            let took = began.elapsed();
            if n >= WARMING {
                times[class].push((took / REPEATS).as_secs_f64() * 1e9);
            }
        }
        Tested::new(what, names, [&times[0], &times[1]])
    }
}

fn found_key(ids: &Ids, clock: &Clock, token: &NewToken, state: State) -> LoadedKey {
    let key = ApiKey {
        id: ids.key,
        account_id: ids.account,
        name: "Importer".to_owned().try_into().expect("a name"),
        environment: Environment::Live,
        permissions: Permissions::new([Permission::Read]).expect("permissions"),
        scope: Scope::All,
        hint: token.hint(Environment::Live),
        created_at: clock.now(),
        expires_at: None,
        last_used_at: None,
        counter: None,
        state,
    };
    LoadedKey { key, account: AccountSummary { status: AccountStatus::Active, quotas: None } }
}

fn found_session(ids: &Ids, clock: &Clock, digest: TokenDigest) -> LoadedSession {
    let now = clock.now();
    let session = Session {
        id: ids.session,
        account_id: ids.account,
        user_id: ids.user,
        digest,
        epoch: 0,
        created_at: now,
        expires_at: now.plus_seconds(60),
        last_used_at: None,
        user_agent: None,
    };
    LoadedSession {
        session,
        member: None,
        account: AccountSummary { status: AccountStatus::Active, quotas: None },
    }
}

/// The digest's own bytes, which it shows to the table alone.
fn mac_of(digest: &TokenDigest) -> [u8; 32] {
    let item = serde_json::to_value(digest).expect("it can be written");
    serde_json::from_value(item["mac"].clone()).expect("32 bytes")
}

/// A digest of these bytes.
fn kept(mac: &[u8; 32]) -> TokenDigest {
    serde_json::from_value(json!({"pepper": "version", "mac": mac})).expect("a digest")
}
