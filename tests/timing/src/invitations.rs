//! Measures whether the time to reject the token of an invitation reveals why it is rejected, for example whether somebody has accepted
//! it.
//!
//! The token of a removed member is not compared. The service rejects it sooner, because there is no item to decode. Somebody who has
//! the token can therefore learn that the member was removed. Nobody else can, because nobody can guess a token.

use rand::rngs::StdRng;
use serde_json::json;
use time::Duration;

use crate::{
    Error,
    comparison::Comparison,
    rounds::{Case, Subject, compare},
    service::Service,
};

/// Longer than an invitation lasts.
const UNTIL_EXPIRED: Duration = Duration::days(8);

/// Measures `rounds` acceptances with each kind of token. All of them have right check digits, because a token without these causes no
/// read of the table, and nobody can create one.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Comparison>, Error> {
    let [admin, other] = ["admin@example.com", "other@example.com"];
    let service = Service::start(|_| ()).await?;
    service.create_account(admin).await?;
    let session = service.log_in(admin).await?;
    let (_, expired) = service.invite(&session, "expired@example.com").await?;
    service.advance_clock(UNTIL_EXPIRED);

    let session = service.log_in(admin).await?;
    let (id, replaced) = service.invite(&session, "replaced@example.com").await?;
    service.send("POST", &format!("/v1/members/{id}/invite"), &session, Some(&json!({}))).await?;
    let (_, accepted) = service.invite(&session, "accepted@example.com").await?;
    if service.accept(&accepted).await?["statusCode"] != 200 {
        return Err("an invitation cannot be accepted".into());
    }
    let (id, suspended) = service.invite(&session, "suspended@example.com").await?;
    let suspension = json!({"status": "suspended"});
    service.send("PATCH", &format!("/v1/members/{id}"), &session, Some(&suspension)).await?;
    let account = service.create_account(other).await?;
    let (_, of_suspended_account) =
        service.invite(&service.log_in(other).await?, "member@example.com").await?;
    service.suspend_account(&account).await?;

    let cases = [
        Case::new("a newer invitation replaced it", replaced),
        Case::new("it was accepted", accepted),
        Case::new("it has expired", expired),
        Case::new("the member is suspended", suspended),
        Case::new("the account is suspended", of_suspended_account),
    ];
    let subject = Subject {
        name: "a rejected invitation",
        control: "a newer invitation replaced it, and 1 ms more",
        delay: std::time::Duration::from_millis(1),
    };
    let send = async |token: &String| {
        let response = service.accept(token).await?;
        if response["statusCode"] == 401 {
            Ok(())
        } else {
            Err(format!("the acceptance returned {response}").into())
        }
    };
    let comparisons = compare(rng, rounds, subject, &cases, async |_, _| Ok(()), send).await?;
    service.gateway.stop().await;
    Ok(comparisons)
}
