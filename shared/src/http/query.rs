//! Query parameters. Each operation declares its own. A request with an undeclared or repeated parameter is rejected, because a
//! mistyped filter must not look as if it worked.

use lambda_http::aws_lambda_events::query_map::QueryMap;

use crate::{
    error::Error,
    http::openapi::{Location, Operation},
};

/// Checks that `operation` declares all query parameters of a request, and that the request has each only once.
///
/// # Errors
/// 400 with the name of the parameter. If there are several, the error is about the first one in alphabetical order.
pub(super) fn check(query: &QueryMap, operation: &Operation) -> Result<(), Error> {
    let mut names: Vec<&str> = query.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    for (index, name) in names.iter().enumerate() {
        let mut declared =
            operation.parameters.iter().filter(|parameter| parameter.location == Location::Query);
        let Some(parameter) = declared.find(|parameter| parameter.name == *name) else {
            // Owned, because the caller chose the name, so the log must not contain it.
            return Err(Error::bad_field((*name).to_owned(), "is not a parameter of this operation"));
        };
        if names.get(index + 1) == Some(name) {
            return Err(Error::bad_field(parameter.name, "is repeated"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::http::{
        ENVIRONMENT, PAGING, idempotency,
        openapi::{Credentials, Success, Tag},
    };

    const OPERATION: Operation = Operation {
        route: "GET /v1/projects",
        function: "projects",
        tag: Tag::Projects,
        name: "listProjects",
        summary: "",
        description: "",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[PAGING[0], ENVIRONMENT, idempotency::PARAMETER],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[],
    };

    /// Returns the field of the error for a query with these parameters, or `None` if it is accepted.
    fn rejected(parameters: &[(&str, &[&str])]) -> Option<String> {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let query: HashMap<_, _> =
            parameters.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect();
        let error = check(&QueryMap::from(query), &OPERATION).err()?;
        assert_eq!(error.status(), 400);
        Some(error.field().expect("a field").to_owned())
    }

    #[test]
    fn only_declared_parameters_are_accepted_and_each_once() {
        for (query, expected) in [
            (&[] as &[(&str, &[&str])], None),
            (&[("limit", &["1"])], None),
            (&[("limit", &[""]), ("environment", &["live"])], None),
            (&[("limit", &["1", "1"])], Some("limit")),
            (&[("limit", &["1", "2", "3"]), ("environment", &["live", "live"])], Some("environment")),
            (&[("cursor", &["x"])], Some("cursor")),
            (&[("Limit", &["1"])], Some("Limit")),
            (&[("", &[""])], Some("")),
            (&[("limit", &["1", "1"]), ("b", &["1"]), ("a", &["1", "2"])], Some("a")),
            // This is a header.
            (&[("Idempotency-Key", &["1"])], Some("Idempotency-Key")),
        ] {
            assert_eq!(rejected(query).as_deref(), expected, "{query:?}");
        }
    }

    #[test]
    fn log_contains_the_name_of_a_declared_parameter_only() {
        let error = |name: &str, values: &[&str]| {
            let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
            let query = QueryMap::from(HashMap::from([(name.to_owned(), values)]));
            check(&query, &OPERATION).expect_err("a 400").reason()
        };
        assert!(error("limit", &["1", "2"]).contains("limit"));
        assert!(!error("canary", &["1"]).contains("canary"));
    }

    proptest! {
        #[test]
        fn undeclared_parameter_is_named(name in ".{0,20}") {
            prop_assume!(name != "limit" && name != "environment");
            prop_assert_eq!(rejected(&[("limit", &["1"]), (&name, &["1"])]), Some(name));
        }
    }
}
