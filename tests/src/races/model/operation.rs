//! What can be asked of the service, and what the contract says that comes of it.

use shared::primitives::environment::Environment;

use crate::races::model::{
    Account, Caller, Is, Key, Member, Model, Project, Rights, Scope, SessionState, Status, Who, lies_within,
};

/// One request, or one command of the operator.
#[derive(Clone, Debug)]
pub enum Operation {
    LogIn {
        member: usize,
        password: u8,
    },
    LogOut {
        by: Caller,
    },
    EndSession {
        by: Caller,
        session: usize,
    },
    ChangePassword {
        by: Caller,
        current: u8,
        new: u8,
    },
    CreateKey {
        by: Caller,
        rights: Rights,
        environment: Environment,
        scope: Scope,
        /// For how many seconds it lives, where not for good.
        lives: Option<i64>,
    },
    RotateKey {
        by: Caller,
        key: usize,
        grace: i64,
    },
    RevokeKey {
        by: Caller,
        key: usize,
    },
    CreateMember {
        by: Caller,
        rights: Rights,
    },
    ChangeMember {
        by: Caller,
        member: usize,
        rights: Option<Rights>,
        suspended: Option<bool>,
    },
    RemoveMember {
        by: Caller,
        member: usize,
    },
    CreateProject {
        by: Caller,
        environment: Environment,
    },
    RenameProject {
        by: Caller,
        project: usize,
        environment: Environment,
        name: u8,
    },
    DeleteProject {
        by: Caller,
        project: usize,
        environment: Environment,
    },
    Show {
        by: Caller,
        what: What,
    },
    SuspendAccount {
        account: usize,
    },
    RestoreAccount {
        account: usize,
    },
}

/// What can be read.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Me,
    Sessions,
    Keys,
    Key(usize),
    Members,
    Member(usize),
    Projects(Environment),
    Project(usize, Environment),
    Events,
}

/// What comes of an operation.
#[derive(Debug)]
pub struct Outcome {
    pub status: u16,
    pub shows: Shows,
}

/// What an answer shows of what there is.
#[derive(Debug)]
pub enum Shows {
    /// Nothing that the model knows.
    Nothing,
    One(Thing),
    All(Vec<Thing>),
}

#[derive(Clone, Copy, Debug)]
pub enum Thing {
    Me(Caller),
    Key(usize),
    /// A key, and when the secret ends that was its current one.
    RotatedKey(usize),
    Member(usize),
    Project(usize),
    /// A session, and the one that it is seen from.
    Session(usize, usize),
}

impl Outcome {
    fn done(status: u16) -> Self {
        Self { status, shows: Shows::Nothing }
    }

    fn one(status: u16, thing: Thing) -> Self {
        Self { status, shows: Shows::One(thing) }
    }

    /// Whether the model knows what the answer shows.
    pub fn shows_something(&self) -> bool {
        !matches!(self.shows, Shows::Nothing)
    }
}

impl Operation {
    /// Whether all is there that it names.
    pub fn makes_sense(&self, model: &Model) -> bool {
        let by = |by: Caller| match by {
            Caller::Session(session) => session < model.sessions.len(),
            Caller::Key(key, secret) => model.keys.get(key).is_some_and(|key| secret < key.secrets.len()),
        };
        let in_scope = |scope: &Scope| scope.iter().flatten().all(|project| *project < model.projects.len());
        match self {
            Self::LogIn { member, .. } => *member < model.members.len(),
            Self::LogOut { by: caller }
            | Self::ChangePassword { by: caller, .. }
            | Self::CreateMember { by: caller, .. }
            | Self::CreateProject { by: caller, .. } => by(*caller),
            Self::EndSession { by: caller, session } => by(*caller) && *session < model.sessions.len(),
            Self::CreateKey { by: caller, scope, .. } => by(*caller) && in_scope(scope),
            Self::RotateKey { by: caller, key, .. } | Self::RevokeKey { by: caller, key } => {
                by(*caller) && *key < model.keys.len()
            }
            Self::ChangeMember { by: caller, member, .. } | Self::RemoveMember { by: caller, member } => {
                by(*caller) && *member < model.members.len()
            }
            Self::RenameProject { by: caller, project, .. }
            | Self::DeleteProject { by: caller, project, .. } => {
                by(*caller) && *project < model.projects.len()
            }
            Self::Show { by: caller, what } => {
                by(*caller)
                    && match what {
                        What::Key(key) => *key < model.keys.len(),
                        What::Member(member) => *member < model.members.len(),
                        What::Project(project, _) => *project < model.projects.len(),
                        _ => true,
                    }
            }
            Self::SuspendAccount { account } | Self::RestoreAccount { account } => {
                *account < model.accounts.len()
            }
        }
    }
}

impl Model {
    /// Does what `operation` asks for, if it may be.
    pub fn apply(&mut self, operation: &Operation) -> Outcome {
        self.perform(operation).unwrap_or_else(Outcome::done)
    }

    /// The same, where an error is the status of a refusal.
    fn perform(&mut self, operation: &Operation) -> Result<Outcome, u16> {
        match operation {
            Operation::LogIn { member, password } => self.log_in(*member, *password),
            Operation::LogOut { by } => {
                let Is::Session { session, .. } = self.admit(*by, Who::is_session)?.is else {
                    return Err(403);
                };
                self.sessions[session].state = SessionState::Gone;
                Ok(Outcome::done(204))
            }
            Operation::EndSession { by, session } => self.end_session(*by, *session),
            Operation::ChangePassword { by, current, new } => self.change_password(*by, *current, *new),
            Operation::CreateKey { by, rights, environment, scope, lives } => {
                self.create_key(*by, rights, *environment, scope, *lives)
            }
            Operation::RotateKey { by, key, grace } => self.rotate_key(*by, *key, *grace),
            Operation::RevokeKey { by, key } => {
                let who = self.admit(*by, |who| who.may_manage_keys(Some(*key)))?;
                if !self.reaches(&who, *key) {
                    return Err(404);
                }
                self.keys[*key].revoked = true;
                Ok(Outcome::done(204))
            }
            Operation::CreateMember { by, rights } => {
                let who = self.admit(*by, Who::is_account_admin)?;
                if !rights.is_subset(&who.rights) {
                    return Err(403);
                }
                let (account, rights) = (who.account, rights.clone());
                let (status, made) = (Status::Active, self.now);
                self.members.push(Member { account, rights, status, password: 0, made });
                Ok(Outcome::one(201, Thing::Member(self.members.len() - 1)))
            }
            Operation::ChangeMember { by, member, rights, suspended } => {
                self.change_member(*by, *member, rights.as_ref(), *suspended)
            }
            Operation::RemoveMember { by, member } => {
                let who = self.admit(*by, Who::is_account_admin)?;
                let mut after = self.member_of(&who, *member)?.clone();
                after.status = Status::Removed;
                self.replace_member(*member, after)?;
                Ok(Outcome::done(204))
            }
            Operation::CreateProject { by, environment } => {
                let may = |who: &Who| who.has("write") && who.sees(*environment) && who.scope().is_none();
                let Who { account, .. } = self.admit(*by, may)?;
                let (environment, made) = (*environment, self.now);
                self.projects.push(Project { account, environment, name: 0, there: true, made });
                Ok(Outcome::one(201, Thing::Project(self.projects.len() - 1)))
            }
            Operation::RenameProject { by, project, environment, name } => {
                let renamed = self.reach_project(*by, "write", *project, *environment)?;
                renamed.name = *name;
                Ok(Outcome::one(200, Thing::Project(*project)))
            }
            Operation::DeleteProject { by, project, environment } => {
                self.reach_project(*by, "delete", *project, *environment)?.there = false;
                Ok(Outcome::done(204))
            }
            Operation::Show { by, what } => self.show(*by, *what),
            Operation::SuspendAccount { account } => Ok(self.suspend(*account, true)),
            Operation::RestoreAccount { account } => Ok(self.suspend(*account, false)),
        }
    }

    fn suspend(&mut self, account: usize, suspended: bool) -> Outcome {
        self.accounts[account] = Account { suspended };
        Outcome::done(200)
    }

    fn log_in(&mut self, member: usize, password: u8) -> Result<Outcome, u16> {
        let of = &self.members[member];
        if of.status == Status::Removed || of.password != password {
            return Err(401);
        }
        if of.status == Status::Suspended || self.accounts[of.account].suspended {
            return Err(403);
        }
        self.open_session(member);
        Ok(Outcome::done(200))
    }

    fn end_session(&mut self, by: Caller, session: usize) -> Result<Outcome, u16> {
        let Is::Session { member, .. } = self.admit(by, Who::is_session)?.is else { return Err(403) };
        let ended = &mut self.sessions[session];
        if ended.member != member || ended.state == SessionState::Gone {
            return Err(404);
        }
        ended.state = SessionState::Gone;
        Ok(Outcome::done(204))
    }

    fn change_password(&mut self, by: Caller, current: u8, new: u8) -> Result<Outcome, u16> {
        let Is::Session { session, member } = self.admit(by, Who::is_session)?.is else { return Err(403) };
        if self.members[member].password != current {
            return Err(403);
        }
        self.members[member].password = new;
        self.end_sessions(member, Some(session));
        Ok(Outcome::done(204))
    }

    fn create_key(
        &mut self,
        by: Caller,
        rights: &Rights,
        environment: Environment,
        scope: &Scope,
        lives: Option<i64>,
    ) -> Result<Outcome, u16> {
        let who = self.admit(by, |who| who.may_manage_keys(None))?;
        let within = match &who.is {
            Is::Session { .. } => true,
            Is::Key { environment: own, scope: outer, .. } => {
                lies_within(scope, outer) && (*own == Environment::Live || environment == Environment::Test)
            }
        };
        if !rights.is_subset(&who.rights) || !within {
            return Err(403);
        }
        self.keys.push(Key {
            account: who.account,
            rights: rights.clone(),
            environment,
            scope: scope.clone(),
            expires_at: lives.map(|seconds| self.now + seconds),
            revoked: false,
            secrets: vec![None],
            made: self.now,
        });
        Ok(Outcome::one(201, Thing::Key(self.keys.len() - 1)))
    }

    fn rotate_key(&mut self, by: Caller, key: usize, grace: i64) -> Result<Outcome, u16> {
        let who = self.admit(by, |who| who.may_manage_keys(Some(key)))?;
        if !self.reaches(&who, key) {
            return Err(404);
        }
        let now = self.now;
        let rotated = &mut self.keys[key];
        if !who.is_key(key) && !rotated.rights.is_subset(&who.rights) {
            return Err(403);
        }
        if rotated.revoked || rotated.has_expired(now) {
            return Err(409);
        }
        let end = (now + grace).min(rotated.expires_at.unwrap_or(i64::MAX));
        // A third secret ends the first at once.
        for secret in &mut rotated.secrets {
            *secret = Some(secret.map_or(end, |earlier| earlier.min(now)));
        }
        rotated.secrets.push(None);
        Ok(Outcome::one(200, Thing::RotatedKey(key)))
    }

    fn change_member(
        &mut self,
        by: Caller,
        member: usize,
        rights: Option<&Rights>,
        suspended: Option<bool>,
    ) -> Result<Outcome, u16> {
        let who = self.admit(by, Who::is_account_admin)?;
        let before = self.member_of(&who, member)?;
        let mut after = before.clone();
        if let Some(rights) = rights {
            after.rights.clone_from(rights);
        }
        if let Some(suspended) = suspended {
            after.status = if suspended { Status::Suspended } else { Status::Active };
        }
        let wakes = before.status == Status::Suspended && after.status == Status::Active;
        let held = if wakes { Rights::new() } else { before.rights.clone() };
        if !(&after.rights - &held).is_subset(&who.rights) {
            return Err(403);
        }
        self.replace_member(member, after)?;
        Ok(Outcome::one(200, Thing::Member(member)))
    }

    /// The member that somebody names, where there is one for them.
    fn member_of(&self, who: &Who, member: usize) -> Result<&Member, u16> {
        let named = &self.members[member];
        let there = named.account == who.account && named.status != Status::Removed;
        there.then_some(named).ok_or(404)
    }

    /// Puts `after` in the place of a member, unless no active admin would be left. Who is active no more has no
    /// sessions.
    fn replace_member(&mut self, member: usize, after: Member) -> Result<(), u16> {
        let before = &self.members[member];
        let falls = before.is_active_admin() && !after.is_active_admin();
        if falls && self.active_admins(before.account) == 1 {
            return Err(409);
        }
        if after.status != Status::Active {
            self.end_sessions(member, None);
        }
        self.members[member] = after;
        Ok(())
    }

    /// The project that somebody names in an environment, where they have `right` over it and it is there.
    fn reach_project(
        &mut self,
        by: Caller,
        right: &str,
        project: usize,
        environment: Environment,
    ) -> Result<&mut Project, u16> {
        let may = |who: &Who| {
            let scope = who.scope().as_ref();
            who.has(right) && who.sees(environment) && scope.is_none_or(|scope| scope.contains(&project))
        };
        let who = self.admit(by, may)?;
        let named = &mut self.projects[project];
        let there = named.account == who.account && named.environment == environment && named.there;
        if there { Ok(named) } else { Err(404) }
    }

    fn show(&mut self, by: Caller, what: What) -> Result<Outcome, u16> {
        let may = |who: &Who| match what {
            // A project is asked for below, as for all that is done to one.
            What::Me | What::Project(..) => true,
            What::Sessions => who.is_session(),
            What::Keys => who.may_manage_keys(None),
            What::Key(key) => who.may_manage_keys(Some(key)),
            What::Members | What::Member(_) | What::Events => who.is_account_admin(),
            What::Projects(environment) => who.has("read") && who.sees(environment),
        };
        if let What::Project(project, environment) = what {
            self.reach_project(by, "read", project, environment)?;
            return Ok(Outcome::one(200, Thing::Project(project)));
        }
        let who = self.admit(by, may)?;
        let all = match what {
            What::Me => return Ok(Outcome::one(200, Thing::Me(by))),
            What::Events => return Ok(Outcome::done(200)),
            What::Key(key) if self.reaches(&who, key) => return Ok(Outcome::one(200, Thing::Key(key))),
            What::Key(_) | What::Project(..) => return Err(404),
            What::Member(member) => {
                self.member_of(&who, member)?;
                return Ok(Outcome::one(200, Thing::Member(member)));
            }
            What::Sessions => self.sessions_of(&who),
            What::Keys => {
                (0..self.keys.len()).filter(|key| self.reaches(&who, *key)).map(Thing::Key).collect()
            }
            What::Members => {
                let there = |member: &usize| self.member_of(&who, *member).is_ok();
                (0..self.members.len()).filter(there).map(Thing::Member).collect()
            }
            What::Projects(environment) => {
                let there = |project: &usize| {
                    let of = &self.projects[*project];
                    let in_scope = who.scope().as_ref().is_none_or(|scope| scope.contains(project));
                    of.account == who.account && of.environment == environment && of.there && in_scope
                };
                (0..self.projects.len()).filter(there).map(Thing::Project).collect()
            }
        };
        Ok(Outcome { status: 200, shows: Shows::All(all) })
    }

    fn sessions_of(&self, who: &Who) -> Vec<Thing> {
        let Is::Session { session: current, member } = who.is else { return Vec::new() };
        let own = |n: &usize| self.sessions[*n].member == member && !self.sessions[*n].is_over(self.now);
        (0..self.sessions.len()).filter(own).map(|session| Thing::Session(session, current)).collect()
    }
}
