//! The authorizer's response: a policy for the one method and path that was requested.

use serde::{Serialize, Serializer};
use shared::{
    authorization::{context, principal::Principal},
    rate_limit::decision::RateLimitDecision,
};

/// The longest `Resource` in a policy that API Gateway accepts. It returns 500 if one is longer.
const MAX_RESOURCE_BYTES: usize = 512;

/// Names and values of the fields that API Gateway passes on to the function.
type Context = Vec<(&'static str, String)>;

fn as_object<S: Serializer>(context: &Context, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(context.iter().map(|(name, value)| (name, value)))
}

/// The response to API Gateway. Every field is set explicitly, because the default of `Effect` in `aws_lambda_events` is
/// `Allow`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    principal_id: String,
    #[serde(rename = "policyDocument")]
    document: PolicyDocument,
    #[serde(serialize_with = "as_object")]
    context: Context,
    usage_identifier_key: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: Effect,
    resource: String,
}

#[derive(Serialize)]
enum Effect {
    Allow,
    Deny,
}

impl Policy {
    /// Allows `principal` to call `method_arn` and nothing else. The context contains the principal and its rate-limit
    /// decision.
    pub(crate) fn allow(
        principal: &Principal,
        rate_limit: Option<RateLimitDecision>,
        method_arn: String,
    ) -> Self {
        Self::new(Effect::Allow, principal.id(), method_arn, context::write(principal, rate_limit))
    }

    /// Denies the principal with this id access to `method_arn`.
    pub(crate) fn deny(principal_id: String, method_arn: String) -> Self {
        Self::new(Effect::Deny, principal_id, method_arn, Context::new())
    }

    fn new(effect: Effect, principal_id: String, mut resource: String, context: Context) -> Self {
        if resource.len() > MAX_RESOURCE_BYTES {
            // No path of the API is this long, so the wildcard only matches paths that don't exist.
            resource.truncate(resource.floor_char_boundary(MAX_RESOURCE_BYTES - 1));
            resource.push('*');
        }
        let statement = [Statement { action: "execute-api:Invoke", effect, resource }];
        let document = PolicyDocument { version: "2012-10-17", statement };
        Self { principal_id, document, context, usage_identifier_key: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::{
        authorization::principal::SessionPrincipal, primitives::quota::Quota,
        rate_limit::decision::RateLimitStatus,
    };

    use super::*;

    fn resource(method_arn: String) -> String {
        let policy = serde_json::to_value(Policy::deny("user_1".to_owned(), method_arn)).unwrap();
        policy["policyDocument"]["Statement"][0]["Resource"].as_str().unwrap().to_owned()
    }

    #[test]
    fn allow_names_one_method_with_the_principal_and_its_rate_limit_in_the_context() {
        let session = SessionPrincipal {
            account_id: "acct_0000000000000001".parse().unwrap(),
            user_id: "user_0000000000000001".parse().unwrap(),
            session_id: "sid_0000000000000001".parse().unwrap(),
            session_epoch: 0,
            account_epoch: 0,
            email: "user@example.com".to_owned().try_into().unwrap(),
            permissions: shared::primitives::permission::Permissions::ALL,
            expires_at: "2027-01-30T12:00:00Z".parse().unwrap(),
            authenticated_at: "2027-01-30T00:00:00Z".parse().unwrap(),
            factors: shared::primitives::factor::Factors::PASSWORD,
            account_restrictions: shared::model::restrictions::Restrictions::NONE,
            reauthentication_minutes: None,
        };
        let quota = Quota::new(100.try_into().unwrap());
        let rate_limit = RateLimitDecision::Within(RateLimitStatus { quota, remaining: 42, resets_in: 18 });
        let principal = Principal::Session(session);
        let mut policy =
            serde_json::to_value(Policy::allow(&principal, Some(rate_limit), "arn".to_owned())).unwrap();
        let context = policy["context"].take();
        assert_eq!(
            policy,
            json!({
                "principalId": "user_0000000000000001",
                "policyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn"}],
                },
                "context": null,
                "usageIdentifierKey": null,
            })
        );
        let expected = context::write(&principal, Some(rate_limit)).into_iter();
        let expected: Value = expected.map(|(name, value)| (name, json!(value))).collect();
        assert_eq!(context, expected);
    }

    #[test]
    fn deny_names_one_method_with_an_empty_context() {
        let policy = serde_json::to_value(Policy::deny("key_1".to_owned(), "arn".to_owned())).unwrap();
        assert_eq!(
            policy,
            json!({
                "principalId": "key_1",
                "policyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": "arn"}],
                },
                "context": {},
                "usageIdentifierKey": null,
            })
        );
    }

    #[test]
    fn resource_longer_than_512_bytes_is_truncated_to_a_wildcard() {
        let longest = "a".repeat(512);
        assert_eq!(resource(longest.clone()), longest);
        assert_eq!(resource("a".repeat(513)), format!("{}*", "a".repeat(511)));
        // A character is never cut in half.
        assert_eq!(
            resource(format!("{}ä{}", "a".repeat(510), "b".repeat(9))),
            format!("{}*", "a".repeat(510))
        );
    }
}
