//! The operations of the API and the operator's commands, one row each, with what the tests expect of them. Tests of
//! routes, of growth and of faults read this table; a test compares it with `OPERATIONS` and with the template.

use gateway::functions::operations;
use shared::http::openapi::Credentials;

/// - Access: what the route does with each valid credential; `+` authorizes it, `-` is a 403. The columns are API keys and
///   sessions with one permission (`r`, `w`, `d`, `a`) or with all (`*`), keys with all permissions that are scoped to the
///   project in the path (`o`) or to another one (`f`), and the key with `read` alone that is itself in the path (`i`).
///   A route that needs no credential has `-` alone, and so has a command.
/// - Units: the read and write units that the operation consumes when it is requested by a session, or by the first
///   request of a minute of a key, which is a 403 where keys are not allowed. A command stands in the first column.
/// - Events: how many audit events the operation writes.
/// - Repeated: the status of the same request sent once more, as by a caller that lost the response, with the same
///   `Idempotency-Key` if it can have one. `+1` means that the repetition writes an event of its own.
/// - Key: whether faults are tried with a key too, since the authorizer does something else for a key.
///
/// The last route that needs a credential ends the session that it is called with.
const TABLE: &str = "
                                            access                      units          faults
                                            live  test  scoped session  session key    events repeated by
                                            rwda* rwda* of     rwda*   i                             key
    GET      /v1/auth/me                    +++++ +++++ ++     +++++   +     3+0     2+1    0      200    yes
    POST     /v1/auth/password              ----- ----- --     +++++   -     8+12    2+0    1      403+1  no
    GET      /v1/auth/sessions              ----- ----- --     +++++   -     4+0     2+0    0      200    no
    DELETE   /v1/auth/sessions/{session_id} ----- ----- --     +++++   -     3+1     2+0    0      404    no
    GET      /v1/api-keys                   ---++ ---++ ++     +++++   -     4+0     3+1    0      200    no
    POST     /v1/api-keys                   ---++ ---++ ++     +++++   -     3+10    2+9    1      201    yes
    GET      /v1/api-keys/{key_id}          ---++ ---++ ++     +++++   +     4+0     3+1    0      200    no
    POST     /v1/api-keys/{key_id}/rotate   ---++ ---++ ++     +++++   +     4+10    3+9    1      200    yes
    DELETE   /v1/api-keys/{key_id}          ---++ ---++ ++     +++++   +     4+4     3+5    1      204    yes
    GET      /v1/projects                   +---+ +---+ ++     +---+   +     4+0     3+1    0      200    no
    POST     /v1/projects                   -+--+ -+--+ --     -+--+   -     3+1     2+2    0      201    yes
    GET      /v1/projects/{project_id}      +---+ +---+ +-     +---+   +     4+0     3+1    0      200    no
    PATCH    /v1/projects/{project_id}      -+--+ -+--+ +-     -+--+   -     3+1     2+2    0      200    no
    DELETE   /v1/projects/{project_id}      --+-+ --+-+ +-     --+-+   -     3+1     2+2    0      404    no
    GET      /v1/members                    ---++ ----- --     ---++   -     4+0     3+1    0      200    no
    POST     /v1/members                    ---++ ----- --     ---++   -     3+12    2+11   1      409    no
    GET      /v1/members/{user_id}          ---++ ----- --     ---++   -     4+0     3+1    0      200    no
    PATCH    /v1/members/{user_id}          ---++ ----- --     ---++   -     4+10    3+9    1      200    no
    DELETE   /v1/members/{user_id}          ---++ ----- --     ---++   -     4+12    3+11   1      404    no
    GET      /v1/audit-events               ---++ ----- --     ---++   -     4+0     3+1    0      200    no
    POST     /v1/auth/logout                ----- ----- --     +++++   -     3+1     2+0    0      401    no
    GET      /v1/health                     -                           0+0     -      0      200    no
    GET      /v1/openapi.json               -                           0+0     -      0      200    no
    POST     /v1/auth/login                 -                           5+12    -      1      200+1  no
    operator create_account                 -                           0+8     -      1      409    no
    operator suspend_account                -                           0+4     -      1      200+1  no
    operator restore_account                -                           0+4     -      1      200+1  no
    operator set_limits                     -                           0+4     -      1      200+1  no
    operator enable_password                -                           1+4     -      1      200+1  no
";

/// How many lines precede the rows.
const HEADING_LINES: usize = 4;

/// What the tests expect of one operation.
pub struct Row {
    /// The method, or `operator` for a command.
    pub method: &'static str,
    /// The path as the template has it, or the name of a command.
    pub path: &'static str,
    /// The columns of access, without the spaces between them. None for a route that needs no credential.
    pub access: Option<String>,
    /// Read and write units by session and by key.
    pub units: [Option<&'static str>; 2],
    pub events: usize,
    pub repeated_status: u16,
    /// How many events the repetition writes.
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

    /// The method and path, or `operator` and the name of a command.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_command(&self) -> bool {
        self.method == "operator"
    }
}

/// All rows, those of the operator's commands included.
pub fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().skip(HEADING_LINES).filter(|line| !line.trim().is_empty()).map(Row::parse)
}

/// The row of an operation or a command.
pub fn row(name: &str) -> Row {
    rows().find(|row| row.name() == name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

/// All routes of the API: method and path.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows().filter(|row| !row.is_command()).map(|row| (row.method, row.path))
}

/// The routes that need no credential.
pub fn public_routes() -> Vec<(&'static str, &'static str)> {
    let public = operations().filter(|operation| operation.credentials == Credentials::None);
    let mut routes: Vec<_> =
        public.map(|operation| operation.route.split_once(' ').expect("a method and a path")).collect();
    routes.sort_unstable();
    routes
}

/// The paths of the operations that return a page of a list.
pub fn lists() -> Vec<&'static str> {
    let lists = operations()
        .filter(|operation| operation.parameters.iter().any(|parameter| parameter.name == "cursor"));
    lists.map(|operation| operation.route.split_once(' ').expect("a method and a path").1).collect()
}
