//! The routes of the API: the function and the authorizer of each path and method.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::preflight::Preflight;

#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Resource>);

/// A path and its methods.
#[derive(Debug)]
struct Resource {
    path: String,
    segments: Vec<Segment>,
    methods: HashMap<String, Route>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
}

/// A route of the API that leads to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// An HTTP method, or `ANY`.
    pub method: String,
    /// The path template, such as `/v1/projects/{project_id}`.
    pub path: String,
    /// True if the route has no authorizer.
    pub public: bool,
    pub function: String,
}

/// What handles the requests of a method of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) integration: Integration,
    /// The authorizer that runs first. `None` means that the route is public.
    pub(crate) authorizer: Option<Arc<Authorizer>>,
}

/// What generates the response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Integration {
    /// A function, and how long the API waits for it.
    Function { name: String, timeout: Duration },
    /// The response to the preflight requests of browsers.
    Preflight(Preflight),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorizer {
    pub(crate) function: String,
    /// A request without one of these headers gets 401, and the authorizer is not invoked.
    pub(crate) identity_headers: Vec<String>,
}

/// The route that a request matches.
#[derive(Debug)]
pub(crate) struct RouteMatch<'route, 'path> {
    pub(crate) route: &'route Route,
    /// The path template, such as `/v1/api-keys/{key_id}`.
    pub(crate) resource: &'route str,
    /// Identifies the resource, like the ids that API Gateway generates.
    pub(crate) resource_id: String,
    /// The names of the path parameters, with their values as they were sent (not decoded).
    pub(crate) parameters: Vec<(&'route str, &'path str)>,
}

/// Why a route cannot be added.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("the path `{0}` does not consist of `/literal` and `/{{parameter}}`")]
    Path(String),
    #[error("`{0}` is not a method of a REST API")]
    Method(String),
    #[error("`{method} {path}` is declared twice")]
    Duplicate { method: String, path: String },
    #[error("`{0}` and `{1}` are the same resource, whose parameters must have the same names")]
    ParameterNames(String, String),
}

const ANY: &str = "ANY";
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ANY];

impl Routes {
    /// Adds a route. The method `ANY` matches all methods for which the path has no other route.
    pub(crate) fn add(&mut self, method: &str, path: &str, route: Route) -> Result<(), RouteError> {
        let method = method.to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            return Err(RouteError::Method(method));
        }
        let segments = parse(path).ok_or_else(|| RouteError::Path(path.to_owned()))?;
        let index = self.0.iter().position(|resource| same_shape(&resource.segments, &segments));
        let resource = match index {
            Some(index) => &mut self.0[index],
            None => self.0.push_mut(Resource { path: path.to_owned(), segments, methods: HashMap::new() }),
        };
        if resource.path != path {
            return Err(RouteError::ParameterNames(resource.path.clone(), path.to_owned()));
        }
        if resource.methods.contains_key(&method) {
            return Err(RouteError::Duplicate { method, path: path.to_owned() });
        }
        resource.methods.insert(method, route);
        Ok(())
    }

    /// Returns all routes that lead to a function, in no particular order.
    pub(crate) fn list(&self) -> Vec<RouteInfo> {
        let resources = self.0.iter();
        resources
            .flat_map(|resource| {
                let methods = resource.methods.iter();
                methods.filter_map(|(method, route)| match &route.integration {
                    Integration::Preflight(_) => None,
                    Integration::Function { name, .. } => Some(RouteInfo {
                        method: method.clone(),
                        path: resource.path.clone(),
                        public: route.authorizer.is_none(),
                        function: name.clone(),
                    }),
                })
            })
            .collect()
    }

    /// Finds the route of a request. The path determines the resource, and literal segments take precedence over
    /// parameters. If this resource does not have the method, no other resource is tried.
    ///
    /// A slash at the end of `path` is ignored, as API Gateway does for REST APIs
    /// (<https://github.com/aws-powertools/powertools-lambda-python/issues/1552>). Apart from that, `path` is matched as it was
    /// sent. Equivalent paths, for example with `//`, `..` or `%2f`, do not match.
    pub(crate) fn find<'path>(&self, method: &str, path: &'path str) -> Option<RouteMatch<'_, 'path>> {
        let without_slash = path.strip_suffix('/').filter(|path| !path.is_empty() && !path.ends_with('/'));
        let parts: Vec<&str> = without_slash.unwrap_or(path).strip_prefix('/')?.split('/').collect();
        let (index, resource) = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, resource)| matches(&resource.segments, &parts))
            .max_by_key(|(_, resource)| {
                resource.segments.iter().map(|s| matches!(s, Segment::Literal(_))).collect::<Vec<_>>()
            })?;
        let route = resource.methods.get(method).or_else(|| resource.methods.get(ANY))?;
        let parameters = resource
            .segments
            .iter()
            .zip(parts)
            .filter_map(|(segment, part)| match segment {
                Segment::Parameter(name) => Some((name.as_str(), part)),
                Segment::Literal(_) => None,
            })
            .collect();
        Some(RouteMatch { route, resource: &resource.path, resource_id: format!("{index:06x}"), parameters })
    }

    /// Returns the first segment of `path` that is a literal segment of any route. Logs contain it instead of a path that
    /// matches no route, because such a path can contain secrets.
    pub(crate) fn known_segment<'path>(&self, path: &'path str) -> Option<&'path str> {
        let is_known = |part: &str| {
            let mut segments = self.0.iter().flat_map(|resource| &resource.segments);
            segments.any(|segment| matches!(segment, Segment::Literal(literal) if literal == part))
        };
        path.split('/').find(|part| !part.is_empty() && is_known(part))
    }
}

fn matches(segments: &[Segment], parts: &[&str]) -> bool {
    segments.len() == parts.len()
        && segments.iter().zip(parts).all(|(segment, part)| match segment {
            Segment::Literal(literal) => literal == part,
            Segment::Parameter(_) => !part.is_empty(),
        })
}

fn same_shape(a: &[Segment], b: &[Segment]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            (a, b) => a == b,
        })
}

fn parse(path: &str) -> Option<Vec<Segment>> {
    if path == "/" {
        return Some(vec![Segment::Literal(String::new())]);
    }
    path.strip_prefix('/')?.split('/').map(parse_segment).collect()
}

fn parse_segment(text: &str) -> Option<Segment> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) => is_name(name).then(|| Segment::Parameter(name.to_owned())),
        None => is_name(text).then(|| Segment::Literal(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::preflight;

    impl Route {
        pub(crate) fn public(function: &str) -> Self {
            let (name, timeout) = (function.to_owned(), Duration::from_secs(29));
            Self { integration: Integration::Function { name, timeout }, authorizer: None }
        }
    }

    fn routes() -> Routes {
        let mut routes = Routes::default();
        for (method, path) in [
            ("GET", "/v1/projects"),
            ("POST", "/v1/projects"),
            ("GET", "/v1/projects/{id}"),
            ("DELETE", "/v1/projects/{id}"),
            ("GET", "/v1/projects/mine"),
            ("ANY", "/v1/any"),
            ("GET", "/v1/any"),
            ("POST", "/v1/projects/{id}/{verb}"),
        ] {
            routes.add(method, path, Route::public(&format!("{method} {path}"))).unwrap();
        }
        routes
    }

    fn find(method: &str, path: &str) -> Option<String> {
        match &routes().find(method, path)?.route.integration {
            Integration::Function { name, .. } => Some(name.clone()),
            Integration::Preflight(_) => None,
        }
    }

    #[test]
    fn find_matches_path_and_method() {
        assert_eq!(find("GET", "/v1/projects").as_deref(), Some("GET /v1/projects"));
        assert_eq!(find("POST", "/v1/projects").as_deref(), Some("POST /v1/projects"));
        assert_eq!(find("GET", "/v1/projects/p").as_deref(), Some("GET /v1/projects/{id}"));
        assert_eq!(find("POST", "/v1/any").as_deref(), Some("ANY /v1/any"));
        assert_eq!(find("GET", "/v1/any").as_deref(), Some("GET /v1/any"));
    }

    #[test]
    fn find_of_the_root_matches_only_a_slash() {
        let mut routes = routes();
        routes.add("GET", "/", Route::public("root")).unwrap();
        assert_eq!(routes.find("GET", "/").unwrap().resource, "/");
        for path in ["", "//", "/.", "/v1", "/v1/projects//"] {
            assert!(routes.find("GET", path).is_none(), "{path}");
        }
    }

    #[test]
    fn find_prefers_a_literal_even_if_it_lacks_the_method() {
        assert_eq!(find("GET", "/v1/projects/mine").as_deref(), Some("GET /v1/projects/mine"));
        assert_eq!(find("DELETE", "/v1/projects/mine"), None);
    }

    #[test]
    fn find_rejects_equivalent_paths() {
        for path in [
            "",
            "/",
            "//v1/projects",
            "/v1//projects",
            "/v1/projects//",
            "/v1/./projects",
            "/v1/any/../projects",
            "/V1/projects",
            "/v1%2fprojects",
            "/v1/project%73",
            "/v1/projects/p//",
            "/v1/projects/p/q/r",
            "v1/projects",
            "*",
        ] {
            assert_eq!(find("GET", path), None, "{path}");
        }
        assert_eq!(find("get", "/v1/projects"), None);
        assert_eq!(find("HEAD", "/v1/projects"), None);
    }

    #[test]
    fn find_ignores_one_trailing_slash() {
        assert_eq!(find("GET", "/v1/projects/"), find("GET", "/v1/projects"));
        let mut routes = routes();
        assert_eq!(routes.find("GET", "/v1/projects/p/").unwrap().parameters, [("id", "p")]);
        routes.add("GET", "/", Route::public("root")).unwrap();
        assert_eq!(routes.find("GET", "/").unwrap().resource, "/");
        assert!(routes.find("GET", "//").is_none());
    }

    #[test]
    fn find_returns_parameters_undecoded() {
        let routes = routes();
        let route_match = routes.find("POST", "/v1/projects/a%2Fb/..").unwrap();
        assert_eq!(route_match.resource, "/v1/projects/{id}/{verb}");
        assert_eq!(route_match.parameters, [("id", "a%2Fb"), ("verb", "..")]);
    }

    #[test]
    fn known_segment_is_the_first_literal_of_any_route() {
        let routes = routes();
        for (path, expected) in [
            ("/v1/secret", Some("v1")),
            ("//api/projects/v1", Some("projects")),
            ("/secret", None),
            ("/id/{id}", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(routes.known_segment(path), expected, "{path}");
        }
    }

    #[test]
    fn list_contains_only_routes_to_functions() {
        let preflight = serde_json::from_value(preflight::tests::operation()).unwrap();
        let mut routes = routes();
        let before = routes.list().len();
        let route = Route { integration: Integration::Preflight(preflight), authorizer: None };
        routes.add("options", "/v1/projects", route).unwrap();
        assert_eq!(routes.list().len(), before);
        let found = routes.find("OPTIONS", "/v1/projects").unwrap();
        assert!(matches!(found.route.integration, Integration::Preflight(_)));
        assert!(routes.find("OPTIONS", "/v1/projects/p").is_none());
    }

    #[test]
    fn add_rejects_invalid_routes() {
        let mut routes = routes();
        let mut add = |method, path| routes.add(method, path, Route::public("x"));
        assert_eq!(add("GET", "v1"), Err(RouteError::Path("v1".into())));
        assert_eq!(add("GET", "/v1/{a+}"), Err(RouteError::Path("/v1/{a+}".into())));
        assert_eq!(add("GET", "/v1/{}"), Err(RouteError::Path("/v1/{}".into())));
        assert_eq!(add("GET", "/v1/"), Err(RouteError::Path("/v1/".into())));
        assert_eq!(add("FETCH", "/v1/a"), Err(RouteError::Method("FETCH".into())));
        assert_eq!(
            add("get", "/v1/projects"),
            Err(RouteError::Duplicate { method: "GET".into(), path: "/v1/projects".into() })
        );
        assert_eq!(
            add("PUT", "/v1/projects/{project}"),
            Err(RouteError::ParameterNames("/v1/projects/{id}".into(), "/v1/projects/{project}".into()))
        );
    }

    proptest! {
        #[test]
        fn find_accepts_any_segment_as_a_parameter(segment in "[^/]{1,20}") {
            prop_assume!(segment != "mine");
            let path = format!("/v1/projects/{segment}");
            let routes = routes();
            let route_match = routes.find("GET", &path).unwrap();
            prop_assert_eq!(route_match.parameters, [("id", segment.as_str())]);
        }

        #[test]
        fn find_returns_a_resource_with_the_same_segments(path in "(/(v1|projects|mine|any|[a-z]{0,3})){0,6}") {
            let routes = routes();
            if let Some(route_match) = routes.find("GET", &path) {
                let parts: Vec<_> = path.strip_suffix('/').unwrap_or(&path).split('/').collect();
                let resource: Vec<_> = route_match.resource.split('/').collect();
                prop_assert_eq!(parts.len(), resource.len());
                for (part, template) in parts.iter().zip(resource) {
                    let fits = if template.starts_with('{') { !part.is_empty() } else { template == *part };
                    prop_assert!(fits);
                }
            }
        }
    }
}
