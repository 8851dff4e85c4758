//! Measures whether the time of a request for a password reset reveals whether its address belongs to a member.

use rand::rngs::StdRng;
use serde_json::json;
use time::Duration;

use crate::{
    Error,
    comparison::Comparison,
    rounds::{Case, Subject, compare},
    service::Service,
};

/// The time between two requests. Afterwards, a further token is sent, and the source may send further requests.
const BETWEEN_REQUESTS: Duration = Duration::minutes(11);

/// Measures `rounds` requests for each kind of address.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Comparison>, Error> {
    let [member, suspended] = ["member@example.com", "suspended@example.com"];
    let service = Service::start(|options| options.mail = Some(|_, _| ())).await?;
    service.create_account(member).await?;
    let account = service.create_account(suspended).await?;
    service.suspend_account(&account).await?;
    let cases = [
        Case::new("an unknown address", "nobody@example.com"),
        Case::new("the address of a member", member),
        Case::new("the address of a member of a suspended account", suspended),
    ];
    let subject = Subject {
        name: "a request for a password reset",
        control: "an unknown address, and 1 ms more",
        delay: std::time::Duration::from_millis(1),
    };
    let prepare = async |_: &&str, _| {
        service.advance_clock(BETWEEN_REQUESTS);
        // The work that the previous request has caused must not delay this one.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Ok(())
    };
    let send = async |email: &&str| request(&service, email).await;
    let comparisons = compare(rng, rounds, subject, &cases, prepare, send).await?;
    service.gateway.stop().await;
    Ok(comparisons)
}

async fn request(service: &Service, email: &str) -> Result<(), Error> {
    let body = json!({"email": email});
    let response = service.invoke("password-reset", "/v1/auth/password-reset", &body).await?;
    if response["statusCode"] == 202 {
        Ok(())
    } else {
        Err(format!("the request for {email} returned {response}").into())
    }
}
