//! Privilege escalation. A credential can create, rotate and change keys, create members and change permissions. However these
//! operations are combined, no derived credential can do anything that the first credential could not do.
//!
//! The tests compare what requests achieve, not what records say. By the contract, three differences are no escalation. A live
//! key includes access to test data, because it may create test keys. A derived key may be valid for longer, because keys
//! outlive their creator. And a member can log in from every address, even if a key with allowed addresses created them.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use shared::primitives::environment::Environment::{self, Live, Test};
use tokio::runtime::Runtime;

use crate::{
    races::{
        histories::{environment, permissions},
        model::{
            ADDRESSES, ALL_PERMISSIONS, AllowedIps, Caller, Permissions, Scope,
            comparison::Comparison,
            operation::{KeyChange, Operation, Resource},
        },
    },
    response::Response,
    seeded,
    service::{Account, Credential, OwnService, Service, key_path},
};

/// The session of the account's first member.
const OWNER: Caller = Caller::Session(0);
/// The number of groups of projects. Scopes consist of whole groups.
const PROJECT_GROUPS: usize = 2;
/// The lifetime of a key that expires, in seconds.
const KEY_LIFETIME: i64 = 3_600;

/// An operation, and a function that returns true if its response shows that it was authorized.
struct Probe {
    operation: Operation,
    is_successful: Box<dyn Fn(&Response) -> bool>,
}

impl Probe {
    fn new(operation: Operation, success: u16) -> Self {
        Self { operation, is_successful: Box::new(move |response| response.status == success) }
    }
}

/// The numbers of the probes that are successful with a credential.
#[derive(Clone, Debug, Default)]
struct Capabilities {
    /// Probes of live data and live keys.
    live: BTreeSet<usize>,
    /// The same probes of test data and test keys.
    test: BTreeSet<usize>,
    /// Probes of data of the whole account.
    account: BTreeSet<usize>,
}

impl Capabilities {
    /// Returns true if `other` includes all of these capabilities. A live capability includes the test one.
    fn is_within(&self, other: &Self) -> bool {
        self.live.is_subset(&other.live)
            && self.test.is_subset(&(&other.test | &other.live))
            && self.account.is_subset(&other.account)
    }
}

/// An account with the entities that probes and derivations refer to.
struct Scenario {
    comparison: Comparison,
    /// The groups of projects: a live project, a test project and a deleted one.
    groups: Vec<[usize; 3]>,
    /// Keys that the owner created, and that derivations may rotate and change.
    other_keys: Vec<usize>,
    /// Keys for the probes, by type: equal to `other_keys`, but never rotated or changed by derivations. The last one is
    /// revoked.
    probed_keys: [Vec<usize>; 2],
    /// A member with `read`.
    colleague: usize,
    /// The first credential and all credentials that were derived from it.
    derived: Vec<Caller>,
    /// The member of the first credential, and the members that were created with derived credentials.
    derived_members: Vec<usize>,
    /// Whether a derivation has changed the expiry of the first credential.
    has_changed_first_expiry: bool,
}

/// An operation by which a credential may try to extend its access.
#[derive(Clone, Debug)]
enum Derivation {
    CreateKey {
        permissions: Permissions,
        environment: Environment,
        groups: Vec<usize>,
        allowed_ips: AllowedIps,
        lifetime: Option<i64>,
    },
    /// Changes one of the other keys or of the derived keys. The scope consists of the projects of `groups`.
    ChangeKey { is_other_key: bool, key: prop::sample::Index, change: KeyChange, groups: Option<Vec<usize>> },
    /// Rotates one of the other keys or of the derived keys.
    RotateKey { is_other_key: bool, key: prop::sample::Index, grace_period: i64 },
    /// Creates a member, who then logs in.
    CreateMember { permissions: Permissions },
    /// Changes the permissions of a derived member or of the colleague.
    ChangePermissions { member: prop::sample::Index, permissions: Permissions },
}

/// The credential from which all others are derived.
#[derive(Clone, Debug)]
enum FirstCredential {
    /// The session of a new member.
    Session { permissions: Permissions },
    /// A new key, as a [`Derivation::CreateKey`] by the owner.
    Key(Derivation),
}

impl Scenario {
    async fn create(service: Arc<OwnService>) -> Self {
        let mut comparison = Comparison::start(service, 1).await;
        let mut groups = Vec::new();
        for _ in 0..PROJECT_GROUPS {
            let mut group = [0; 3];
            for (project, environment) in group.iter_mut().zip([Live, Test, Live]) {
                comparison.apply(&Operation::CreateProject { by: OWNER, environment }).await;
                *project = comparison.model.projects.len() - 1;
            }
            let [.., gone] = group;
            comparison.apply(&Operation::DeleteProject { by: OWNER, project: gone, environment: Live }).await;
            groups.push(group);
        }
        comparison.apply(&Operation::CreateMember { by: OWNER, permissions: ["read"].into() }).await;
        let mut scenario = Self {
            colleague: comparison.model.members.len() - 1,
            comparison,
            groups,
            other_keys: Vec::new(),
            probed_keys: [Vec::new(), Vec::new()],
            derived: Vec::new(),
            derived_members: Vec::new(),
            has_changed_first_expiry: false,
        };
        for (of_type, environment) in Environment::ALL.into_iter().enumerate() {
            let [own_address, _] = ADDRESSES;
            let kinds: [(&[_], &[_], AllowedIps); 5] = [
                (&["read", "write"], &[], None),
                (&["write", "delete", "admin"], &[0], None),
                (&ALL_PERMISSIONS, &[], None),
                (&["read", "write"], &[0], Some([own_address].into())),
                (&["read"], &[0], Some([own_address].into())),
            ];
            for (permissions, groups, allowed_ips) in kinds {
                let permissions = permissions.iter().copied().collect();
                let key = scenario.new_key(OWNER, permissions, environment, groups, allowed_ips, None);
                for _ in 0..2 {
                    scenario.comparison.apply(&key).await;
                }
                let newest = scenario.comparison.model.keys.len() - 1;
                scenario.other_keys.push(newest - 1);
                scenario.probed_keys[of_type].push(newest);
            }
            let key = *scenario.probed_keys[of_type].last().expect("a key");
            scenario.comparison.apply(&Operation::RevokeKey { by: OWNER, key }).await;
        }
        scenario
    }

    /// Returns the scope with the projects of these groups, or `None` for an empty list.
    fn scope(&self, groups: &[usize]) -> Scope {
        (!groups.is_empty()).then(|| groups.iter().flat_map(|group| self.groups[*group]).collect())
    }

    fn new_key(
        &self,
        by: Caller,
        permissions: Permissions,
        environment: Environment,
        groups: &[usize],
        allowed_ips: AllowedIps,
        lifetime: Option<i64>,
    ) -> Operation {
        Operation::CreateKey {
            by,
            permissions,
            environment,
            scope: self.scope(groups),
            allowed_ips,
            lifetime,
        }
    }

    /// Sends an operation without a comparison. A credential in the response becomes a derived one.
    async fn send(&mut self, operation: &Operation) -> Response {
        let Comparison { service, model, mapping, .. } = &mut self.comparison;
        service.time.back_to_second_start();
        let response = mapping.send(service, model.now, operation).await;
        let credential = mapping.add_from_response(operation, &response);
        self.derived.extend(credential);
        response
    }

    /// Sends the operation of a derivation. A new member logs in.
    async fn derive(&mut self, by: Caller, derivation: &Derivation) {
        let response = match derivation {
            Derivation::CreateKey { permissions, environment, groups, allowed_ips, lifetime } => {
                let (permissions, allowed_ips) = (permissions.clone(), allowed_ips.clone());
                let key = self.new_key(by, permissions, *environment, groups, allowed_ips, *lifetime);
                self.send(&key).await
            }
            Derivation::ChangeKey { is_other_key, key, change, groups } => {
                let Some(key) = self.choose_key(*is_other_key, *key) else { return };
                let scope = groups.as_ref().map(|groups| self.scope(groups));
                let change = KeyChange { scope, ..change.clone() };
                let changes_expiry = change.lifetime.is_some();
                let response = self.send(&Operation::ChangeKey { by, key, change }).await;
                let is_first = matches!(self.derived[0], Caller::Key(first, _) if first == key);
                self.has_changed_first_expiry |= is_first && changes_expiry && response.status == 200;
                response
            }
            Derivation::RotateKey { is_other_key, key, grace_period } => {
                let Some(key) = self.choose_key(*is_other_key, *key) else { return };
                self.send(&Operation::RotateKey { by, key, grace_period: *grace_period }).await
            }
            Derivation::CreateMember { permissions } => {
                self.send(&Operation::CreateMember { by, permissions: permissions.clone() }).await
            }
            Derivation::ChangePermissions { member, permissions } => {
                let members = [&self.derived_members[..], &[self.colleague]].concat();
                let (member, permissions) = (*member.get(&members), Some(permissions.clone()));
                self.send(&Operation::ChangeMember { by, member, permissions, suspended: None }).await
            }
        };
        if matches!(derivation, Derivation::CreateMember { .. }) && response.status == 201 {
            let member = self.comparison.mapping.newest_member();
            self.derived_members.push(member);
            self.send(&Operation::LogIn { member, password: 0 }).await;
        }
    }

    /// Chooses one of the other keys or of the derived keys, or returns `None` if there is none.
    fn choose_key(&self, is_other_key: bool, index: prop::sample::Index) -> Option<usize> {
        let own = self.derived.iter().filter_map(|caller| match caller {
            Caller::Key(key, _) => Some(*key),
            Caller::Session(_) => None,
        });
        let keys: Vec<_> = if is_other_key { self.other_keys.clone() } else { own.collect() };
        (!keys.is_empty()).then(|| *index.get(&keys))
    }

    /// Creates the first credential.
    async fn start(&mut self, first_credential: &FirstCredential) {
        match first_credential {
            FirstCredential::Session { permissions } => {
                self.derive(OWNER, &Derivation::CreateMember { permissions: permissions.clone() }).await;
            }
            FirstCredential::Key(derivation) => self.derive(OWNER, derivation).await,
        }
    }

    /// Returns the probes of data and keys of one type.
    fn probes(&self, by: Caller, environment: Environment) -> Vec<Probe> {
        let (of_type, probed_keys) = match environment {
            Live => (0, &self.probed_keys[0]),
            Test => (1, &self.probed_keys[1]),
        };
        let mut probes = vec![Probe::new(Operation::CreateProject { by, environment }, 201)];
        for group in &self.groups {
            let (project, gone) = (group[of_type], group[2]);
            let id = self.comparison.mapping.project(project).to_owned();
            let list = Operation::Read { by, resource: Resource::Projects(environment) };
            probes.extend([
                Probe {
                    operation: list,
                    is_successful: Box::new(move |response| response.text.contains(&id)),
                },
                Probe::new(Operation::Read { by, resource: Resource::Project(project, environment) }, 200),
                Probe::new(Operation::RenameProject { by, project, environment, name: 0 }, 200),
                // The project does not exist, but the response is a 404 only if the deletion is authorized.
                Probe::new(Operation::DeleteProject { by, project: gone, environment }, 404),
            ]);
        }
        let (revoked, active) = probed_keys.split_last().expect("keys");
        for key in active {
            let same_name = KeyChange { name: Some(0), ..KeyChange::default() };
            probes.push(Probe::new(Operation::Read { by, resource: Resource::Key(*key) }, 200));
            probes.push(Probe::new(Operation::RotateKey { by, key: *key, grace_period: 0 }, 200));
            probes.push(Probe::new(Operation::ChangeKey { by, key: *key, change: same_name }, 200));
        }
        probes.push(Probe::new(Operation::RevokeKey { by, key: *revoked }, 204));
        for change in self.widening_changes() {
            // The key is revoked, but the response is a 409 only if the change is authorized.
            probes.push(Probe::new(Operation::ChangeKey { by, key: *revoked, change }, 409));
        }
        let [own_address, other_address] = ADDRESSES;
        let limited: AllowedIps = Some([own_address].into());
        let kinds = ALL_PERMISSIONS
            .map(|permission| (permission, &[][..], limited.clone()))
            .into_iter()
            .chain([("read", &[0][..], limited.clone()), ("read", &[1], limited)])
            .chain([("read", &[0][..], None), ("read", &[0], Some([other_address].into()))]);
        for (permission, groups, allowed_ips) in kinds {
            // The expiry is in the past, but the response is a 400 only if creating such a key is authorized.
            let key = self.new_key(by, [permission].into(), environment, groups, allowed_ips, Some(-1));
            probes.push(Probe::new(key, 400));
        }
        probes
    }

    /// Returns changes of a key with `read`, the scope of the first group, and allowed addresses.
    fn widening_changes(&self) -> Vec<KeyChange> {
        let none = KeyChange::default();
        let permissions = ALL_PERMISSIONS.map(|permission| Some(["read", permission].into()));
        let scopes = [None, self.scope(&[1]), self.scope(&[0, 1])].map(Some);
        let addresses = [None, Some(ADDRESSES.into())].map(Some);
        let permissions = permissions.map(|permissions| KeyChange { permissions, ..none.clone() });
        let scopes = scopes.map(|scope| KeyChange { scope, ..none.clone() });
        let addresses = addresses.map(|allowed_ips| KeyChange { allowed_ips, ..none.clone() });
        [&permissions[..], &scopes, &addresses].concat()
    }

    fn account_probes(&self, by: Caller) -> Vec<Probe> {
        let same = Operation::ChangeMember { by, member: self.colleague, permissions: None, suspended: None };
        vec![
            Probe::new(Operation::Read { by, resource: Resource::Members }, 200),
            Probe::new(Operation::Read { by, resource: Resource::Events }, 200),
            Probe::new(same, 200),
        ]
    }

    /// Sends probes. Returns the numbers of the successful ones.
    async fn run(&mut self, probes: Vec<Probe>) -> BTreeSet<usize> {
        let Comparison { service, model, mapping, .. } = &self.comparison;
        let mut successful = BTreeSet::new();
        for (n, Probe { operation, is_successful }) in probes.into_iter().enumerate() {
            service.time.back_to_second_start();
            if is_successful(&mapping.send(service, model.now, &operation).await) {
                successful.insert(n);
            }
        }
        successful
    }

    async fn capabilities(&mut self, by: Caller) -> Capabilities {
        if self.send(&Operation::Read { by, resource: Resource::Me }).await.status == 401 {
            return Capabilities::default();
        }
        Capabilities {
            live: self.run(self.probes(by, Live)).await,
            test: self.run(self.probes(by, Test)).await,
            account: self.run(self.account_probes(by)).await,
        }
    }
}

/// Generates the groups of a scope. An empty list means all projects.
fn groups() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![2 => Just(Vec::new()), 1 => Just(vec![0]), 1 => Just(vec![1]), 1 => Just(vec![0, 1])]
}

/// Generates addresses that include the one of the tests. From another address, a credential could not be probed.
fn allowed_ips() -> impl Strategy<Value = AllowedIps> {
    let [own, _] = ADDRESSES;
    prop_oneof![3 => Just(None), 1 => Just(Some([own].into())), 1 => Just(Some(ADDRESSES.into()))]
}

fn lifetime() -> impl Strategy<Value = Option<i64>> {
    prop::option::weighted(0.3, Just(KEY_LIFETIME))
}

fn key() -> impl Strategy<Value = Derivation> {
    (permissions(), environment(), groups(), allowed_ips(), lifetime()).prop_map(
        |(permissions, environment, groups, allowed_ips, lifetime)| Derivation::CreateKey {
            permissions,
            environment,
            groups,
            allowed_ips,
            lifetime,
        },
    )
}

fn key_change() -> impl Strategy<Value = Derivation> {
    let fields = (
        prop::option::weighted(0.5, permissions()),
        prop::option::weighted(0.4, groups()),
        prop::option::weighted(0.3, lifetime()),
        prop::option::weighted(0.4, allowed_ips()),
        prop::option::weighted(0.3, any::<bool>()),
    );
    (any::<bool>(), any::<prop::sample::Index>(), fields).prop_map(
        |(is_other_key, key, (permissions, groups, lifetime, allowed_ips, disabled))| {
            let change = KeyChange { permissions, lifetime, allowed_ips, disabled, ..KeyChange::default() };
            Derivation::ChangeKey { is_other_key, key, change, groups }
        },
    )
}

fn first_credential() -> impl Strategy<Value = FirstCredential> {
    prop_oneof![
        2 => permissions().prop_map(|permissions| FirstCredential::Session { permissions }),
        3 => key().prop_map(FirstCredential::Key),
    ]
}

fn derivation() -> impl Strategy<Value = Derivation> {
    let rotate = (any::<bool>(), any::<prop::sample::Index>(), select(vec![0, 604_800])).prop_map(
        |(is_other_key, key, grace_period)| Derivation::RotateKey { is_other_key, key, grace_period },
    );
    prop_oneof![
        3 => key(),
        4 => key_change(),
        2 => rotate,
        1 => permissions().prop_map(|permissions| Derivation::CreateMember { permissions }),
        2 => (any::<prop::sample::Index>(), permissions())
            .prop_map(|(member, permissions)| Derivation::ChangePermissions { member, permissions }),
    ]
}

#[test]
fn derived_credentials_never_exceed_the_first_one() {
    let runtime = Runtime::new().expect("a runtime");
    let service = Arc::new(runtime.block_on(OwnService::start_with(|options| {
        // The probes are more requests than the default limit of a test key.
        options.parameters.insert("TestRequestsPerMinute".to_owned(), "6000".to_owned());
    })));
    let derivations = vec((any::<prop::sample::Index>(), derivation()), 1..10);
    seeded::cases(32, &(first_credential(), derivations), |_, (first_credential, derivations)| {
        runtime.block_on(async {
            let mut scenario = Scenario::create(Arc::clone(&service)).await;
            scenario.start(&first_credential).await;
            let first = scenario.derived[0];
            let initial = scenario.capabilities(first).await;
            let is_limited = matches!(
                &first_credential,
                FirstCredential::Key(Derivation::CreateKey { allowed_ips: Some(_), .. })
            );
            for (by, derivation) in &derivations {
                let by = *by.get(&scenario.derived);
                if !(is_limited && matches!(derivation, Derivation::CreateMember { .. })) {
                    scenario.derive(by, derivation).await;
                }
            }
            for caller in scenario.derived.clone() {
                let capabilities = scenario.capabilities(caller).await;
                assert!(
                    capabilities.is_within(&initial),
                    "{caller:?} has {capabilities:?}, but {first:?} has {initial:?}"
                );
            }

            // No secret of the first key is valid after the key has expired, unless a key that outlives it extended its expiry.
            if scenario.has_changed_first_expiry {
                return;
            }
            let FirstCredential::Key(Derivation::CreateKey { lifetime: Some(_), .. }) = first_credential
            else {
                return;
            };
            scenario.comparison.pass(KEY_LIFETIME);
            let is_first = |caller: &Caller| match (caller, first) {
                (Caller::Key(key, _), Caller::Key(first, _)) => *key == first,
                _ => false,
            };
            for by in scenario.derived.clone().into_iter().filter(is_first) {
                scenario.send(&Operation::Read { by, resource: Resource::Me }).await.assert_unauthorized();
            }
        });
    });
}

/// A member and a key with `write` that they have created.
struct MemberWithKey {
    service: Service,
    account: Account,
    session: Credential,
    /// The member's path.
    path: String,
    key: Credential,
    record: Value,
}

impl MemberWithKey {
    async fn start() -> Self {
        let service = Service::start().await;
        let account = service.account().await;
        let (session, id) = service.member(&account.session, &["read", "write", "admin"]).await;
        let (key, record) = service.key(&session, json!({"permissions": ["write"]})).await;
        Self { service, account, session, path: format!("/v1/members/{id}"), key, record }
    }

    /// Returns the status of a request that creates a project.
    async fn project_status(&self, by: &Credential) -> u16 {
        self.service.post("/v1/projects", by, json!({"name": "A project"})).await.status
    }
}

#[tokio::test]
async fn demotion_restricts_the_members_session_but_not_their_key() {
    let test = MemberWithKey::start().await;
    let MemberWithKey { service, account, session, key, record, .. } = &test;
    assert_eq!((test.project_status(session).await, test.project_status(key).await), (201, 201));
    let demotion = json!({"permissions": ["read"]});
    service.patch(&test.path, &account.session, demotion).await.expect(200);
    assert_eq!((test.project_status(session).await, test.project_status(key).await), (403, 201));
    // The member can no longer rotate the key, but can revoke it, as its creator.
    let rotation = format!("{}/rotate", key_path(record));
    service.post(&rotation, session, json!({})).await.assert_forbidden();
    service.delete(&key_path(record), session).await.expect(204);
    assert_eq!(test.project_status(key).await, 401);
}

#[tokio::test]
async fn keys_of_a_suspended_or_removed_member_stay_valid_and_are_in_the_audit_trail() {
    for change in [Some(json!({"status": "suspended"})), None] {
        let test = MemberWithKey::start().await;
        let MemberWithKey { service, account, session, path, key, record } = &test;
        match &change {
            Some(change) => service.patch(path, &account.session, change.clone()).await.expect(200),
            None => service.delete(path, &account.session).await.expect(204),
        };
        assert_eq!((test.project_status(session).await, test.project_status(key).await), (401, 201));

        let events = service.get("/v1/audit-events", &account.session).await.expect(200);
        let created = events["data"].as_array().expect("a list").iter().filter(|event| {
            event["type"] == "api_key.created" && path.ends_with(event["actor"]["user_id"].as_str().unwrap())
        });
        let keys: Vec<_> = created.map(|event| &event["key_id"]).collect();
        assert_eq!(keys, [&record["id"]]);
        // A rotation ends the secret that the member knows.
        let (new, _) = service.rotate(record, &account.session, 0).await;
        assert_eq!((test.project_status(key).await, test.project_status(&new).await), (401, 201));
    }
}
