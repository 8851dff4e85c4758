//! What the authorizer answers: a policy for the one request that was asked about.

use serde::{Serialize, Serializer};
use shared::{limit::Verdict, principal::Principal};

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
    pub(crate) fn allow(principal: &Principal, limit: Option<Verdict>, method_arn: String) -> Self {
        let mut context = principal.to_context();
        context.extend(limit.into_iter().flat_map(Verdict::to_context));
        Self::new(Effect::Allow, principal.id(), method_arn, context)
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
