//! The resources of the API and their methods: which function answers a request, and who decides before.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::cors::{Cors, Preflight};

/// All routes of the API.
#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Resource>);

/// One path and its methods.
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

/// A route of the API, as the template has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// Its method.
    pub method: String,
    /// Its path, such as `/v1/projects/{project_id}`.
    pub path: String,
    /// The function that answers.
    pub function: String,
    /// Whether it asks for no credential.
    pub public: bool,
}

/// What a method of a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// What answers.
    pub(crate) integration: Integration,
    /// The authorizer that decides before.
    pub(crate) authorizer: Option<Arc<Authorizer>>,
}

/// What answers a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Integration {
    /// A function, for which the API waits so long.
    Function { name: String, timeout: Duration },
    /// The API itself, to a browser that asks what pages of another origin may send.
    Preflight(Preflight),
}

/// Who decides on a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorizer {
    pub(crate) function: String,
    /// The headers without which there is nothing to decide on.
    pub(crate) identity_headers: Vec<String>,
}

/// The route that a request matches.
#[derive(Debug)]
pub(crate) struct Match<'route, 'path> {
    pub(crate) route: &'route Route,
    /// The path as the template writes it, such as `/v1/api-keys/{key_id}`.
    pub(crate) resource: &'route str,
    /// Tells the resource from others, as the id does that API Gateway makes up.
    pub(crate) resource_id: String,
    /// The values of the path's parameters, as they stand in the request.
    pub(crate) parameters: Vec<(&'route str, &'path str)>,
}

/// Why a route can't be added.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("the path `{0}` is not made of `/literal` and `/{{parameter}}`")]
    Path(String),
    #[error("`{0}` is not a method of a REST API")]
    Method(String),
    #[error("`{method} {path}` is taken already")]
    Taken { method: String, path: String },
    #[error("`{0}` and `{1}` are one resource, whose parameters can't have two names")]
    Names(String, String),
}

const OPTIONS: &str = "OPTIONS";
const ANY: &str = "ANY";
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", OPTIONS, ANY];

impl Routes {
    /// Adds a route. `ANY` stands for every method that has no route of its own.
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
            return Err(RouteError::Names(resource.path.clone(), path.to_owned()));
        }
        if resource.methods.contains_key(&method) {
            return Err(RouteError::Taken { method, path: path.to_owned() });
        }
        resource.methods.insert(method, route);
        Ok(())
    }

    /// Answers preflights on each path that has no `OPTIONS` of its own.
    pub(crate) fn add_preflights(&mut self, cors: &Cors) {
        for Resource { methods, .. } in &mut self.0 {
            let any = methods.contains_key(ANY);
            let named = METHODS.into_iter().filter(|method| *method != ANY);
            let named = named.filter(|method| any || *method == OPTIONS || methods.contains_key(*method));
            let preflight = cors.preflight(&named.collect::<BTreeSet<_>>());
            let route = Route { integration: Integration::Preflight(preflight), authorizer: None };
            methods.entry(OPTIONS.to_owned()).or_insert(route);
        }
    }

    /// All that lead to a function, in no particular order.
    pub(crate) fn list(&self) -> Vec<RouteInfo> {
        let resources = self.0.iter();
        resources
            .flat_map(|resource| {
                resource.methods.iter().filter_map(|(method, route)| match &route.integration {
                    Integration::Function { name, .. } => Some(RouteInfo {
                        method: method.clone(),
                        path: resource.path.clone(),
                        function: name.clone(),
                        public: route.authorizer.is_none(),
                    }),
                    Integration::Preflight(_) => None,
                })
            })
            .collect()
    }

    /// The route of a request. The path chooses a resource first, literals before parameters; where that
    /// one lacks the method, no other is tried.
    ///
    /// `path` is matched as it came over the wire: what only means the same as a route's path, such as
    /// `//`, `..` or `%2f`, must not lead to it, since whoever decides on access reads the same text.
    pub(crate) fn find<'path>(&self, method: &str, path: &'path str) -> Option<Match<'_, 'path>> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
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
        Some(Match { route, resource: &resource.path, resource_id: format!("{index:06x}"), parameters })
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

    impl Route {
        /// One that asks for no credential.
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
    fn a_path_and_a_method_find_their_route() {
        assert_eq!(find("GET", "/v1/projects").as_deref(), Some("GET /v1/projects"));
        assert_eq!(find("POST", "/v1/projects").as_deref(), Some("POST /v1/projects"));
        assert_eq!(find("GET", "/v1/projects/p").as_deref(), Some("GET /v1/projects/{id}"));
        assert_eq!(find("POST", "/v1/any").as_deref(), Some("ANY /v1/any"));
        assert_eq!(find("GET", "/v1/any").as_deref(), Some("GET /v1/any"));
    }

    #[test]
    fn the_root_is_a_path_and_leads_to_no_other() {
        let mut routes = routes();
        routes.add("GET", "/", Route::public("root")).unwrap();
        assert_eq!(routes.find("GET", "/").unwrap().resource, "/");
        for path in ["", "//", "/.", "/v1", "/v1/projects/"] {
            assert!(routes.find("GET", path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_literal_beats_a_parameter_even_without_the_method() {
        assert_eq!(find("GET", "/v1/projects/mine").as_deref(), Some("GET /v1/projects/mine"));
        assert_eq!(find("DELETE", "/v1/projects/mine"), None);
    }

    #[test]
    fn nothing_that_only_means_the_same_matches() {
        for path in [
            "",
            "/",
            "//v1/projects",
            "/v1//projects",
            "/v1/projects/",
            "/v1/projects//",
            "/v1/./projects",
            "/v1/any/../projects",
            "/V1/projects",
            "/v1%2fprojects",
            "/v1/project%73",
            "/v1/projects/p/",
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
    fn parameters_come_as_they_stand() {
        let routes = routes();
        let found = routes.find("POST", "/v1/projects/a%2Fb/..").unwrap();
        assert_eq!(found.resource, "/v1/projects/{id}/{verb}");
        assert_eq!(found.parameters, [("id", "a%2Fb"), ("verb", "..")]);
    }

    #[test]
    fn preflights_are_answered_where_there_is_a_path_and_nothing_else_answers() {
        let cors: Cors = serde_json::from_value(serde_json::json!({"AllowOrigin": "'https://a'"})).unwrap();
        let mut routes = routes();
        routes.add("OPTIONS", "/v1/own", Route::public("own")).unwrap();
        let before = routes.list().len();
        routes.add_preflights(&cors);
        for (path, methods) in [
            ("/v1/projects", "GET,OPTIONS,POST"),
            ("/v1/projects/p", "DELETE,GET,OPTIONS"),
            ("/v1/any", "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"),
        ] {
            let preflight = cors.preflight(&methods.split(',').collect());
            let expected = Route { integration: Integration::Preflight(preflight), authorizer: None };
            assert_eq!(routes.find("OPTIONS", path).unwrap().route, &expected, "{path}");
        }
        assert_eq!(routes.find("OPTIONS", "/v1/own").unwrap().route, &Route::public("own"));
        assert!(routes.find("OPTIONS", "/v1").is_none());
        assert_eq!(routes.list().len(), before);
    }

    #[test]
    fn what_cannot_be_a_route_is_refused() {
        let mut routes = routes();
        let mut add = |method, path| routes.add(method, path, Route::public("x"));
        assert_eq!(add("GET", "v1"), Err(RouteError::Path("v1".into())));
        assert_eq!(add("GET", "/v1/{a+}"), Err(RouteError::Path("/v1/{a+}".into())));
        assert_eq!(add("GET", "/v1/{}"), Err(RouteError::Path("/v1/{}".into())));
        assert_eq!(add("GET", "/v1/"), Err(RouteError::Path("/v1/".into())));
        assert_eq!(add("FETCH", "/v1/a"), Err(RouteError::Method("FETCH".into())));
        assert_eq!(
            add("get", "/v1/projects"),
            Err(RouteError::Taken { method: "GET".into(), path: "/v1/projects".into() })
        );
        assert_eq!(
            add("PUT", "/v1/projects/{project}"),
            Err(RouteError::Names("/v1/projects/{id}".into(), "/v1/projects/{project}".into()))
        );
    }

    proptest! {
        #[test]
        fn any_one_raw_segment_is_a_parameter(segment in "[^/]{1,20}") {
            prop_assume!(segment != "mine");
            let path = format!("/v1/projects/{segment}");
            let routes = routes();
            let found = routes.find("GET", &path).unwrap();
            prop_assert_eq!(found.parameters, [("id", segment.as_str())]);
        }

        #[test]
        fn a_match_has_the_shape_of_its_resource(path in "(/(v1|projects|mine|any|[a-z]{0,3})){0,6}") {
            let routes = routes();
            if let Some(found) = routes.find("GET", &path) {
                let parts: Vec<_> = path.split('/').collect();
                let resource: Vec<_> = found.resource.split('/').collect();
                prop_assert_eq!(parts.len(), resource.len());
                for (part, of) in parts.iter().zip(resource) {
                    let fits = if of.starts_with('{') { !part.is_empty() } else { of == *part };
                    prop_assert!(fits);
                }
            }
        }
    }
}
