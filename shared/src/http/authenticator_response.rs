//! What an authenticator returned, as a browser's `PublicKeyCredential.toJSON()` writes it (`WebAuthn` Level 3, 5.1.8).

use std::{borrow::Cow, collections::BTreeMap, fmt};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::primitives::challenge::Challenge;

/// The response of an authenticator. Browsers may add any fields to it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct AuthenticatorResponse(#[serde(deserialize_with = "object")] Map<String, Value>);

/// Deserializes an object. `Map` itself would deserialize `null` too, as an object without fields.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
}

/// The part of the client data that is needed to find the challenge.
#[derive(Deserialize)]
struct ClientData {
    challenge: String,
}

impl AuthenticatorResponse {
    /// Returns the challenge to which this claims to be the response. Nothing is verified yet.
    #[must_use]
    pub fn claimed_challenge(&self) -> Option<Challenge> {
        let client_data: ClientData = serde_json::from_slice(&self.bytes("clientDataJSON")?).ok()?;
        client_data.challenge.parse().ok()
    }

    /// Returns the bytes with which the authenticator names the member.
    #[must_use]
    pub fn user_handle(&self) -> Option<Vec<u8>> {
        self.bytes("userHandle")
    }

    /// Returns the ways in which the browser can reach the authenticator, as far as they are texts.
    pub fn transports(&self) -> impl Iterator<Item = &str> {
        let transports = self.response("transports").and_then(Value::as_array);
        transports.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Returns the parts that are verified. The others are left out: the outputs of extensions, because none is used, and what browsers
    /// add.
    #[must_use]
    pub fn verified_parts(&self) -> Value {
        const OF_RESPONSE: [&str; 5] =
            ["attestationObject", "authenticatorData", "clientDataJSON", "signature", "userHandle"];
        let parts = |of: &Map<String, Value>, names: &[&str]| -> Map<String, Value> {
            let present = names.iter().filter_map(|name| Some(((*name).to_owned(), of.get(*name)?.clone())));
            present.collect()
        };
        let mut parts_of_all = parts(&self.0, &["id", "rawId", "type"]);
        if let Some(Value::Object(response)) = self.0.get("response") {
            parts_of_all.insert("response".to_owned(), parts(response, &OF_RESPONSE).into());
        }
        parts_of_all.insert("clientExtensionResults".to_owned(), Map::new().into());
        parts_of_all.into()
    }

    fn response(&self, name: &str) -> Option<&Value> {
        self.0.get("response")?.get(name)
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        BASE64_URL_SAFE_NO_PAD.decode(self.response(name)?.as_str()?).ok()
    }
}

impl fmt::Debug for AuthenticatorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticatorResponse(…)")
    }
}

impl JsonSchema for AuthenticatorResponse {
    fn schema_name() -> Cow<'static, str> {
        "AuthenticatorResponse".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "The result of `navigator.credentials.create` or `navigator.credentials.get`, as its method `toJSON` returns it.",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(value: Value) -> AuthenticatorResponse {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_verified_parts_are_passed_on() {
        let sent = response(json!({
            "id": "AQ", "rawId": "AQ", "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}, "unknown": [null]},
            "response": {"clientDataJSON": "e30", "attestationObject": "AA", "transports": ["usb", 1], "publicKeyAlgorithm": -7},
        }));
        let expected = json!({
            "id": "AQ", "rawId": "AQ", "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": "e30", "attestationObject": "AA"},
        });
        assert_eq!(sent.verified_parts(), expected);
        assert_eq!(sent.transports().collect::<Vec<_>>(), ["usb"]);
        assert_eq!(format!("{sent:?}"), "AuthenticatorResponse(…)");
    }

    #[test]
    fn challenge_is_claimed_only_by_well_formed_client_data() {
        let challenge = "A".repeat(43);
        let client_data =
            |text: String| json!({"response": {"clientDataJSON": BASE64_URL_SAFE_NO_PAD.encode(text)}});
        let claimed = response(client_data(json!({"challenge": challenge}).to_string())).claimed_challenge();
        assert_eq!(claimed.unwrap().to_string(), challenge);
        for malformed in [
            json!({}),
            json!({"response": null}),
            json!({"response": {"clientDataJSON": "="}}),
            client_data("{}".to_owned()),
            client_data(r#"{"challenge": "AA"}"#.to_owned()),
        ] {
            assert!(response(malformed).claimed_challenge().is_none());
        }
    }
}
