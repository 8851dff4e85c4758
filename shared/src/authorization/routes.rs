//! The routes of the API, and the route that a path matches. API Gateway matches the routes of real requests. This module
//! matches paths in the same way, for a decision on a request that was not sent.

/// The paths of the API that need a credential, as in the template. The [decision](crate::authorization::decision) has the rules
/// of their methods.
pub const PROTECTED: [&str; 25] = [
    "/v1/auth/me",
    "/v1/auth/logout",
    "/v1/auth/password",
    "/v1/auth/reauthenticate",
    "/v1/auth/reauthenticate/options",
    "/v1/auth/passkeys",
    "/v1/auth/passkeys/options",
    "/v1/auth/passkeys/{passkey_id}",
    "/v1/auth/recovery-codes",
    "/v1/auth/sessions",
    "/v1/auth/sessions/{session_id}",
    "/v1/account",
    "/v1/api-keys",
    "/v1/api-keys/revoke",
    "/v1/api-keys/{key_id}",
    "/v1/api-keys/{key_id}/rotate",
    "/v1/api-keys/{key_id}/simulate",
    "/v1/api-keys/{key_id}/usage",
    "/v1/audit-events",
    "/v1/members",
    "/v1/members/{user_id}",
    "/v1/members/{user_id}/invite",
    "/v1/members/{user_id}/sessions",
    "/v1/projects",
    PROJECT,
];

/// The routes that need no credential, as in the template. `HEAD` is the same as `GET`.
pub const PUBLIC: [(&str, &str); 16] = [
    ("GET", "/"),
    ("GET", "/.well-known/change-password"),
    ("GET", "/dashboard"),
    ("GET", "/dashboard/assets/{hash}/{file}"),
    ("GET", "/docs"),
    ("GET", "/v1/health"),
    ("GET", "/v1/openapi.json"),
    ("POST", "/v1/auth/accept-invitation"),
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/password-reset"),
    ("POST", "/v1/auth/password-reset/confirm"),
    ("POST", "/v1/auth/login/options"),
    ("POST", "/v1/auth/login/passkey"),
    ("POST", "/v1/auth/login/second-factor"),
    ("GET", "/v1/credentials/patterns"),
    ("POST", "/v1/credentials/revoke"),
];

/// The path of a project. Paths below it belong to other APIs that use this authorizer.
pub(super) const PROJECT: &str = "/v1/projects/{project_id}";

/// Stands for every route below [`PROJECT`], because their rule does not depend on the rest of the path.
const BELOW_PROJECT: &str = "/v1/projects/{project_id}/{rest}";

/// The route that a path matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedRoute<'a> {
    /// The path as in the template.
    pub path: &'static str,
    /// The value of the path parameter `{key_id}`, as it was sent.
    pub key_id: Option<&'a str>,
    /// The value of the path parameter `{project_id}`, as it was sent.
    pub project_id: Option<&'a str>,
}

impl<'a> MatchedRoute<'a> {
    /// Finds the route of a path without a query. Returns `None` if the path matches no route.
    ///
    /// Like API Gateway, it ignores one slash at the end, prefers literal segments to parameters, and compares everything else
    /// as it was sent: an equivalent path, for example with `//`, `..` or `%2f`, does not match.
    #[must_use]
    pub fn of(path: &'a str) -> Option<Self> {
        let without_slash = path.strip_suffix('/').filter(|path| !path.is_empty() && !path.ends_with('/'));
        let parts: Vec<&str> = without_slash.unwrap_or(path).strip_prefix('/')?.split('/').collect();
        let paths = PROTECTED.into_iter().chain(PUBLIC.into_iter().map(|(_, path)| path));
        let best = paths
            .filter(|path| matches(path, &parts))
            // `false`, which stands for a literal, sorts before `true`.
            .min_by_key(|path| segments(path).map(is_parameter).collect::<Vec<_>>());
        let path = best.or_else(|| is_below_project(&parts).then_some(BELOW_PROJECT))?;
        let parameter = |name| segments(path).zip(&parts).find(|(segment, _)| *segment == name);
        Some(Self {
            path,
            key_id: parameter("{key_id}").map(|(_, part)| *part),
            project_id: parameter("{project_id}").map(|(_, part)| *part),
        })
    }

    /// Returns true if a request with `method` needs no credential.
    ///
    /// This includes `OPTIONS`: API Gateway responds to preflight requests (<https://fetch.spec.whatwg.org/#cors-preflight-fetch>)
    /// of each route of this API itself. Other APIs decide about their routes below `/v1/projects/{project_id}`.
    #[must_use]
    pub fn is_public(&self, method: &str) -> bool {
        match method {
            "OPTIONS" => self.path != BELOW_PROJECT,
            "HEAD" => PUBLIC.contains(&("GET", self.path)),
            _ => PUBLIC.contains(&(method, self.path)),
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

fn matches(path: &str, parts: &[&str]) -> bool {
    let is_match = |(segment, part): (&str, &&str)| {
        if is_parameter(segment) { !part.is_empty() } else { segment == *part }
    };
    segments(path).count() == parts.len() && segments(path).zip(parts).all(is_match)
}

fn is_below_project(parts: &[&str]) -> bool {
    let length = segments(PROJECT).count();
    parts.len() > length && matches(PROJECT, &parts[..length]) && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matched(path: &str) -> Option<(&'static str, Option<&str>, Option<&str>)> {
        MatchedRoute::of(path).map(|route| (route.path, route.key_id, route.project_id))
    }

    #[test]
    fn path_matches_its_route_with_the_ids_as_they_were_sent() {
        for (path, expected) in [
            ("/", ("/", None, None)),
            ("/v1/projects", ("/v1/projects", None, None)),
            ("/v1/projects/", ("/v1/projects", None, None)),
            ("/v1/projects/a%2Fb", (PROJECT, None, Some("a%2Fb"))),
            ("/v1/projects/..", (PROJECT, None, Some(".."))),
            ("/v1/projects/p/samples", (BELOW_PROJECT, None, Some("p"))),
            ("/v1/projects/p/samples/1/files/", (BELOW_PROJECT, None, Some("p"))),
            ("/v1/api-keys/k", ("/v1/api-keys/{key_id}", Some("k"), None)),
            ("/v1/api-keys/k/rotate", ("/v1/api-keys/{key_id}/rotate", Some("k"), None)),
            ("/dashboard/assets/0/main.js", ("/dashboard/assets/{hash}/{file}", None, None)),
        ] {
            assert_eq!(matched(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn unknown_or_equivalent_path_matches_no_route() {
        for path in [
            "",
            "//",
            "/v1",
            "/v2/projects",
            "/V1/projects",
            "v1/projects",
            "//v1/projects",
            "/v1//projects",
            "/v1/projects//",
            "/v1/./projects",
            "/v1/project%73",
            "/v1%2fprojects",
            "/v1/projects//samples",
            "/v1/projects/p//samples",
            "/v1/api-keys/k/unknown",
            "/v1/api-keys//rotate",
            "/live/v1/projects",
        ] {
            assert_eq!(matched(path), None, "{path}");
        }
    }

    #[test]
    fn only_listed_methods_of_a_public_path_are_public() {
        let health = MatchedRoute::of("/v1/health").unwrap();
        assert!(health.is_public("GET") && health.is_public("HEAD") && !health.is_public("POST"));
        assert!(MatchedRoute::of("/v1/auth/login").unwrap().is_public("POST"));
        assert!(!MatchedRoute::of("/v1/auth/me").unwrap().is_public("GET"));
    }

    #[test]
    fn preflight_is_public_except_below_a_project() {
        for (path, is_public) in [
            ("/v1/auth/me", true),
            ("/v1/health", true),
            ("/v1/projects/p", true),
            ("/v1/projects/p/samples", false),
        ] {
            assert_eq!(MatchedRoute::of(path).unwrap().is_public("OPTIONS"), is_public, "{path}");
        }
    }

    proptest! {
        #[test]
        fn each_listed_path_matches_itself(parameter in "[a-zA-Z0-9_.%~-]{1,30}") {
            for template in PROTECTED.into_iter().chain(PUBLIC.into_iter().map(|(_, path)| path)) {
                let parts = segments(template).map(|part| if is_parameter(part) { &parameter } else { part });
                let path = format!("/{}", parts.collect::<Vec<_>>().join("/"));
                // A parameter can have the value of a literal, which is preferred.
                let is_literal = |path: &str| matches(path, &segments(template).collect::<Vec<_>>());
                let route = MatchedRoute::of(&path).unwrap();
                prop_assert!(route.path == template || is_literal(route.path), "{} {}", path, route.path);
            }
        }
    }
}
