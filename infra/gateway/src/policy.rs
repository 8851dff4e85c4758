//! The policy that an authorizer returns, evaluated as IAM does it.

use serde::{Deserialize, de::IgnoredAny};

/// The IAM action of calling an API.
const ACTION: &str = "execute-api:Invoke";

/// API Gateway's limit for the length of a resource in a policy, in characters.
const MAX_RESOURCE_LENGTH: usize = 512;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Policy {
    #[serde(default, rename = "Version")]
    _version: IgnoredAny,
    #[serde(default, rename = "Id")]
    _id: IgnoredAny,
    statement: OneOrMany<Statement>,
}

// A statement with other elements, such as a condition, is rejected: without them, the statement would mean something
// else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: IgnoredAny,
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<Resource>,
}

/// A pattern for the ARNs of methods, with the wildcards `*` and `?`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Resource(String);

impl TryFrom<String> for Resource {
    type Error = &'static str;

    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        if pattern.chars().count() > MAX_RESOURCE_LENGTH { Err("too long") } else { Ok(Self(pattern)) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Policy {
    /// Returns true if at least one statement allows calls of `method_arn` and no statement denies them.
    pub(crate) fn allows(&self, method_arn: &str) -> bool {
        let mut allowed = false;
        for statement in self.statement.as_slice().iter().filter(|s| s.applies_to(method_arn)) {
            match statement.effect {
                Effect::Deny => return false,
                Effect::Allow => allowed = true,
            }
        }
        allowed
    }
}

impl Statement {
    fn applies_to(&self, method_arn: &str) -> bool {
        let action = ACTION.to_ascii_lowercase();
        self.action.as_slice().iter().any(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
            && self.resource.as_slice().iter().any(|Resource(pattern)| wildcard(pattern, method_arn))
    }
}

/// Returns true if `text` matches `pattern`, in which `*` matches any characters and `?` matches one character.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // After a mismatch, matching continues here: after the last `*`, which then matches one more character.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                p += 1;
                retry = Some((p, t));
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, matched)) => {
                    retry = Some((after_star, matched + 1));
                    (p, t) = (after_star, matched + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:api/live/GET/v1/projects";

    fn statement(effect: &str, action: impl Into<Value>, resource: impl Into<Value>) -> Value {
        json!({"Effect": effect, "Action": action.into(), "Resource": resource.into()})
    }

    fn allows(statements: impl Into<Value>) -> bool {
        let document = json!({"Version": "2012-10-17", "Statement": statements.into()});
        serde_json::from_value::<Policy>(document).unwrap().allows(ARN)
    }

    #[test]
    fn matching_allow_allows() {
        for (action, resource) in [
            ("execute-api:Invoke", ARN),
            ("execute-api:invoke", ARN),
            ("execute-api:*", "*"),
            ("*", "arn:aws:execute-api:*:*:api/live/GET/*"),
            ("execute-api:Inv?ke", "arn:aws:execute-api:eu-central-?:123456789012:*/projects"),
        ] {
            assert!(allows([statement("Allow", action, resource)]), "{action} {resource}");
        }
        assert!(allows(statement("Allow", json!(["a:b", ACTION]), json!(["x", ARN]))));
    }

    #[test]
    fn allow_of_another_action_or_resource_does_not_allow() {
        for (action, resource) in [
            ("execute-api:ManageConnections", "*"),
            ("execute-api:Invoke", "arn:aws:execute-api:*:*:api/live/POST/*"),
            ("execute-api:Invoke", &ARN.to_uppercase()),
            ("execute-api:Invoke", &ARN[..ARN.len() - 1]),
            ("execute-api:Invoke", ""),
            ("", "*"),
        ] {
            assert!(!allows([statement("Allow", action, resource)]), "{action} {resource}");
        }
        assert!(!allows(json!([])));
    }

    #[test]
    fn resource_of_512_characters_is_accepted() {
        assert!(allows(statement("Allow", ACTION, "*".repeat(512))));
    }

    #[test]
    fn deny_overrides_allow_in_any_order() {
        let (allow, deny) = (statement("Allow", "*", "*"), statement("Deny", ACTION, "*GET/v1/*"));
        assert!(!allows([allow.clone(), deny.clone()]));
        assert!(!allows([deny, allow.clone()]));
        assert!(allows([allow, statement("Deny", ACTION, "*POST/v1/*")]));
    }

    #[test]
    fn unsupported_statements_are_rejected() {
        for statement in [
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}),
            json!({"Effect": "Allow", "NotAction": "x:y", "Resource": "*"}),
            json!({"Effect": "allow", "Action": "*", "Resource": "*"}),
            json!({"Action": "*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "*"}),
            json!({"Effect": "Allow", "Action": "*", "Resource": null}),
            statement("Allow", ACTION, "*".repeat(513)),
            statement("Allow", ACTION, json!(["*", "*".repeat(513)])),
        ] {
            let document = json!({"Version": "2012-10-17", "Statement": [statement.clone()]});
            assert!(serde_json::from_value::<Policy>(document).is_err(), "{statement}");
        }
    }

    /// The definition of wildcards, as a simple and slow function.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            [c, rest @ ..] => {
                text.first().is_some_and(|t| *c == '?' || c == t) && by_definition(rest, &text[1..])
            }
        }
    }

    fn effects() -> impl Strategy<Value = Vec<(bool, bool)>> {
        prop::collection::vec((any::<bool>(), any::<bool>()), 0..6)
    }

    proptest! {
        #[test]
        fn wildcard_agrees_with_its_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(wildcard(&pattern, &text), by_definition(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn text_without_wildcards_matches_only_itself(a in "[^*?]{0,12}", b in "[^*?]{0,12}") {
            prop_assert!(wildcard(&a, &a));
            prop_assert_eq!(wildcard(&a, &b), a == b);
        }

        #[test]
        fn allows_requires_a_matching_allow_and_no_matching_deny(effects in effects()) {
            let statements: Vec<Value> = effects
                .iter()
                .map(|(allow, applies)| {
                    statement(if *allow { "Allow" } else { "Deny" }, ACTION, if *applies { ARN } else { "other" })
                })
                .collect();
            let expected = effects.contains(&(true, true)) && !effects.contains(&(false, true));
            prop_assert_eq!(allows(statements), expected);
        }
    }
}
