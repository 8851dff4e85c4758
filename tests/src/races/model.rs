//! A reference model of the service: it applies operations in sequence, as the API contract describes them.
//!
//! The model has no HTTP, no table and no concurrency, and shares no code for its rules with the service. Entities are numbered
//! in the order of their creation. A [`mapping`] translates these numbers to the ids and credentials of the service.

pub mod comparison;
pub mod mapping;
pub mod operation;

use std::collections::BTreeSet;

use shared::primitives::environment::Environment;

use crate::races::model::operation::{KeyChange, Operation, Resource};

/// The time from the login to the end of a session, in seconds.
const SESSION_LIFETIME: i64 = 12 * 60 * 60;
/// How long after a login a session may make sensitive changes, in seconds.
const RECENT: i64 = 15 * 60;
/// The time from the last recorded use to the end of a session, in seconds.
const IDLE_LIFETIME: i64 = 60 * 60;
/// The minimum time between two recorded uses of a session, in seconds.
const LAST_USE_PRECISION: i64 = 60;

/// All permissions, in the order of responses.
pub const ALL_PERMISSIONS: [&str; 4] = ["read", "write", "delete", "admin"];

/// The address from which the tests send requests, and another one, in the order of responses.
pub const ADDRESSES: [&str; 2] = ["127.0.0.1", "192.0.2.1"];

pub type Permissions = BTreeSet<&'static str>;

/// The projects of a key, or `None` for all projects.
pub type Scope = Option<BTreeSet<usize>>;

/// Those of the [`ADDRESSES`] from which a key may be used, or `None` for every address.
pub type AllowedIps = Option<BTreeSet<&'static str>>;

/// The state of the modeled service.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// In seconds since the model was created, as all times of the model.
    pub now: i64,
    pub accounts: Vec<Account>,
    pub members: Vec<Member>,
    pub sessions: Vec<Session>,
    pub keys: Vec<Key>,
    pub projects: Vec<Project>,
    key_events: Vec<KeyEvent>,
}

#[derive(Clone, Debug, Default)]
pub struct Account {
    pub suspended: bool,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub account: usize,
    pub permissions: Permissions,
    pub status: Status,
    /// The number of the current password.
    pub password: u8,
    /// Whether the member has accepted the invitation.
    pub has_accepted: bool,
    /// Whether the member's invitation is valid.
    is_invitation_valid: bool,
    created_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Invited,
    Active,
    Suspended,
    Removed,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub member: usize,
    created_at: i64,
    last_used_at: Option<i64>,
    /// True if a logout, a `DELETE` request or a change of the member or the account has ended the session.
    was_ended: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub account: usize,
    /// The number of the current name.
    pub name: u8,
    pub permissions: Permissions,
    pub environment: Environment,
    pub scope: Scope,
    pub allowed_ips: AllowedIps,
    expires_at: Option<i64>,
    disabled_by: Option<DisabledBy>,
    pub revoked: bool,
    /// The end of the grace period of each secret that the key has had. It is `None` for the last secret, which is the
    /// current one.
    pub secrets: Vec<Option<i64>>,
    created_at: i64,
    created_by: Creator,
}

/// Who disabled a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DisabledBy {
    /// A session with `admin`.
    AdminSession,
    /// Another session, or a key.
    Other,
}

/// The member or the key that created a key, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Creator {
    Member(usize),
    Key(usize),
}

/// An event in the audit trail that records a change of a key.
#[derive(Clone, Copy, Debug)]
struct KeyEvent {
    name: &'static str,
    key: usize,
    by: Creator,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub account: usize,
    pub environment: Environment,
    /// The number of the current name.
    pub name: u8,
    /// False if the project was deleted or was never created.
    pub exists: bool,
    created_at: i64,
}

/// A credential that the service has issued, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    Session(usize),
    /// A key and one of its secrets.
    Key(usize, usize),
}

/// The caller of an authenticated request.
struct Principal {
    account: usize,
    permissions: Permissions,
    kind: PrincipalKind,
}

enum PrincipalKind {
    Session {
        session: usize,
        member: usize,
    },
    Key {
        key: usize,
        environment: Environment,
        scope: Scope,
        allowed_ips: AllowedIps,
        expires_at: Option<i64>,
    },
}

impl Session {
    /// Returns true if the session has authenticated recently enough for sensitive operations. The login was its authentication.
    fn is_recent(&self, now: i64) -> bool {
        now < self.created_at + RECENT
    }

    fn has_ended(&self, now: i64) -> bool {
        self.was_ended
            || now >= self.created_at + SESSION_LIFETIME
            || now >= self.last_used_at.unwrap_or(self.created_at) + IDLE_LIFETIME
    }
}

impl Key {
    fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    fn accepts(&self, secret: usize, now: i64) -> bool {
        let has_ended = self.revoked || self.has_expired(now) || self.disabled_by.is_some();
        !has_ended && self.secrets[secret].is_none_or(|end| now < end)
    }
}

/// Returns true if `outer` contains all projects or addresses of `inner`. `None` contains all.
fn is_within<T: Ord>(inner: Option<&BTreeSet<T>>, outer: Option<&BTreeSet<T>>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner.is_subset(outer),
    }
}

impl Principal {
    fn has(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    fn is_session(&self) -> bool {
        matches!(self.kind, PrincipalKind::Session { .. })
    }

    /// Returns true if the caller may send requests from the address of the tests.
    fn is_at_allowed_address(&self) -> bool {
        self.allowed_ips().as_ref().is_none_or(|allowed| allowed.contains(ADDRESSES[0]))
    }

    /// Returns true if the caller may manage members.
    fn is_account_admin(&self) -> bool {
        self.has("admin")
            && match &self.kind {
                PrincipalKind::Session { .. } => true,
                PrincipalKind::Key { environment, scope, .. } => {
                    *environment == Environment::Live && scope.is_none()
                }
            }
    }

    /// Returns true if the caller may invite or remove a member with these permissions.
    fn may_manage_member(&self, permissions: &Permissions) -> bool {
        permissions.is_subset(&self.permissions) && (self.is_session() || !permissions.contains("admin"))
    }

    /// Returns true if the caller may manage keys, or is the key that the path names.
    fn may_manage_keys(&self, key_in_path: Option<usize>) -> bool {
        match self.kind {
            PrincipalKind::Session { .. } => true,
            PrincipalKind::Key { key, .. } => self.has("admin") || key_in_path == Some(key),
        }
    }

    fn is_key(&self, number: usize) -> bool {
        matches!(self.kind, PrincipalKind::Key { key, .. } if key == number)
    }

    /// Returns true if the caller may access projects of this environment. A session may access both.
    fn can_use(&self, environment: Environment) -> bool {
        match self.kind {
            PrincipalKind::Session { .. } => true,
            PrincipalKind::Key { environment: own, .. } => own == environment,
        }
    }

    fn scope(&self) -> &Scope {
        match &self.kind {
            PrincipalKind::Session { .. } => &None,
            PrincipalKind::Key { scope, .. } => scope,
        }
    }

    fn allowed_ips(&self) -> &AllowedIps {
        match &self.kind {
            PrincipalKind::Session { .. } => &None,
            PrincipalKind::Key { allowed_ips, .. } => allowed_ips,
        }
    }

    fn as_creator(&self) -> Creator {
        match self.kind {
            PrincipalKind::Session { member, .. } => Creator::Member(member),
            PrincipalKind::Key { key, .. } => Creator::Key(key),
        }
    }
}

impl Model {
    /// Creates accounts. Each has a first member with all permissions and a session, and a project that does not exist.
    pub fn with_accounts(accounts: usize) -> Self {
        let mut model = Self::default();
        for account in 0..accounts {
            model.accounts.push(Account::default());
            model.members.push(Member {
                account,
                permissions: ALL_PERMISSIONS.into(),
                status: Status::Active,
                password: 0,
                has_accepted: true,
                is_invitation_valid: false,
                created_at: 0,
            });
            model.open_session(account);
            model.projects.push(Project {
                account,
                environment: Environment::Live,
                name: 0,
                exists: false,
                created_at: 0,
            });
        }
        model
    }

    /// Returns every credential that was issued, including those that are no longer valid.
    pub fn callers(&self) -> Vec<Caller> {
        let sessions = (0..self.sessions.len()).map(Caller::Session);
        let secrets = |key: usize| (0..self.keys[key].secrets.len()).map(move |n| Caller::Key(key, n));
        sessions.chain((0..self.keys.len()).flat_map(secrets)).collect()
    }

    /// Returns true if the credential is valid and may be used from the address of the tests.
    pub fn is_valid(&self, by: Caller) -> bool {
        self.principal(by).is_some_and(|principal| principal.is_at_allowed_address())
    }

    /// Returns the number of the account that a credential belongs to.
    pub fn account_of(&self, by: Caller) -> usize {
        match by {
            Caller::Session(session) => self.members[self.sessions[session].member].account,
            Caller::Key(key, _) => self.keys[key].account,
        }
    }

    /// Returns operations whose responses show everything that a credential is authorized to do. If the service conforms to the
    /// model, they change nothing.
    pub fn probes(&self, by: Caller) -> Vec<Operation> {
        let read = |resource| Operation::Read { by, resource };
        let mut probes: Vec<_> =
            [Resource::Me, Resource::Sessions, Resource::Keys, Resource::Members, Resource::Events]
                .into_iter()
                .chain(Environment::ALL.map(Resource::Projects))
                .map(read)
                .collect();
        if !self.is_valid(by) {
            return probes;
        }
        for (n, key) in self.keys.iter().enumerate() {
            let same_name = KeyChange { name: Some(key.name), ..KeyChange::default() };
            probes.push(read(Resource::Key(n)));
            probes.push(read(Resource::KeyEvents(n)));
            probes.push(Operation::ChangeKey { by, key: n, change: same_name });
            if key.revoked {
                probes.push(Operation::RevokeKey { by, key: n });
            }
        }
        for member in 0..self.members.len() {
            probes.push(read(Resource::Member(member)));
            probes.push(read(Resource::MemberSessions(member)));
            probes.push(Operation::ChangeMember { by, member, permissions: None, suspended: None });
        }
        for (n, project) in self.projects.iter().enumerate() {
            let (environment, name) = (project.environment, project.name);
            probes.push(read(Resource::Project(n, environment)));
            probes.push(Operation::RenameProject { by, project: n, environment, name });
            if !project.exists {
                probes.push(Operation::DeleteProject { by, project: n, environment });
            }
        }
        probes
    }

    fn open_session(&mut self, member: usize) {
        self.sessions.push(Session { member, created_at: self.now, last_used_at: None, was_ended: false });
    }

    /// Ends the sessions of a member, except for one if it is given.
    fn end_sessions(&mut self, member: usize, except: Option<usize>) {
        for (n, session) in self.sessions.iter_mut().enumerate() {
            session.was_ended |= session.member == member && Some(n) != except;
        }
    }

    /// Returns the caller if the credential is valid.
    fn principal(&self, by: Caller) -> Option<Principal> {
        match by {
            Caller::Session(n) => {
                let session = &self.sessions[n];
                let member = &self.members[session.member];
                let kind = PrincipalKind::Session { session: n, member: session.member };
                let principal =
                    Principal { account: member.account, permissions: member.permissions.clone(), kind };
                (!session.has_ended(self.now) && member.status == Status::Active).then_some(principal)
            }
            Caller::Key(n, secret) => {
                let key = &self.keys[n];
                let kind = PrincipalKind::Key {
                    key: n,
                    environment: key.environment,
                    scope: key.scope.clone(),
                    allowed_ips: key.allowed_ips.clone(),
                    expires_at: key.expires_at,
                };
                let principal =
                    Principal { account: key.account, permissions: key.permissions.clone(), kind };
                key.accepts(secret, self.now).then_some(principal)
            }
        }
    }

    /// Authorizes a request if its credential is valid and may be used from the address of the tests, the account is not
    /// suspended, and `is_allowed` returns true. Records the use of a session. Returns the status of the response if it denies
    /// the request.
    fn authorize(
        &mut self,
        by: Caller,
        is_allowed: impl FnOnce(&Principal) -> bool,
    ) -> Result<Principal, u16> {
        let principal = self.principal(by).ok_or(401_u16)?;
        let is_suspended = self.accounts[principal.account].suspended;
        if !principal.is_at_allowed_address() || is_suspended || !is_allowed(&principal) {
            return Err(403);
        }
        if let PrincipalKind::Session { session, .. } = principal.kind {
            let session = &mut self.sessions[session];
            if session.last_used_at.is_none_or(|last| self.now >= last + LAST_USE_PRECISION) {
                session.last_used_at = Some(self.now);
            }
        }
        Ok(principal)
    }

    /// Returns the status of the response if a sensitive operation is denied because the session's authentication is too long ago.
    fn require_recent_authentication(&self, principal: &Principal) -> Result<(), u16> {
        match principal.kind {
            PrincipalKind::Session { session, .. } if !self.sessions[session].is_recent(self.now) => Err(403),
            _ => Ok(()),
        }
    }

    /// Returns true if the key exists for the caller.
    fn reaches(&self, principal: &Principal, number: usize) -> bool {
        let key = &self.keys[number];
        key.account == principal.account
            && match &principal.kind {
                PrincipalKind::Session { .. } => true,
                PrincipalKind::Key { key: own, environment, scope, allowed_ips, .. } => {
                    *own == number
                        || (principal.has("admin")
                            && *environment == key.environment
                            && is_within(key.scope.as_ref(), scope.as_ref())
                            && is_within(key.allowed_ips.as_ref(), allowed_ips.as_ref()))
                }
            }
    }

    /// Returns the number of active members of an account who have all of these permissions.
    fn active_members_with(&self, account: usize, permissions: &[&'static str]) -> usize {
        self.members
            .iter()
            .filter(|member| member.account == account && member.is_active_with(permissions))
            .count()
    }
}

impl Member {
    fn is_active_with(&self, permissions: &[&'static str]) -> bool {
        self.status == Status::Active
            && permissions.iter().all(|permission| self.permissions.contains(permission))
    }
}
