//! Benchmarks of the authorizer's computations for a request with an API key, without the SDK and the Lambda runtime.
//! Run them with `cargo bench -p shared`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use shared::{
    authorization::{
        context,
        decision::{AuthorizationRequest, LoadedKey, authorize_key},
    },
    credentials::{
        digest::TokenDigest,
        pepper::{MIN_PEPPER_BYTES, Pepper, Peppers},
        token::{ApiKeyToken, NewToken, Token},
        token_mac::{MIN_TOKEN_MAC_KEY_BYTES, TokenMacKey},
    },
    model::{
        account::{AccountStatus, AccountSummary},
        api_key::{ApiKey, KeyState},
        restrictions::Restrictions,
    },
    primitives::{
        allowed_ips::AllowedIps,
        clock::Clock,
        environment::Environment,
        id::{AccountId, KeyId},
        permission::{Permission, Permissions},
        random::Random,
        scope::Scope,
    },
};

fn peppers() -> Peppers {
    let secret = vec![b'k'; MIN_PEPPER_BYTES].into();
    Peppers::new(Pepper::new("version".to_owned(), secret).expect("the pepper is long enough"), None)
}

/// Returns a live key of an active account, and the value of an `Authorization` header with its token.
fn key(peppers: &Peppers, mac_key: &TokenMacKey) -> (LoadedKey, String) {
    let (clock, random) = (Clock::system(), Random::system());
    let (account_id, id) = (AccountId::new(&clock, &random), KeyId::new(&clock, &random));
    let token = NewToken::for_key(Environment::Live, account_id, id, mac_key, &random);
    let key = ApiKey {
        id,
        account_id,
        name: "Importer".to_owned().try_into().expect("a name"),
        environment: Environment::Live,
        permissions: Permissions::new([Permission::Read, Permission::Write]).expect("permissions"),
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
        state: KeyState::Active {
            current: TokenDigest::of(token.expose(), peppers),
            previous: None,
            generation: 0,
        },
        replaced_secret: None,
    };
    let account = AccountSummary {
        status: AccountStatus::Active,
        quotas: None,
        session_epoch: 0,
        key_epoch: 0,
        max_key_lifetime_days: None,
        idle_keys: None,
        require_second_factor: false,
        reauthentication_minutes: None,
        restrictions: Restrictions::NONE,
    };
    (LoadedKey { key, account }, format!("Bearer {}", token.expose()))
}

fn key_token<'a>(authorization: &'a str, mac_key: &TokenMacKey) -> ApiKeyToken<'a> {
    match Token::from_authorization(authorization, mac_key) {
        Ok(Token::ApiKey(token)) => token,
        _ => panic!("not an API key's token"),
    }
}

fn decision(criterion: &mut Criterion) {
    let peppers = peppers();
    let mac_key =
        TokenMacKey::new(vec![b'm'; MIN_TOKEN_MAC_KEY_BYTES].into()).expect("the key is long enough");
    let (loaded, authorization) = key(&peppers, &mac_key);
    let token = key_token(&authorization, &mac_key);
    let digest = TokenDigest::of(token.expose(), &peppers);
    let request = AuthorizationRequest {
        method: "GET",
        route: "/v1/projects",
        key_id: None,
        project_id: None,
        environments: &[],
        source_ip: None,
    };
    let now = Clock::system().now();
    let principal = authorize_key(&request, &token, &loaded, &peppers, now).expect("the key is authorized");

    criterion.bench_function("parse a token", |bencher| {
        bencher.iter(|| key_token(black_box(&authorization), &mac_key));
    });
    criterion.bench_function("verify a digest", |bencher| {
        bencher.iter(|| digest.matches(black_box(token.expose()), &peppers));
    });
    criterion.bench_function("authorize a key", |bencher| {
        bencher.iter(|| authorize_key(black_box(&request), &token, &loaded, &peppers, now));
    });
    criterion.bench_function("write the context", |bencher| {
        bencher.iter(|| context::write(black_box(&principal), None));
    });
}

criterion_group!(benches, decision);
criterion_main!(benches);
