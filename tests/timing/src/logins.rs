//! Measures whether the time of a failed login reveals why it failed.

use aws_sdk_dynamodb::types::AttributeValue;
use rand::rngs::StdRng;
use serde_json::json;
use time::Duration;

use crate::{
    Error,
    comparison::Comparison,
    rounds::{Case, Subject, compare},
    service::{PASSWORD, Service},
};

const WRONG_PASSWORD: &str = "a lizard on the 8th wall";

/// The number of consecutive failures that disable a password.
const FAILURES_THAT_DISABLE: usize = 100;
/// The number of rounds after which the operator enables the passwords again, before failures disable them.
const ROUNDS_UNTIL_ENABLED: usize = 20;
/// The time between two logins. Earlier failures no longer delay a login after it.
const BETWEEN_LOGINS: Duration = Duration::hours(2);

/// A login that fails.
struct Login {
    email: &'static str,
    password: &'static str,
    /// Whether the member exists and the password must stay enabled.
    is_enabled: bool,
}

/// Measures `rounds` logins of each case.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Comparison>, Error> {
    let service = Service::start(|_| ()).await?;
    let [usual, suspended, removed, disabled, passkey] = [
        "usual@example.com",
        "suspended@example.com",
        "removed@example.com",
        "disabled@example.com",
        "passkey@example.com",
    ];
    for email in [usual, disabled] {
        service.create_account(email).await?;
    }
    let account = service.create_account(passkey).await?;
    require_second_factor(&service, &account).await?;
    let account = service.create_account(suspended).await?;
    service.suspend_account(&account).await?;
    create_removed_member(&service, usual, removed).await?;
    for _ in 0..FAILURES_THAT_DISABLE {
        service.advance_clock(BETWEEN_LOGINS);
        fail_to_log_in(&service, disabled, WRONG_PASSWORD).await?;
    }
    let case = |name, email, password, is_enabled| Case::new(name, Login { email, password, is_enabled });
    let cases = [
        case("a wrong password", usual, WRONG_PASSWORD, true),
        case("an unknown address", "nobody@example.com", WRONG_PASSWORD, false),
        case("a malformed address", "nobody", WRONG_PASSWORD, false),
        case("a removed member", removed, PASSWORD, false),
        case("a suspended account", suspended, WRONG_PASSWORD, true),
        case("a member with a passkey", passkey, WRONG_PASSWORD, true),
        case("a disabled password, and a wrong one in the request", disabled, WRONG_PASSWORD, false),
        case("a disabled password, and the same in the request", disabled, PASSWORD, false),
    ];
    let subject = Subject {
        name: "a failed login",
        control: "a wrong password, and 4 ms more",
        // A fifth of the time of Argon2.
        delay: std::time::Duration::from_millis(4),
    };
    let prepare = async |login: &Login, round: usize| {
        // The previous login may have failed with the same address, which delays the next one.
        service.advance_clock(BETWEEN_LOGINS);
        if login.is_enabled && round.is_multiple_of(ROUNDS_UNTIL_ENABLED) {
            service.operate(json!({"enable_password": {"email": login.email}})).await?;
        }
        Ok(())
    };
    let send = async |login: &Login| fail_to_log_in(&service, login.email, login.password).await;
    let comparisons = compare(rng, rounds, subject, &cases, prepare, send).await?;
    service.gateway.stop().await;
    Ok(comparisons)
}

/// Stores that the first member of an account has a passkey, so that the password alone does not log them in.
async fn require_second_factor(service: &Service, account: &str) -> Result<(), Error> {
    let (table, dynamodb) = (service.gateway.table("Table").ok_or("no table")?, service.gateway.dynamodb());
    let partition = AttributeValue::S(format!("ACCOUNT#{account}"));
    let members = dynamodb.query().table_name(table).consistent_read(true);
    let members = members.key_condition_expression("pk = :pk AND begins_with(sk, :member)");
    let members = members.expression_attribute_values(":pk", partition.clone());
    let members = members.expression_attribute_values(":member", AttributeValue::S("MEMBER#".to_owned()));
    let members = members.send().await?.items.unwrap_or_default();
    let member = members.first().ok_or("no member")?["sk"].clone();
    let update = dynamodb.update_item().table_name(table).key("pk", partition).key("sk", member);
    let update = update.update_expression("SET passkeys = :one, restrictions = :restrictions");
    let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    let names = AttributeValue::Ss(vec!["passkeys".to_owned()]);
    update.expression_attribute_values(":restrictions", names).send().await?;
    Ok(())
}

/// Adds a member with the address `email` to the account of `admin`, and removes the member.
async fn create_removed_member(service: &Service, admin: &str, email: &str) -> Result<(), Error> {
    let session = service.log_in(admin).await?;
    let (id, token) = service.invite(&session, email).await?;
    service.accept(&token).await?;
    service.send("DELETE", &format!("/v1/members/{id}"), &session, None).await?;
    Ok(())
}

/// Sends a login that must fail with 401.
async fn fail_to_log_in(service: &Service, email: &str, password: &str) -> Result<(), Error> {
    let body = json!({"email": email, "password": password});
    let response = service.invoke("login", "/v1/auth/login", &body).await?;
    if response["statusCode"] == 401 {
        Ok(())
    } else {
        Err(format!("the login of {email} returned {response}").into())
    }
}
