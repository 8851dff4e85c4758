//! The operation table: one row for each operation of the API and each command of the operator, with what the tests expect of
//! it. The tests of routes, growth and faults read it. Two tests compare it with the functions' `OPERATIONS` and with the
//! template.

use gateway::functions::operations;
use shared::http::openapi::Credentials;

/// - access: the decision for each valid credential. `+` means that the route authorizes it, `-` that it returns 403. The
///   columns are API keys and sessions with one permission (`r`, `w`, `d`, `a`) or all of them (`*`), keys with all
///   permissions that are scoped to the project in the path (`o`) or to another project (`f`), and the key that the path
///   names, with only `read` (`i`). A single `-` means that the operation needs no credential, or that it is a command.
/// - units: the read and write capacity units that a request consumes. The first column is a request with a session, or a
///   command. The second is the first request of a key in a minute. If keys are not allowed, that request gets 403.
/// - events: the number of audit events that the operation writes.
/// - repeated: the status of the same request when it is sent again, as by a caller that lost the response. It has the same
///   `Idempotency-Key` if the operation supports one. `+1` means that the second request writes another event.
/// - by key: whether the fault tests also send the request with a key, for which the authorizer makes other calls.
///
/// The row of the logout is the last one with a credential, because it ends the session of the caller.
const TABLE: &str = "
                                            access                      units          faults
                                            live  test  scoped session  session key    events repeated by
                                            rwda* rwda* of     rwda*   i                             key
    GET      /v1/auth/me                    +++++ +++++ ++     +++++   +     3+0     2+1    0      200    yes
    GET      /v1/auth/sessions              ----- ----- --     +++++   -     4+0     2+0    0      200    no
    DELETE   /v1/auth/sessions/{session_id} ----- ----- --     +++++   -     3+6     2+0    1      404    no
    DELETE   /v1/auth/sessions              ----- ----- --     +++++   -     3+10    2+0    1      204+1  no
    POST     /v1/auth/password              ----- ----- --     +++++   -     8+17    2+0    1      403+1  no
    POST     /v1/auth/reauthenticate        ----- ----- --     +++++   -     8+11    2+0    0      204    no
    POST     /v1/auth/reauthenticate/options ----- ----- --     +++++   -     4+1     2+0    0      200    no
    POST     /v1/auth/passkeys/options      ----- ----- --     +++++   -     4+1     2+0    0      200    no
    POST     /v1/auth/passkeys              ----- ----- --     +++++   -     5+20    2+0    2      400    no
    GET      /v1/auth/passkeys              ----- ----- --     +++++   -     4+0     2+0    0      200    no
    POST     /v1/auth/recovery-codes        ----- ----- --     +++++   -     4+12    2+0    1      200+1  no
    DELETE   /v1/auth/passkeys/{passkey_id} ----- ----- --     +++++   -     5+12    2+0    1      404    no
    GET      /v1/api-keys                   ---++ ---++ ++     +++++   -     5+0     4+1    0      200    no
    POST     /v1/api-keys                   ---++ ---++ ++     +++++   -     5+16    4+15   1      201    yes
    POST     /v1/api-keys/revoke            ----- ----- --     ---++   -     4+10    2+0    1      200    no
    GET      /v1/api-keys/{key_id}          ---++ ---++ ++     +++++   +     5+0     4+1    0      200    no
    PATCH    /v1/api-keys/{key_id}          ---++ ---++ ++     +++++   -     5+12    4+11   1      200    yes
    POST     /v1/api-keys/{key_id}/rotate   ---++ ---++ ++     +++++   +     5+12    4+11   1      200    yes
    POST     /v1/api-keys/{key_id}/simulate ---++ ---++ ++     +++++   +     5+0     4+1    0      200    no
    DELETE   /v1/api-keys/{key_id}          ---++ ---++ ++     +++++   +     4+10    3+11   1      204    yes
    GET      /v1/api-keys/{key_id}/usage    ---++ ---++ ++     +++++   +     5+0     4+1    0      200    no
    GET      /v1/projects                   +---+ +---+ ++     +---+   +     4+0     3+1    0      200    no
    POST     /v1/projects                   -+--+ -+--+ --     -+--+   -     3+6     2+7    1      201    yes
    GET      /v1/projects/{project_id}      +---+ +---+ +-     +---+   +     4+0     3+1    0      200    no
    PATCH    /v1/projects/{project_id}      -+--+ -+--+ +-     -+--+   -     4+6     3+7    1      200    no
    DELETE   /v1/projects/{project_id}      --+-+ --+-+ +-     --+-+   -     3+6     2+7    1      404    no
    GET      /v1/members                    ---++ ----- --     ---++   -     4+0     3+1    0      200    no
    POST     /v1/members                    ---++ ----- --     ---++   -     4+18    3+17   1      409    no
    POST     /v1/members/{user_id}/invite   ---++ ----- --     ---++   -     5+12    4+11   1      200+1  no
    GET      /v1/members/{user_id}          ---++ ----- --     ---++   -     4+0     3+1    0      200    no
    PATCH    /v1/members/{user_id}          ---++ ----- --     ---++   -     4+12    3+11   1      200    no
    DELETE   /v1/members/{user_id}          ---++ ----- --     ---++   -     4+16    3+15   1      404    no
    GET      /v1/members/{user_id}/sessions ---++ ----- --     ---++   -     6+0     5+1    0      200    no
    DELETE   /v1/members/{user_id}/sessions ---++ ----- --     ---++   -     4+12    3+11   1      204+1  no
    GET      /v1/account                    ---++ ----- --     +++++   -     4+0     3+1    0      200    no
    PATCH    /v1/account                    ----- ----- --     ---++   -     4+10    2+0    1      200    no
    GET      /v1/audit-events               ---++ ----- --     ---++   -     10+0    8+1    0      200    no
    POST     /v1/auth/logout                ----- ----- --     +++++   -     3+6     2+0    1      401    no
    GET      /v1/health                     -                           0+0     -      0      200    no
    GET      /v1/openapi.json               -                           0+0     -      0      200    no
    GET      /v1/credentials/patterns       -                           0+0     -      0      200    no
    POST     /v1/credentials/revoke         -                           1+10    -      1      202    no
    POST     /v1/auth/accept-invitation     -                           3+16    -      1      401    no
    POST     /v1/auth/login                 -                           6+11    -      0      200    no
    POST     /v1/auth/password-reset        -                           0+1     -      0      202    no
    POST     /v1/auth/password-reset/confirm -                          3+10    -      1      401    no
    POST     /v1/auth/login/options         -                           0+1     -      0      200    no
    POST     /v1/auth/login/passkey         -                           6+14    -      1      401    no
    POST     /v1/auth/login/second-factor   -                           10+17   -      1      401    no
    operator create_account                 -                           0+10    -      1      409    no
    operator suspend_account                -                           0+4     -      1      200    no
    operator restore_account                -                           0+4     -      1      200+1  no
    operator reset_password                 -                           4+4     -      1      200+1  no
    operator remove_second_factor           -                           4+12    -      2      200    no
    operator set_limits                     -                           1+4     -      1      200+1  no
    operator grant_admin                    -                           1+6     -      1      200    no
    operator invite_again                   -                           2+6     -      1      200+1  no
    operator end_all_credentials            -                           0+4     -      1      200+1  no
    operator set_policy                     -                           1+4     -      1      200    no
    operator enable_password                -                           1+4     -      1      200+1  no
    operator end_restored_credentials       -                           1+8     -      1      200    no
    operator export_account                 -                           12+0    -      0      200    no
    operator delete_account                 -                           1+0     -      0      200    no
    operator forget_member                  -                           -       -      1      200    no
";

/// The number of lines before the first row.
const HEADING_LINES: usize = 4;

/// A row of the operation table.
#[derive(Clone)]
pub struct Row {
    /// The HTTP method, or `operator` for a command.
    pub method: &'static str,
    /// The path in the template, with its parameters, or the name of a command.
    pub path: &'static str,
    /// The access columns without the spaces between them. `None` for a command or a route that needs no credential.
    pub access: Option<String>,
    /// The read and write units with a session and with a key, such as `3+1`.
    pub units: [Option<&'static str>; 2],
    pub events: usize,
    pub repeated_status: u16,
    /// The number of events that the repeated request writes.
    pub repeated_events: usize,
    pub faults_by_key: bool,
}

impl Row {
    fn parse(line: &'static str) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        let [method, path, access @ .., session, key, events, repeated, by_key] = &words[..] else {
            panic!("a row without all columns: {line}")
        };
        let (status, repeated_events) = repeated.split_once('+').unwrap_or((repeated, "0"));
        let number = |text: &str| text.parse().expect("a number");
        Self {
            method,
            path,
            access: (access != ["-"]).then(|| access.concat()),
            units: [*session, *key].map(|units| (units != "-").then_some(units)),
            events: number(events),
            repeated_status: status.parse().expect("a status"),
            repeated_events: number(repeated_events),
            faults_by_key: *by_key == "yes",
        }
    }

    /// Returns the method and path, or `operator` and the name of a command.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_command(&self) -> bool {
        self.method == "operator"
    }
}

/// Returns all rows, including those of the operator's commands. Each row of a `GET` route is followed by the same row with
/// the method `HEAD`, because each `GET` route also supports `HEAD`, with the same access and the same calls to the table.
pub fn rows() -> impl Iterator<Item = Row> {
    let rows = TABLE.lines().skip(HEADING_LINES).filter(|line| !line.trim().is_empty()).map(Row::parse);
    rows.flat_map(|row| {
        let head = with_head([(row.method, ())]).nth(1).map(|(method, ())| Row { method, ..row.clone() });
        [Some(row), head].into_iter().flatten()
    })
}

/// Adds the `HEAD` route of each `GET` route. The first field of a route is its method.
pub fn with_head<R: Copy>(
    routes: impl IntoIterator<Item = (&'static str, R)>,
) -> impl Iterator<Item = (&'static str, R)> {
    routes.into_iter().flat_map(|(method, route)| {
        let head = (method == "GET").then_some(("HEAD", route));
        [Some((method, route)), head].into_iter().flatten()
    })
}

/// Returns the row with this [name](Row::name).
pub fn row(name: &str) -> Row {
    rows().find(|row| row.name() == name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

/// Returns all routes of the API: method and path.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows().filter(|row| !row.is_command()).map(|row| (row.method, row.path))
}

/// Returns the routes that need no credential: method and path.
pub fn public_routes() -> Vec<(&'static str, &'static str)> {
    let public = operations().filter(|operation| operation.credentials == Credentials::None);
    let routes = public.map(|operation| operation.route.split_once(' ').expect("a method and a path"));
    let mut routes: Vec<_> = with_head(routes).collect();
    routes.sort_unstable();
    routes
}

/// Returns the paths of the operations that return a page of a list. The list of a member's sessions is that of `user_id`.
pub fn lists(user_id: &str) -> Vec<String> {
    let lists = operations()
        .filter(|operation| operation.parameters.iter().any(|parameter| parameter.name == "cursor"));
    let paths = lists.map(|operation| operation.route.split_once(' ').expect("a method and a path").1);
    paths.map(|path| path.replace("{user_id}", user_id)).collect()
}
