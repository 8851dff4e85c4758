//! The service as the contract describes it, where one operation follows the other: a reference model.
//!
//! It knows no HTTP, no table and no race, and shares no rule with the service. Things are named by their number, in
//! order of age; [`names`] knows what the service calls them.

pub mod names;
pub mod operation;
pub mod pair;

use std::collections::BTreeSet;

use shared::primitives::environment::Environment;

use crate::races::model::operation::{Operation, What};

/// A session ends so many seconds after its login.
const SESSION_LIFETIME: i64 = 12 * 60 * 60;
/// And so many after its last use.
const IDLE_LIFETIME: i64 = 60 * 60;
/// A use is written down where the last one was so many seconds ago.
const LAST_USE_PRECISION: i64 = 60;

/// All permissions, in the order in which answers have them.
pub const RIGHTS: [&str; 4] = ["read", "write", "delete", "admin"];

/// Some permissions.
pub type Rights = BTreeSet<&'static str>;

/// The projects that a key reaches, or all of them.
pub type Scope = Option<BTreeSet<usize>>;

/// All there is.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// How many seconds have passed.
    pub now: i64,
    pub accounts: Vec<Account>,
    pub members: Vec<Member>,
    pub sessions: Vec<Session>,
    pub keys: Vec<Key>,
    pub projects: Vec<Project>,
}

#[derive(Clone, Debug, Default)]
pub struct Account {
    pub suspended: bool,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub account: usize,
    pub rights: Rights,
    pub status: Status,
    /// Which of their passwords counts.
    pub password: u8,
    made: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    Removed,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub member: usize,
    made: i64,
    last_used: Option<i64>,
    state: SessionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionState {
    /// It counts until its age ends it.
    Open,
    /// A change of its member ended it. Its member may still name it.
    Dead,
    /// It was ended by name: there is nothing of it.
    Gone,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub account: usize,
    pub rights: Rights,
    pub environment: Environment,
    pub scope: Scope,
    expires_at: Option<i64>,
    pub revoked: bool,
    /// When each of its secrets ends, or `None` for never. The last one is the current one.
    pub secrets: Vec<Option<i64>>,
    made: i64,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub account: usize,
    pub environment: Environment,
    /// Which of its names it has.
    pub name: u8,
    /// Whether it is there, or was deleted, or never was.
    pub there: bool,
    made: i64,
}

/// A credential that was shown to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    Session(usize),
    /// A key, by the secret with this number.
    Key(usize, usize),
}

/// Who calls, once that is known.
struct Who {
    account: usize,
    rights: Rights,
    is: Is,
}

enum Is {
    Session { session: usize, member: usize },
    Key { key: usize, environment: Environment, scope: Scope },
}

impl Session {
    fn is_over(&self, now: i64) -> bool {
        self.state != SessionState::Open
            || now >= self.made + SESSION_LIFETIME
            || now >= self.last_used.unwrap_or(self.made) + IDLE_LIFETIME
    }
}

impl Key {
    fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    fn lets_in(&self, secret: usize, now: i64) -> bool {
        !self.revoked && !self.has_expired(now) && self.secrets[secret].is_none_or(|end| now < end)
    }
}

/// Whether `inner` reaches nothing that `outer` does not reach.
fn lies_within(inner: &Scope, outer: &Scope) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner.is_subset(outer),
    }
}

impl Who {
    fn has(&self, right: &str) -> bool {
        self.rights.contains(right)
    }

    fn is_session(&self) -> bool {
        matches!(self.is, Is::Session { .. })
    }

    /// Whether they may look after members.
    fn is_account_admin(&self) -> bool {
        self.has("admin")
            && match &self.is {
                Is::Session { .. } => true,
                Is::Key { environment, scope, .. } => *environment == Environment::Live && scope.is_none(),
            }
    }

    /// Whether they may look after keys, or are the key `named`.
    fn may_manage_keys(&self, named: Option<usize>) -> bool {
        match self.is {
            Is::Session { .. } => true,
            Is::Key { key, .. } => self.has("admin") || named == Some(key),
        }
    }

    fn is_key(&self, named: usize) -> bool {
        matches!(self.is, Is::Key { key, .. } if key == named)
    }

    /// Whether their projects are those of `environment`. A session chooses.
    fn sees(&self, environment: Environment) -> bool {
        match self.is {
            Is::Session { .. } => true,
            Is::Key { environment: own, .. } => own == environment,
        }
    }

    fn scope(&self) -> &Scope {
        match &self.is {
            Is::Session { .. } => &None,
            Is::Key { scope, .. } => scope,
        }
    }
}

impl Model {
    /// So many accounts, each with a first member who may do everything and is logged in, and with a project that is
    /// not there.
    pub fn begun(accounts: usize) -> Self {
        let mut model = Self::default();
        for account in 0..accounts {
            model.accounts.push(Account::default());
            model.members.push(Member {
                account,
                rights: RIGHTS.into(),
                status: Status::Active,
                password: 0,
                made: 0,
            });
            model.open_session(account);
            model.projects.push(Project {
                account,
                environment: Environment::Live,
                name: 0,
                there: false,
                made: 0,
            });
        }
        model
    }

    /// Every credential that was ever shown.
    pub fn callers(&self) -> Vec<Caller> {
        let sessions = (0..self.sessions.len()).map(Caller::Session);
        let secrets = |key: usize| (0..self.keys[key].secrets.len()).map(move |n| Caller::Key(key, n));
        sessions.chain((0..self.keys.len()).flat_map(secrets)).collect()
    }

    /// Whether a credential is valid.
    pub fn knows(&self, by: Caller) -> bool {
        self.who(by).is_some()
    }

    /// The account of a credential.
    pub fn account_of(&self, by: Caller) -> usize {
        match by {
            Caller::Session(session) => self.members[self.sessions[session].member].account,
            Caller::Key(key, _) => self.keys[key].account,
        }
    }

    /// What shows all that a credential is let into, and changes nothing where that is as the model has it.
    pub fn probes(&self, by: Caller) -> Vec<Operation> {
        let show = |what| Operation::Show { by, what };
        let mut probes: Vec<_> = [What::Me, What::Sessions, What::Keys, What::Members, What::Events]
            .into_iter()
            .chain(Environment::ALL.map(What::Projects))
            .map(show)
            .collect();
        if !self.knows(by) {
            return probes;
        }
        for (key, of) in self.keys.iter().enumerate() {
            probes.push(show(What::Key(key)));
            if of.revoked {
                probes.push(Operation::RevokeKey { by, key });
            }
        }
        for member in 0..self.members.len() {
            probes.push(show(What::Member(member)));
            probes.push(Operation::ChangeMember { by, member, rights: None, suspended: None });
        }
        for (project, of) in self.projects.iter().enumerate() {
            let (environment, name) = (of.environment, of.name);
            probes.push(show(What::Project(project, environment)));
            probes.push(Operation::RenameProject { by, project, environment, name });
            if !of.there {
                probes.push(Operation::DeleteProject { by, project, environment });
            }
        }
        probes
    }

    fn open_session(&mut self, member: usize) {
        let state = SessionState::Open;
        self.sessions.push(Session { member, made: self.now, last_used: None, state });
    }

    /// Ends the sessions of a member, but for one.
    fn end_sessions(&mut self, of: usize, but: Option<usize>) {
        for (n, session) in self.sessions.iter_mut().enumerate() {
            if session.member == of && session.state == SessionState::Open && Some(n) != but {
                session.state = SessionState::Dead;
            }
        }
    }

    fn who(&self, by: Caller) -> Option<Who> {
        match by {
            Caller::Session(n) => {
                let session = &self.sessions[n];
                let member = &self.members[session.member];
                let is = Is::Session { session: n, member: session.member };
                let who = Who { account: member.account, rights: member.rights.clone(), is };
                (!session.is_over(self.now) && member.status == Status::Active).then_some(who)
            }
            Caller::Key(n, secret) => {
                let key = &self.keys[n];
                let is = Is::Key { key: n, environment: key.environment, scope: key.scope.clone() };
                let who = Who { account: key.account, rights: key.rights.clone(), is };
                key.lets_in(secret, self.now).then_some(who)
            }
        }
    }

    /// Lets a credential in where it is valid, its account is not suspended and it `may`; else says with which status it
    /// is turned away.
    fn admit(&mut self, by: Caller, may: impl FnOnce(&Who) -> bool) -> Result<Who, u16> {
        let who = self.who(by).ok_or(401_u16)?;
        if self.accounts[who.account].suspended || !may(&who) {
            return Err(403);
        }
        if let Is::Session { session, .. } = who.is {
            let session = &mut self.sessions[session];
            if session.last_used.is_none_or(|last| self.now >= last + LAST_USE_PRECISION) {
                session.last_used = Some(self.now);
            }
        }
        Ok(who)
    }

    /// Whether a key is there for somebody.
    fn reaches(&self, who: &Who, key: usize) -> bool {
        let of = &self.keys[key];
        of.account == who.account
            && match &who.is {
                Is::Session { .. } => true,
                Is::Key { key: own, environment, scope } => {
                    *own == key
                        || (who.has("admin")
                            && *environment == of.environment
                            && lies_within(&of.scope, scope))
                }
            }
    }

    /// How many members of an account are active and have `admin`.
    fn active_admins(&self, account: usize) -> usize {
        self.members.iter().filter(|member| member.account == account && member.is_active_admin()).count()
    }
}

impl Member {
    fn is_active_admin(&self) -> bool {
        self.status == Status::Active && self.rights.contains("admin")
    }
}
