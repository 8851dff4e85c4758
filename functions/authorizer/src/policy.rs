//! What the authorizer answers: a policy for the one request that was asked about.

use serde::{Serialize, Serializer};
use shared::{
    authorization::{context, principal::Principal},
    rate_limit::decision::RateLimitDecision,
};

/// API Gateway takes no longer `Resource` in a policy, and answers 500 to one.
const MAX_RESOURCE_BYTES: usize = 512;

/// The members of an answer's context.
type Context = Vec<(&'static str, String)>;

fn as_object<S: Serializer>(context: &Context, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(context.iter().map(|(name, value)| (name, value)))
}

/// An answer to API Gateway. Every member is set by hand: a default would be an Allow.
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
    /// Lets `principal` through to `method_arn`, and to nothing else, and says how its limit stands.
    pub(crate) fn allow(principal: &Principal, limit: Option<RateLimitDecision>, method_arn: String) -> Self {
        Self::new(Effect::Allow, principal.id(), method_arn, context::write(principal, limit))
    }

    /// Keeps whoever it is from `method_arn`.
    pub(crate) fn deny(principal_id: String, method_arn: String) -> Self {
        Self::new(Effect::Deny, principal_id, method_arn, Context::new())
    }

    fn new(effect: Effect, principal_id: String, mut resource: String, context: Context) -> Self {
        if resource.len() > MAX_RESOURCE_BYTES {
            // No path with ids of ours is as long, so whatever begins like that isn't there.
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
    fn an_allow_is_for_one_method_and_says_who_and_how_the_limit_stands() {
        let session = SessionPrincipal {
            account_id: "acct_0000000000000001".parse().unwrap(),
            user_id: "user_0000000000000001".parse().unwrap(),
            session_id: "sid_0000000000000001".parse().unwrap(),
            session_epoch: 0,
            email: "user@example.com".to_owned().try_into().unwrap(),
            permissions: shared::primitives::permission::Permissions::ALL,
            expires_at: "2027-01-30T12:00:00Z".parse().unwrap(),
        };
        let quota = Quota::new(100.try_into().unwrap());
        let limit = RateLimitDecision::Within(RateLimitStatus { quota, remaining: 42, resets_in: 18 });
        let principal = Principal::Session(session);
        let mut policy =
            serde_json::to_value(Policy::allow(&principal, Some(limit), "arn".to_owned())).unwrap();
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
        let expected = context::write(&principal, Some(limit)).into_iter();
        let expected: Value = expected.map(|(name, value)| (name, json!(value))).collect();
        assert_eq!(context, expected);
    }

    #[test]
    fn a_deny_is_for_one_method_and_says_nothing_else() {
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
    fn a_resource_has_at_most_512_bytes() {
        let longest = "a".repeat(512);
        assert_eq!(resource(longest.clone()), longest);
        assert_eq!(resource("a".repeat(513)), format!("{}*", "a".repeat(511)));
        // The boundary of a character comes first.
        assert_eq!(
            resource(format!("{}ä{}", "a".repeat(510), "b".repeat(9))),
            format!("{}*", "a".repeat(510))
        );
    }
}
