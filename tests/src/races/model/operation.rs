//! The operations of the service, and their results in the model.

use std::collections::BTreeSet;

use shared::primitives::environment::Environment;

use crate::races::model::{
    ADDRESSES, ALL_PERMISSIONS, Account, AllowedIps, Caller, Creator, DisabledBy, Key, KeyEvent, Member,
    Model, Permissions, Principal, PrincipalKind, Project, Scope, Status, is_within,
};

/// A request or a command of the operator. Entities are referred to by number.
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
    EndOtherSessions {
        by: Caller,
    },
    EndMemberSessions {
        by: Caller,
        member: usize,
    },
    ChangePassword {
        by: Caller,
        current: u8,
        new: u8,
    },
    CreateKey {
        by: Caller,
        permissions: Permissions,
        environment: Environment,
        scope: Scope,
        allowed_ips: AllowedIps,
        /// In seconds. `None` for a key that never expires.
        lifetime: Option<i64>,
    },
    ChangeKey {
        by: Caller,
        key: usize,
        change: KeyChange,
    },
    RotateKey {
        by: Caller,
        key: usize,
        grace_period: i64,
    },
    RevokeKey {
        by: Caller,
        key: usize,
    },
    CreateMember {
        by: Caller,
        permissions: Permissions,
    },
    ChangeMember {
        by: Caller,
        member: usize,
        permissions: Option<Permissions>,
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
    Read {
        by: Caller,
        resource: Resource,
    },
    SuspendAccount {
        account: usize,
    },
    RestoreAccount {
        account: usize,
    },
}

/// The new values of the fields of a key that change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    pub name: Option<u8>,
    pub permissions: Option<Permissions>,
    pub scope: Option<Scope>,
    /// In seconds from the change. `Some(None)` for a key that never expires.
    #[expect(clippy::option_option, reason = "a key that never expires and no change differ")]
    pub lifetime: Option<Option<i64>>,
    pub allowed_ips: Option<AllowedIps>,
    pub disabled: Option<bool>,
}

/// A resource that can be read.
#[derive(Clone, Copy, Debug)]
pub enum Resource {
    Me,
    Sessions,
    MemberSessions(usize),
    Keys,
    Key(usize),
    /// The events that record changes of keys, if they are about this key or caused by it.
    KeyEvents(usize),
    Members,
    Member(usize),
    Projects(Environment),
    Project(usize, Environment),
    Events,
}

/// The response to an operation according to the model.
#[derive(Debug)]
pub struct ModelResponse {
    pub status: u16,
    pub content: Content,
}

/// The entities in a response.
#[derive(Debug)]
pub enum Content {
    /// The response contains nothing that the model describes.
    Unmodeled,
    One(Entity),
    List(Vec<Entity>),
    /// The names of events and the keys that they are about.
    KeyEvents(Vec<(&'static str, usize)>),
}

#[derive(Clone, Copy, Debug)]
pub enum Entity {
    Me(Caller),
    Key(usize),
    /// A key with the expiry of its previous secret.
    RotatedKey(usize),
    Member(usize),
    Project(usize),
    /// A session, and the session that the request was sent with, if any.
    Session(usize, Option<usize>),
}

impl ModelResponse {
    fn without_content(status: u16) -> Self {
        Self { status, content: Content::Unmodeled }
    }

    fn with_entity(status: u16, entity: Entity) -> Self {
        Self { status, content: Content::One(entity) }
    }

    /// Returns true if the model describes the content of the response.
    pub fn has_content(&self) -> bool {
        !matches!(self.content, Content::Unmodeled)
    }
}

impl Operation {
    /// Returns true if the model has all entities to which the operation refers.
    pub fn refers_to_known_entities(&self, model: &Model) -> bool {
        let is_known = |caller: Caller| match caller {
            Caller::Session(session) => session < model.sessions.len(),
            Caller::Key(key, secret) => model.keys.get(key).is_some_and(|key| secret < key.secrets.len()),
        };
        let in_scope = |scope: &Scope| scope.iter().flatten().all(|project| *project < model.projects.len());
        match self {
            Self::LogIn { member, .. } => *member < model.members.len(),
            Self::LogOut { by: caller }
            | Self::EndOtherSessions { by: caller }
            | Self::ChangePassword { by: caller, .. }
            | Self::CreateMember { by: caller, .. }
            | Self::CreateProject { by: caller, .. } => is_known(*caller),
            Self::EndSession { by: caller, session } => is_known(*caller) && *session < model.sessions.len(),
            Self::CreateKey { by: caller, scope, .. } => is_known(*caller) && in_scope(scope),
            Self::RotateKey { by: caller, key, .. } | Self::RevokeKey { by: caller, key } => {
                is_known(*caller) && *key < model.keys.len()
            }
            Self::ChangeKey { by: caller, key, change } => {
                is_known(*caller) && *key < model.keys.len() && change.scope.iter().all(in_scope)
            }
            Self::ChangeMember { by: caller, member, .. }
            | Self::EndMemberSessions { by: caller, member }
            | Self::RemoveMember { by: caller, member } => is_known(*caller) && *member < model.members.len(),
            Self::RenameProject { by: caller, project, .. }
            | Self::DeleteProject { by: caller, project, .. } => {
                is_known(*caller) && *project < model.projects.len()
            }
            Self::Read { by: caller, resource } => {
                is_known(*caller)
                    && match resource {
                        Resource::Key(key) | Resource::KeyEvents(key) => *key < model.keys.len(),
                        Resource::Member(member) | Resource::MemberSessions(member) => {
                            *member < model.members.len()
                        }
                        Resource::Project(project, _) => *project < model.projects.len(),
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
    /// Applies an operation if it is authorized and valid. Returns the response.
    pub fn apply(&mut self, operation: &Operation) -> ModelResponse {
        self.perform(operation).unwrap_or_else(ModelResponse::without_content)
    }

    /// Applies an operation. An error is the status of the response to a rejected one.
    fn perform(&mut self, operation: &Operation) -> Result<ModelResponse, u16> {
        match operation {
            Operation::LogIn { member, password } => self.log_in(*member, *password),
            Operation::LogOut { by } => {
                let (session, _) = self.authorize_session(*by)?;
                self.sessions[session].was_ended = true;
                Ok(ModelResponse::without_content(204))
            }
            Operation::EndSession { by, session } => self.end_session(*by, *session),
            Operation::EndOtherSessions { by } => {
                let (session, member) = self.authorize_session(*by)?;
                self.end_sessions(member, Some(session));
                Ok(ModelResponse::without_content(204))
            }
            Operation::EndMemberSessions { by, member } => self.end_member_sessions(*by, *member),
            Operation::ChangePassword { by, current, new } => self.change_password(*by, *current, *new),
            Operation::CreateKey { by, permissions, environment, scope, allowed_ips, lifetime } => {
                self.create_key(*by, permissions, *environment, scope, allowed_ips, *lifetime)
            }
            Operation::ChangeKey { by, key, change } => self.change_key(*by, *key, change),
            Operation::RotateKey { by, key, grace_period } => self.rotate_key(*by, *key, *grace_period),
            Operation::RevokeKey { by, key } => {
                let principal = self.authorize(*by, |principal| principal.may_manage_keys(Some(*key)))?;
                if !self.find_manageable_key(&principal, *key)?.revoked {
                    self.keys[*key].revoked = true;
                    self.record("api_key.revoked", *key, &principal);
                }
                Ok(ModelResponse::without_content(204))
            }
            Operation::CreateMember { by, permissions } => {
                let principal = self.authorize(*by, Principal::is_account_admin)?;
                self.require_recent_authentication(&principal)?;
                if !principal.may_manage_member(permissions) {
                    return Err(403);
                }
                self.members.push(Member {
                    account: principal.account,
                    permissions: permissions.clone(),
                    status: Status::Invited,
                    password: 0,
                    has_accepted: false,
                    is_invitation_valid: true,
                    created_at: self.now,
                });
                Ok(ModelResponse::with_entity(201, Entity::Member(self.members.len() - 1)))
            }
            Operation::ChangeMember { by, member, permissions, suspended } => {
                self.change_member(*by, *member, permissions.as_ref(), *suspended)
            }
            Operation::RemoveMember { by, member } => {
                let principal = self.authorize(*by, Principal::is_account_admin)?;
                self.require_recent_authentication(&principal)?;
                let mut after = self.find_member(&principal, *member)?.clone();
                if !principal.may_manage_member(&after.permissions) {
                    return Err(403);
                }
                after.status = Status::Removed;
                self.replace_member(*member, after)?;
                Ok(ModelResponse::without_content(204))
            }
            Operation::CreateProject { by, environment } => {
                let is_allowed = |principal: &Principal| {
                    principal.has("write") && principal.can_use(*environment) && principal.scope().is_none()
                };
                let Principal { account, .. } = self.authorize(*by, is_allowed)?;
                let (environment, created_at) = (*environment, self.now);
                self.projects.push(Project { account, environment, name: 0, exists: true, created_at });
                Ok(ModelResponse::with_entity(201, Entity::Project(self.projects.len() - 1)))
            }
            Operation::RenameProject { by, project, environment, name } => {
                self.find_project(*by, "write", *project, *environment)?.name = *name;
                Ok(ModelResponse::with_entity(200, Entity::Project(*project)))
            }
            Operation::DeleteProject { by, project, environment } => {
                self.find_project(*by, "delete", *project, *environment)?.exists = false;
                Ok(ModelResponse::without_content(204))
            }
            Operation::Read { by, resource } => self.read(*by, *resource),
            Operation::SuspendAccount { account } => Ok(self.suspend(*account, true)),
            Operation::RestoreAccount { account } => Ok(self.suspend(*account, false)),
        }
    }

    fn suspend(&mut self, account: usize, suspended: bool) -> ModelResponse {
        self.accounts[account] = Account { suspended };
        for member in 0..self.members.len() {
            if suspended && self.members[member].account == account {
                self.end_sessions(member, None);
                self.members[member].is_invitation_valid = false;
            }
        }
        ModelResponse::without_content(200)
    }

    /// Authorizes a request that needs a session. Returns the numbers of the session and of its member.
    fn authorize_session(&mut self, by: Caller) -> Result<(usize, usize), u16> {
        match self.authorize(by, Principal::is_session)?.kind {
            PrincipalKind::Session { session, member } => Ok((session, member)),
            PrincipalKind::Key { .. } => Err(403),
        }
    }

    fn log_in(&mut self, member: usize, password: u8) -> Result<ModelResponse, u16> {
        let Member { account, status, password: current, has_accepted, .. } = self.members[member];
        if status == Status::Removed || password != current {
            return Err(401);
        }
        if !has_accepted {
            // The first login accepts the invitation.
            if !self.members[member].is_invitation_valid {
                return Err(401);
            }
            self.members[member].has_accepted = true;
            self.members[member].status = Status::Active;
            self.open_session(member);
            return Ok(ModelResponse::without_content(200));
        }
        if status == Status::Suspended || self.accounts[account].suspended {
            return Err(403);
        }
        self.open_session(member);
        Ok(ModelResponse::without_content(200))
    }

    fn end_session(&mut self, by: Caller, session: usize) -> Result<ModelResponse, u16> {
        let (_, member) = self.authorize_session(by)?;
        let session = &mut self.sessions[session];
        if session.member != member || session.has_ended(self.now) {
            return Err(404);
        }
        session.was_ended = true;
        Ok(ModelResponse::without_content(204))
    }

    fn end_member_sessions(&mut self, by: Caller, member: usize) -> Result<ModelResponse, u16> {
        let principal = self.authorize(by, Principal::is_account_admin)?;
        let permissions = &self.find_member(&principal, member)?.permissions;
        if permissions.contains("admin") && !principal.is_session() {
            return Err(403);
        }
        self.end_sessions(member, None);
        Ok(ModelResponse::without_content(204))
    }

    fn change_password(&mut self, by: Caller, current: u8, new: u8) -> Result<ModelResponse, u16> {
        let (session, member) = self.authorize_session(by)?;
        if self.members[member].password != current {
            return Err(403);
        }
        if new == current {
            return Err(400);
        }
        self.members[member].password = new;
        self.end_sessions(member, Some(session));
        Ok(ModelResponse::without_content(204))
    }

    fn create_key(
        &mut self,
        by: Caller,
        permissions: &Permissions,
        environment: Environment,
        scope: &Scope,
        allowed_ips: &AllowedIps,
        lifetime: Option<i64>,
    ) -> Result<ModelResponse, u16> {
        let principal = self.authorize(by, |principal| principal.may_manage_keys(None))?;
        if permissions.contains("admin") {
            self.require_recent_authentication(&principal)?;
        }
        let may_use_environment = match &principal.kind {
            PrincipalKind::Session { .. } => true,
            PrincipalKind::Key { environment: own, .. } => {
                *own == Environment::Live || environment == Environment::Test
            }
        };
        let is_within_caller = permissions.is_subset(&principal.permissions)
            && is_within(scope.as_ref(), principal.scope().as_ref())
            && is_within(allowed_ips.as_ref(), principal.allowed_ips().as_ref());
        if !is_within_caller || !may_use_environment {
            return Err(403);
        }
        self.keys.push(Key {
            account: principal.account,
            name: 0,
            permissions: permissions.clone(),
            environment,
            scope: scope.clone(),
            allowed_ips: allowed_ips.clone(),
            expires_at: lifetime.map(|seconds| self.now + seconds),
            disabled_by: None,
            revoked: false,
            secrets: vec![None],
            created_at: self.now,
            created_by: principal.as_creator(),
        });
        let key = self.keys.len() - 1;
        self.record("api_key.created", key, &principal);
        Ok(ModelResponse::with_entity(201, Entity::Key(key)))
    }

    fn rotate_key(&mut self, by: Caller, key: usize, grace_period: i64) -> Result<ModelResponse, u16> {
        let principal = self.authorize(by, |principal| principal.may_manage_keys(Some(key)))?;
        let rotated = self.find_manageable_key(&principal, key)?;
        if rotated.permissions.contains("admin") {
            self.require_recent_authentication(&principal)?;
        }
        if !principal.is_key(key) && !rotated.permissions.is_subset(&principal.permissions) {
            return Err(403);
        }
        let now = self.now;
        if rotated.revoked || rotated.has_expired(now) || rotated.disabled_by.is_some() {
            return Err(409);
        }
        let rotated = &mut self.keys[key];
        let end = (now + grace_period).min(rotated.expires_at.unwrap_or(i64::MAX));
        // A third secret ends the first at once.
        for secret in &mut rotated.secrets {
            *secret = Some(secret.map_or(end, |earlier| earlier.min(now)));
        }
        rotated.secrets.push(None);
        self.record("api_key.rotated", key, &principal);
        Ok(ModelResponse::with_entity(200, Entity::RotatedKey(key)))
    }

    fn change_key(&mut self, by: Caller, key: usize, change: &KeyChange) -> Result<ModelResponse, u16> {
        let principal = self.authorize(by, |principal| principal.may_manage_keys(None))?;
        let is_in_past = change.lifetime.flatten().is_some_and(|seconds| seconds <= 0);
        if *change == KeyChange::default() || is_in_past {
            return Err(400);
        }
        let before = self.find_manageable_key(&principal, key)?;
        let mut after = before.clone();
        after.name = change.name.unwrap_or(before.name);
        if let Some(permissions) = &change.permissions {
            after.permissions.clone_from(permissions);
        }
        if let Some(scope) = &change.scope {
            after.scope.clone_from(scope);
        }
        if let Some(allowed_ips) = &change.allowed_ips {
            after.allowed_ips.clone_from(allowed_ips);
        }
        if let Some(lifetime) = change.lifetime {
            after.expires_at = lifetime.map(|seconds| self.now + seconds);
        }
        let is_admin_session = principal.is_session() && principal.has("admin");
        after.disabled_by = match (change.disabled, before.disabled_by) {
            (None, by) => by,
            (Some(false), Some(DisabledBy::AdminSession)) if !is_admin_session => return Err(403),
            (Some(false), _) => None,
            (Some(true), _) if is_admin_session => Some(DisabledBy::AdminSession),
            (Some(true), by) => by.or(Some(DisabledBy::Other)),
        };
        let is_admin = before.permissions.contains("admin") || after.permissions.contains("admin");
        if is_admin && self.adds_access(before, &after) {
            self.require_recent_authentication(&principal)?;
        }
        if principal.is_key(key) || !self.may_add(&principal, before, &after) {
            return Err(403);
        }
        if before.revoked || before.has_expired(self.now) {
            return Err(409);
        }
        if after != *before {
            self.keys[key] = after;
            self.record("api_key.changed", key, &principal);
        }
        Ok(ModelResponse::with_entity(200, Entity::Key(key)))
    }

    /// Returns true if a key may do anything `after` a change that it could not do `before`.
    fn adds_access(&self, before: &Key, after: &Key) -> bool {
        let end = |key: &Key| key.expires_at.unwrap_or(i64::MAX);
        let is_enabled = before.disabled_by.is_some() && after.disabled_by.is_none();
        let abilities = |key: &Key| self.abilities(&key.permissions, &key.scope, &key.allowed_ips);
        end(after) > end(before) || is_enabled || !abilities(after).is_subset(&abilities(before))
    }

    /// Returns true if everything that a key may do `after` a change, and could not do `before`, is something that the caller
    /// may do.
    fn may_add(&self, principal: &Principal, before: &Key, after: &Key) -> bool {
        let end = |time: Option<i64>| time.unwrap_or(i64::MAX);
        let is_extended = end(after.expires_at) > end(before.expires_at);
        let is_enabled = before.disabled_by.is_some() && after.disabled_by.is_none();
        let abilities_before = if is_extended || is_enabled {
            BTreeSet::new()
        } else {
            self.abilities(&before.permissions, &before.scope, &before.allowed_ips)
        };
        let abilities_after = self.abilities(&after.permissions, &after.scope, &after.allowed_ips);
        let of_caller = self.abilities(&principal.permissions, principal.scope(), principal.allowed_ips());
        let ends_in_time = match principal.kind {
            PrincipalKind::Session { .. } => true,
            PrincipalKind::Key { expires_at, .. } => end(after.expires_at) <= end(expires_at),
        };
        (&abilities_after - &abilities_before).is_subset(&of_caller) && (ends_in_time || !is_extended)
    }

    /// Returns everything that a caller with this access may do: a permission, a project and an address. `None` stands for the
    /// projects and addresses that the model does not have.
    fn abilities(
        &self,
        permissions: &Permissions,
        scope: &Scope,
        allowed_ips: &AllowedIps,
    ) -> BTreeSet<(&'static str, Option<usize>, Option<&'static str>)> {
        let includes_project = |project: &Option<usize>| {
            scope.as_ref().is_none_or(|scope| project.is_some_and(|project| scope.contains(&project)))
        };
        let includes_address = |address: Option<&'static str>| {
            allowed_ips
                .as_ref()
                .is_none_or(|allowed| address.is_some_and(|address| allowed.contains(address)))
        };
        let projects = (0..self.projects.len()).map(Some).chain([None]);
        let projects: Vec<_> = projects.filter(includes_project).collect();
        let addresses = ADDRESSES.into_iter().map(Some).chain([None]);
        let addresses: Vec<_> = addresses.filter(|address| includes_address(*address)).collect();
        let mut abilities = BTreeSet::new();
        for permission in permissions {
            for project in &projects {
                abilities.extend(addresses.iter().map(|address| (*permission, *project, *address)));
            }
        }
        abilities
    }

    /// Returns the key if the caller may manage it, or else 404 if it does not exist for the caller, or 403.
    fn find_manageable_key(&self, principal: &Principal, number: usize) -> Result<&Key, u16> {
        if !self.reaches(principal, number) {
            return Err(404);
        }
        let key = &self.keys[number];
        let may_manage = match principal.kind {
            PrincipalKind::Session { member, .. } => {
                principal.has("admin") || key.created_by == Creator::Member(member)
            }
            PrincipalKind::Key { .. } => true,
        };
        if may_manage { Ok(key) } else { Err(403) }
    }

    /// Adds an event about a key to the audit trail.
    fn record(&mut self, name: &'static str, key: usize, principal: &Principal) {
        self.key_events.push(KeyEvent { name, key, by: principal.as_creator() });
    }

    fn change_member(
        &mut self,
        by: Caller,
        member: usize,
        permissions: Option<&Permissions>,
        suspended: Option<bool>,
    ) -> Result<ModelResponse, u16> {
        let principal = self.authorize(by, Principal::is_account_admin)?;
        self.require_recent_authentication(&principal)?;
        let before = self.find_member(&principal, member)?;
        let mut after = before.clone();
        if let Some(permissions) = permissions {
            after.permissions.clone_from(permissions);
            after.is_invitation_valid &= permissions.is_subset(&before.permissions);
        }
        if let Some(suspended) = suspended {
            after.status = match (suspended, before.has_accepted) {
                (true, _) => Status::Suspended,
                (false, true) => Status::Active,
                (false, false) => Status::Invited,
            };
            after.is_invitation_valid &= !suspended;
        }
        // A suspended member has no permissions, so restoring one grants all of them.
        let (was_suspended, is_suspended) =
            (before.status == Status::Suspended, after.status == Status::Suspended);
        let is_restored = was_suspended && !is_suspended;
        let present = if is_restored { Permissions::new() } else { before.permissions.clone() };
        let may_grant = (&after.permissions - &present).is_subset(&principal.permissions);
        let loses = (is_suspended && !was_suspended) || !before.permissions.is_subset(&after.permissions);
        let may_take = !loses || before.permissions.is_subset(&principal.permissions);
        let is_admin = before.permissions.contains("admin") || after.permissions.contains("admin");
        if !may_grant || !may_take || (is_admin && !principal.is_session()) {
            return Err(403);
        }
        self.replace_member(member, after)?;
        Ok(ModelResponse::with_entity(200, Entity::Member(member)))
    }

    /// Returns the member with this number if it exists in the caller's account, or else 404.
    fn find_member(&self, principal: &Principal, number: usize) -> Result<&Member, u16> {
        let member = &self.members[number];
        let exists = member.account == principal.account && member.status != Status::Removed;
        exists.then_some(member).ok_or(404)
    }

    /// Replaces a member, unless its account would lose its last active admin or its last active member with all permissions. Ends
    /// the sessions of a member that is no longer active.
    fn replace_member(&mut self, member: usize, after: Member) -> Result<(), u16> {
        let before = &self.members[member];
        for permissions in [&["admin"][..], &ALL_PERMISSIONS] {
            let is_lost = before.is_active_with(permissions) && !after.is_active_with(permissions);
            if is_lost && self.active_members_with(before.account, permissions) == 1 {
                return Err(409);
            }
        }
        if after.status != Status::Active {
            self.end_sessions(member, None);
        }
        self.members[member] = after;
        Ok(())
    }

    /// Authorizes a request for a project in an environment, which needs `permission`. Returns the project if it exists there,
    /// or else 404.
    fn find_project(
        &mut self,
        by: Caller,
        permission: &str,
        number: usize,
        environment: Environment,
    ) -> Result<&mut Project, u16> {
        let is_allowed = |principal: &Principal| {
            let scope = principal.scope().as_ref();
            principal.has(permission)
                && principal.can_use(environment)
                && scope.is_none_or(|scope| scope.contains(&number))
        };
        let principal = self.authorize(by, is_allowed)?;
        let project = &mut self.projects[number];
        let exists =
            project.account == principal.account && project.environment == environment && project.exists;
        if exists { Ok(project) } else { Err(404) }
    }

    fn read(&mut self, by: Caller, resource: Resource) -> Result<ModelResponse, u16> {
        let is_allowed = |principal: &Principal| match resource {
            // `find_project` authorizes the request for a project.
            Resource::Me | Resource::Project(..) => true,
            Resource::Sessions => principal.is_session(),
            Resource::Keys => principal.may_manage_keys(None),
            Resource::Key(key) => principal.may_manage_keys(Some(key)),
            Resource::Members
            | Resource::Member(_)
            | Resource::MemberSessions(_)
            | Resource::Events
            | Resource::KeyEvents(_) => principal.is_account_admin(),
            Resource::Projects(environment) => principal.has("read") && principal.can_use(environment),
        };
        if let Resource::Project(project, environment) = resource {
            self.find_project(by, "read", project, environment)?;
            return Ok(ModelResponse::with_entity(200, Entity::Project(project)));
        }
        let principal = self.authorize(by, is_allowed)?;
        let entities = match resource {
            Resource::Me => return Ok(ModelResponse::with_entity(200, Entity::Me(by))),
            Resource::Events => return Ok(ModelResponse::without_content(200)),
            Resource::KeyEvents(key) => {
                let events = self.key_events.iter().filter(|event| {
                    self.keys[event.key].account == principal.account
                        && (event.key == key || event.by == Creator::Key(key))
                });
                let events = events.map(|event| (event.name, event.key)).collect();
                return Ok(ModelResponse { status: 200, content: Content::KeyEvents(events) });
            }
            Resource::Key(key) if self.reaches(&principal, key) => {
                return Ok(ModelResponse::with_entity(200, Entity::Key(key)));
            }
            Resource::Key(_) | Resource::Project(..) => return Err(404),
            Resource::Member(member) => {
                self.find_member(&principal, member)?;
                return Ok(ModelResponse::with_entity(200, Entity::Member(member)));
            }
            Resource::Sessions => match principal.kind {
                PrincipalKind::Session { member, .. } => self.sessions_of(member, &principal),
                PrincipalKind::Key { .. } => return Err(403),
            },
            Resource::MemberSessions(member) => {
                self.find_member(&principal, member)?;
                self.sessions_of(member, &principal)
            }
            Resource::Keys => {
                (0..self.keys.len()).filter(|key| self.reaches(&principal, *key)).map(Entity::Key).collect()
            }
            Resource::Members => {
                let exists = |member: &usize| self.find_member(&principal, *member).is_ok();
                (0..self.members.len()).filter(exists).map(Entity::Member).collect()
            }
            Resource::Projects(environment) => {
                let exists = |project: &usize| {
                    let Project { account, environment: own, exists, .. } = self.projects[*project];
                    let in_scope = principal.scope().as_ref().is_none_or(|scope| scope.contains(project));
                    account == principal.account && own == environment && exists && in_scope
                };
                (0..self.projects.len()).filter(exists).map(Entity::Project).collect()
            }
        };
        Ok(ModelResponse { status: 200, content: Content::List(entities) })
    }

    /// Returns the valid sessions of a member, for this caller.
    fn sessions_of(&self, member: usize, principal: &Principal) -> Vec<Entity> {
        let current = match principal.kind {
            PrincipalKind::Session { session, .. } => Some(session),
            PrincipalKind::Key { .. } => None,
        };
        let is_valid =
            |n: &usize| self.sessions[*n].member == member && !self.sessions[*n].has_ended(self.now);
        (0..self.sessions.len()).filter(is_valid).map(|session| Entity::Session(session, current)).collect()
    }
}
