//! Concurrent operations. Whatever the order of their calls to the table, the result is serializable: there is an order of the
//! operations in which the reference model returns the same responses and ends in the same state.
//!
//! Tests of two operations run every order of their calls. The random tests run some orders.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use shared::primitives::environment::Environment::{Live, Test};
use tokio::runtime::Runtime;

use crate::{
    dynamodb::DynamoDb,
    races::{
        every_order::Choices,
        model::{
            ADDRESSES, ALL_PERMISSIONS, AllowedIps, Caller, Model, Permissions,
            comparison::Comparison,
            mapping::{Mapping, ObservedResponse, observe},
            operation::{KeyChange, Operation, Resource},
        },
    },
    response::Response,
    seeded,
    service::OwnService,
};

/// The session of the account's first member.
const OWNER: Caller = Caller::Session(0);

/// With more keys than this, the next race has a new account. Its lists must fit on one page.
const MAX_KEYS: usize = 30;

/// The responses to read operations, by resource and credential.
type Observations = BTreeMap<String, ObservedResponse>;

/// An order of the operations that explains their responses: the model after it.
#[derive(Clone)]
struct Explanation {
    model: Model,
    mapping: Mapping,
}

/// Returns all permutations of `0..length`.
fn permutations(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = permutations(last);
    let with_last = |order: &Vec<usize>| {
        let order = order.clone();
        (0..length).map(move |position| {
            let mut order = order.clone();
            order.insert(position, last);
            order
        })
    };
    shorter.iter().flat_map(with_last).collect()
}

/// Returns true if the operation may have been rejected because of a concurrent change: a conflict of its write, or an entity
/// that was deleted before it was read. Keys are never deleted.
fn may_be_conflict(operation: &Operation, response: &Response) -> bool {
    let is_of_key = matches!(
        operation,
        Operation::RotateKey { .. } | Operation::RevokeKey { .. } | Operation::ChangeKey { .. }
    );
    response.status == 404 && !is_of_key
        || response.status == 409 && response.body["error"]["message"] == "Another change was made first"
}

impl Explanation {
    /// Applies the operations in this order. Returns `None` if the model does not return these responses.
    fn of(
        comparison: &Comparison,
        operations: &[Operation],
        responses: &[Response],
        order: &[usize],
    ) -> Option<Self> {
        let mut explanation = Self { model: comparison.model.clone(), mapping: comparison.mapping.clone() };
        let mut was_changed = false;
        for n in order {
            let (operation, response) = (&operations[*n], &responses[*n]);
            if let Some(next) = explanation.after(operation, response) {
                explanation = next;
                was_changed |= response.status < 300 && !matches!(operation, Operation::Read { .. });
            } else if !(was_changed && may_be_conflict(operation, response)) {
                return None;
            }
        }
        Some(explanation)
    }

    /// Applies another operation. Returns `None` if the model does not return this response.
    fn after(&self, operation: &Operation, response: &Response) -> Option<Self> {
        let Self { mut model, mut mapping } = self.clone();
        let model_response = model.apply(operation);
        if model_response.status != response.status {
            return None;
        }
        mapping.add_from_response(operation, response);
        let expected = mapping.expected_response(&model, &model_response);
        let observed = observe(response, model_response.has_content());
        (observed == expected).then_some(Self { model, mapping })
    }

    /// Returns the operations that read the state afterwards: every new credential reads its own identity, and one session
    /// reads the lists and the events about new keys. Credentials are new if their numbers are not below those of the `ignored`
    /// sessions and keys.
    fn reads(&self, (ignored_sessions, ignored_keys): (usize, usize)) -> Vec<Operation> {
        let is_new = |caller: &Caller| match caller {
            Caller::Session(session) => *session >= ignored_sessions,
            Caller::Key(key, _) => *key >= ignored_keys,
        };
        let mut callers = self.model.callers();
        callers.retain(|caller| *caller == OWNER || is_new(caller));
        let mut reads: Vec<_> = callers.iter().map(|by| read(*by, Resource::Me)).collect();
        let is_valid_session = |by: &&Caller| matches!(by, Caller::Session(_)) && self.model.is_valid(**by);
        if let Some(by) = callers.iter().find(is_valid_session) {
            let lists = [Resource::Keys, Resource::Members, Resource::Sessions, Resource::Projects(Live)];
            reads.extend(lists.map(|resource| read(*by, resource)));
            reads
                .extend((ignored_keys..self.model.keys.len()).map(|key| read(*by, Resource::KeyEvents(key))));
        }
        reads
    }

    /// Returns the key of a read operation in [`Observations`].
    fn observation_key(&self, operation: &Operation) -> String {
        let Operation::Read { by, resource } = operation else { panic!("{operation:?} is not a read") };
        format!("{resource:?} with {}", self.mapping.credential(*by).0)
    }

    /// Returns the responses of the service.
    async fn observe(&self, service: &Arc<OwnService>, reads: &[Operation]) -> Observations {
        let mut observations = Observations::new();
        for operation in reads {
            let response = self.mapping.send(service, self.model.now, operation).await;
            observations.insert(self.observation_key(operation), observe(&response, true));
        }
        observations
    }

    /// Returns the responses of the model.
    fn predict(&mut self, reads: &[Operation]) -> Observations {
        let mut predictions = Observations::new();
        for operation in reads {
            let model_response = self.model.apply(operation);
            let response = self.mapping.expected_response(&self.model, &model_response);
            predictions.insert(self.observation_key(operation), response);
        }
        predictions
    }
}

/// Runs operations concurrently, with the order of their calls as `choose` determines it. Then the model continues with an
/// explanation of the responses and of the state.
async fn race(
    comparison: &mut Comparison,
    dynamodb: &DynamoDb,
    operations: &[Operation],
    choose: impl FnMut(usize) -> usize,
) {
    comparison.service.time.back_to_second_start();
    let requests = operations
        .iter()
        .map(|operation| comparison.mapping.send(&comparison.service, comparison.model.now, operation));
    let responses = dynamodb.interleave(requests.collect(), choose).await;

    let summary: Vec<_> = responses.iter().map(|response| (response.status, &response.text)).collect();
    let explain = |order: Vec<usize>| Explanation::of(comparison, operations, &responses, &order);
    let mut explanations: Vec<_> = permutations(operations.len()).into_iter().filter_map(explain).collect();
    assert!(!explanations.is_empty(), "no order of {operations:?} explains {summary:?}");

    // The state of a suspended account can be read after it is restored.
    for restore in [None, Some(Operation::RestoreAccount { account: 0 })] {
        if let Some(restore) = restore {
            if !operations.iter().any(|operation| matches!(operation, Operation::SuspendAccount { .. })) {
                break;
            }
            comparison.mapping.send(&comparison.service, comparison.model.now, &restore).await;
            for explanation in &mut explanations {
                explanation.model.apply(&restore);
            }
        }
        let reads = explanations[0].reads(comparison.ignored);
        let observations = explanations[0].observe(&comparison.service, &reads).await;
        explanations.retain_mut(|explanation| explanation.predict(&reads) == observations);
        assert!(
            !explanations.is_empty(),
            "no order of {operations:?} explains {summary:?} and then {observations:#?}"
        );
    }
    let Explanation { model, mapping } = explanations.swap_remove(0);
    (comparison.model, comparison.mapping) = (model, mapping);
}

/// Creates an account whose first member has used their session.
async fn new_account(service: &Arc<OwnService>) -> Comparison {
    let mut comparison = Comparison::start(Arc::clone(service), 1).await;
    // The service records the first use of a session. Without that call, the race has fewer orders.
    comparison.apply_now(&read(OWNER, Resource::Me)).await;
    comparison
}

/// Runs concurrent operations in every order of their calls. For each order, `set_up` creates the entities and returns the
/// operations.
async fn race_in_every_order(set_up: impl AsyncFn(&mut Comparison) -> Vec<Operation>) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let service = Arc::new(service);
    let mut comparison = new_account(&service).await;
    let mut choices = Choices::default();
    loop {
        if comparison.model.keys.len() > MAX_KEYS {
            comparison = new_account(&service).await;
        }
        comparison.ignore_existing_credentials();
        comparison.service.time.back_to_second_start();
        let operations = set_up(&mut comparison).await;
        race(&mut comparison, &dynamodb, &operations, |alternatives| choices.choose(alternatives)).await;
        if !choices.advance() {
            return;
        }
    }
}

fn permissions<const N: usize>(names: [&'static str; N]) -> Permissions {
    names.into()
}

fn new_key<const N: usize>(by: Caller, permissions: [&'static str; N]) -> Operation {
    Operation::CreateKey {
        by,
        permissions: permissions.into(),
        environment: Live,
        scope: None,
        allowed_ips: None,
        lifetime: None,
    }
}

fn change(by: Caller, key: usize, change: KeyChange) -> Operation {
    Operation::ChangeKey { by, key, change }
}

fn rename(name: u8) -> KeyChange {
    KeyChange { name: Some(name), ..KeyChange::default() }
}

fn narrow<const N: usize>(permissions: [&'static str; N]) -> KeyChange {
    KeyChange { permissions: Some(permissions.into()), ..KeyChange::default() }
}

fn disable(disabled: bool) -> KeyChange {
    KeyChange { disabled: Some(disabled), ..KeyChange::default() }
}

fn limit_to(allowed_ips: AllowedIps) -> KeyChange {
    KeyChange { allowed_ips: Some(allowed_ips), ..KeyChange::default() }
}

/// Returns changes after which a key can no longer make most requests.
fn restricting_changes() -> Vec<KeyChange> {
    let [_, other] = ADDRESSES;
    let project = Some([0].into());
    vec![
        narrow(["read"]),
        KeyChange { scope: Some(project), ..KeyChange::default() },
        limit_to(Some([other].into())),
        disable(true),
    ]
}

fn read(by: Caller, resource: Resource) -> Operation {
    Operation::Read { by, resource }
}

fn rotate(by: Caller, key: usize, grace_period: i64) -> Operation {
    Operation::RotateKey { by, key, grace_period }
}

fn demote(by: Caller, member: usize) -> Operation {
    Operation::ChangeMember { by, member, permissions: Some(permissions(["read"])), suspended: None }
}

fn suspend(by: Caller, member: usize) -> Operation {
    Operation::ChangeMember { by, member, permissions: None, suspended: Some(true) }
}

/// Creates an unscoped key with all permissions. Returns its number.
async fn key(comparison: &mut Comparison) -> usize {
    comparison.apply_now(&new_key(OWNER, ALL_PERMISSIONS)).await;
    comparison.model.keys.len() - 1
}

/// Creates a key and rotates it, so that its previous secret is valid for another minute. Returns its number.
async fn rotated_key(comparison: &mut Comparison) -> usize {
    let key = key(comparison).await;
    comparison.apply_now(&rotate(OWNER, key, 60)).await;
    key
}

/// Logs a member in and returns the session.
async fn session(comparison: &mut Comparison, member: usize) -> Caller {
    let password = comparison.model.members[member].password;
    comparison.apply_now(&Operation::LogIn { member, password }).await;
    let session = Caller::Session(comparison.model.sessions.len() - 1);
    // The service records the first use of a session. Without that call, the race has fewer orders.
    comparison.apply_now(&read(session, Resource::Me)).await;
    session
}

/// Creates a member with all permissions. Returns their number and a session.
async fn colleague(comparison: &mut Comparison) -> (usize, Caller) {
    member(comparison, ALL_PERMISSIONS.into()).await
}

/// Creates a member. Returns their number and a session.
async fn member(comparison: &mut Comparison, permissions: Permissions) -> (usize, Caller) {
    comparison.apply_now(&Operation::CreateMember { by: OWNER, permissions }).await;
    let member = comparison.model.members.len() - 1;
    (member, session(comparison, member).await)
}

/// Creates an account with two admins. Returns the number of the second one and a session.
async fn two_admins(comparison: &mut Comparison) -> (usize, Caller) {
    *comparison = new_account(&comparison.service).await;
    colleague(comparison).await
}

#[tokio::test]
async fn two_rotations_are_serializable() {
    race_in_every_order(async |comparison| {
        let key = rotated_key(comparison).await;
        vec![rotate(OWNER, key, 60), rotate(OWNER, key, 0)]
    })
    .await;
}

#[tokio::test]
async fn rotations_by_the_owner_and_the_key_itself_are_serializable() {
    race_in_every_order(async |comparison| {
        let key = rotated_key(comparison).await;
        vec![rotate(OWNER, key, 60), rotate(Caller::Key(key, 0), key, 60)]
    })
    .await;
}

#[tokio::test]
async fn two_changes_of_one_key_are_serializable() {
    for (one, other) in [
        (rename(1), rename(2)),
        (rename(1), narrow(["read"])),
        (narrow(["read", "admin"]), narrow(["write"])),
        (disable(true), narrow(["read"])),
        (disable(true), disable(true)),
        (limit_to(Some([ADDRESSES[1]].into())), KeyChange { lifetime: Some(Some(60)), ..rename(1) }),
    ] {
        race_in_every_order(async |comparison| {
            let key = key(comparison).await;
            vec![change(OWNER, key, one.clone()), change(OWNER, key, other.clone())]
        })
        .await;
    }
}

#[tokio::test]
async fn change_and_its_reversal_are_serializable() {
    for (first, reversal) in [
        (disable(true), disable(false)),
        (narrow(["read"]), narrow(ALL_PERMISSIONS)),
        (limit_to(Some([ADDRESSES[1]].into())), limit_to(None)),
    ] {
        race_in_every_order(async |comparison| {
            let key = key(comparison).await;
            comparison.apply_now(&change(OWNER, key, first.clone())).await;
            vec![change(OWNER, key, first.clone()), change(OWNER, key, reversal.clone())]
        })
        .await;
    }
}

#[tokio::test]
async fn changes_of_one_key_by_its_creator_and_an_admin_are_serializable() {
    for by_admin in [disable(true), narrow(["read"])] {
        race_in_every_order(async |comparison| {
            let (_, by) = member(comparison, permissions(["read", "write"])).await;
            comparison.apply_now(&new_key(by, ["read"])).await;
            let key = comparison.model.keys.len() - 1;
            comparison.apply_now(&change(by, key, disable(true))).await;
            vec![change(OWNER, key, by_admin.clone()), change(by, key, disable(false))]
        })
        .await;
    }
}

#[tokio::test]
async fn changes_of_two_keys_by_each_other_are_serializable() {
    for restricting in [narrow(["admin"]), disable(true)] {
        race_in_every_order(async |comparison| {
            let (one, other) = (key(comparison).await, key(comparison).await);
            vec![
                change(Caller::Key(one, 0), other, restricting.clone()),
                change(Caller::Key(other, 0), one, restricting.clone()),
            ]
        })
        .await;
    }
}

#[tokio::test]
async fn change_and_rotation_of_one_key_are_serializable() {
    let [_, other] = ADDRESSES;
    let earlier_expiry = KeyChange { lifetime: Some(Some(60)), ..KeyChange::default() };
    for (changed, is_by_itself) in [
        (rename(1), false),
        (disable(true), false),
        (disable(true), true),
        (limit_to(Some([other].into())), true),
        (earlier_expiry, true),
    ] {
        race_in_every_order(async |comparison| {
            let key = rotated_key(comparison).await;
            let by = if is_by_itself { Caller::Key(key, 0) } else { OWNER };
            vec![change(OWNER, key, changed.clone()), rotate(by, key, 600)]
        })
        .await;
    }
}

#[tokio::test]
async fn change_and_revocation_of_one_key_are_serializable() {
    for changed in [rename(1), disable(false)] {
        for is_by_itself in [false, true] {
            race_in_every_order(async |comparison| {
                let key = key(comparison).await;
                comparison.apply_now(&change(OWNER, key, disable(!is_by_itself))).await;
                let by = if is_by_itself { Caller::Key(key, 0) } else { OWNER };
                vec![change(OWNER, key, changed.clone()), Operation::RevokeKey { by, key }]
            })
            .await;
        }
    }
}

#[tokio::test]
async fn change_and_use_of_the_key_are_serializable() {
    let operations = ["read", "read another", "create", "rotate another", "change another"];
    for (name, restricting) in operations.into_iter().zip(restricting_changes().into_iter().cycle()) {
        race_in_every_order(async |comparison| {
            let (key, other) = (key(comparison).await, key(comparison).await);
            let by = Caller::Key(key, 0);
            let operation = match name {
                "read" => read(by, Resource::Me),
                "read another" => read(by, Resource::Key(other)),
                "create" => new_key(by, ["read"]),
                "rotate another" => rotate(by, other, 60),
                _ => change(by, other, rename(1)),
            };
            vec![change(OWNER, key, restricting.clone()), operation]
        })
        .await;
    }
}

#[tokio::test]
async fn change_and_member_creation_by_the_key_are_serializable() {
    race_in_every_order(async |comparison| {
        let key = key(comparison).await;
        let by = Caller::Key(key, 0);
        let create = Operation::CreateMember { by, permissions: permissions(["read"]) };
        vec![change(OWNER, key, narrow(["admin"])), create]
    })
    .await;
}

#[tokio::test]
async fn demotion_and_change_of_a_key_by_the_member_are_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = colleague(comparison).await;
        let key = key(comparison).await;
        comparison.apply_now(&change(OWNER, key, narrow(["read"]))).await;
        vec![demote(OWNER, member), change(by, key, narrow(["read", "write"]))]
    })
    .await;
}

#[tokio::test]
async fn rotation_and_revocation_are_serializable() {
    race_in_every_order(async |comparison| {
        let key = rotated_key(comparison).await;
        vec![rotate(OWNER, key, 60), Operation::RevokeKey { by: OWNER, key }]
    })
    .await;
}

#[tokio::test]
async fn revocation_and_use_of_the_key_are_serializable() {
    for operation in [|by| read(by, Resource::Me), |by| new_key(by, ["read"])] {
        race_in_every_order(async |comparison| {
            let key = key(comparison).await;
            vec![Operation::RevokeKey { by: OWNER, key }, operation(Caller::Key(key, 0))]
        })
        .await;
    }
}

#[tokio::test]
async fn account_suspension_and_use_of_a_key_are_serializable() {
    for name in ["read", "read with a session", "create", "rotate"] {
        race_in_every_order(async |comparison| {
            *comparison = new_account(&comparison.service).await;
            let key = key(comparison).await;
            let by = Caller::Key(key, 0);
            let operation = match name {
                "read" => read(by, Resource::Me),
                "read with a session" => read(OWNER, Resource::Sessions),
                "create" => new_key(OWNER, ["read"]),
                _ => rotate(by, key, 60),
            };
            vec![Operation::SuspendAccount { account: 0 }, operation]
        })
        .await;
    }
}

#[tokio::test]
async fn demotion_and_key_creation_by_the_member_are_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = colleague(comparison).await;
        vec![demote(OWNER, member), new_key(by, ["read", "admin"])]
    })
    .await;
}

#[tokio::test]
async fn removal_and_rotation_by_the_member_are_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = colleague(comparison).await;
        let key = key(comparison).await;
        vec![Operation::RemoveMember { by: OWNER, member }, rotate(by, key, 0)]
    })
    .await;
}

#[tokio::test]
async fn two_changes_of_one_member_are_serializable() {
    race_in_every_order(async |comparison| {
        let (member, _) = colleague(comparison).await;
        vec![demote(OWNER, member), suspend(OWNER, member)]
    })
    .await;
}

#[tokio::test]
async fn mutual_removal_of_two_admins_is_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = two_admins(comparison).await;
        vec![Operation::RemoveMember { by: OWNER, member }, Operation::RemoveMember { by, member: 0 }]
    })
    .await;
}

#[tokio::test]
async fn self_demotion_of_two_admins_is_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = two_admins(comparison).await;
        vec![demote(OWNER, 0), demote(by, member)]
    })
    .await;
}

#[tokio::test]
async fn two_members_with_all_permissions_who_each_give_some_up_are_serializable() {
    race_in_every_order(async |comparison| {
        let (member, by) = two_admins(comparison).await;
        let narrow = |by, member| Operation::ChangeMember {
            by,
            member,
            permissions: Some(permissions(["read", "admin"])),
            suspended: None,
        };
        vec![narrow(OWNER, 0), narrow(by, member)]
    })
    .await;
}

#[tokio::test]
async fn creation_and_listing_are_serializable() {
    let project = Operation::CreateProject { by: OWNER, environment: Live };
    let member = Operation::CreateMember { by: OWNER, permissions: permissions(["read"]) };
    for (new, list) in [
        (new_key(OWNER, ["read"]), Resource::Keys),
        (project, Resource::Projects(Live)),
        (member, Resource::Members),
        (Operation::LogIn { member: 0, password: 0 }, Resource::Sessions),
    ] {
        race_in_every_order(async |comparison| {
            // The first creation in an account makes more calls, because it counts the keys.
            key(comparison).await;
            vec![new.clone(), read(OWNER, list)]
        })
        .await;
    }
}

#[tokio::test]
async fn logout_and_use_of_the_session_are_serializable() {
    race_in_every_order(async |comparison| {
        // The first creation in an account makes more calls, because it counts the keys.
        key(comparison).await;
        let by = session(comparison, 0).await;
        vec![Operation::LogOut { by }, new_key(by, ["read"])]
    })
    .await;
}

#[tokio::test]
async fn end_of_all_other_sessions_and_operations_of_another_session_are_serializable() {
    for name in ["end others", "create key", "end all", "log out", "read"] {
        race_in_every_order(async |comparison| {
            *comparison = new_account(&comparison.service).await;
            let by = session(comparison, 0).await;
            let operation = match name {
                "end others" => Operation::EndOtherSessions { by },
                "create key" => new_key(by, ["read"]),
                "end all" => Operation::EndMemberSessions { by, member: 0 },
                "log out" => Operation::LogOut { by },
                _ => read(by, Resource::Me),
            };
            vec![Operation::EndOtherSessions { by: OWNER }, operation]
        })
        .await;
    }
}

#[tokio::test]
async fn end_of_a_members_sessions_and_operations_of_the_member_are_serializable() {
    for name in ["create key", "end of the other admin"] {
        race_in_every_order(async |comparison| {
            let (member, by) = two_admins(comparison).await;
            let operation = match name {
                "create key" => new_key(by, ["read"]),
                _ => Operation::EndMemberSessions { by, member: 0 },
            };
            vec![Operation::EndMemberSessions { by: OWNER, member }, operation]
        })
        .await;
    }
}

#[tokio::test]
async fn key_that_ends_sessions_while_the_member_gets_admin_is_serializable() {
    race_in_every_order(async |comparison| {
        let key = key(comparison).await;
        let (member, _) = member(comparison, permissions(["read"])).await;
        let promote = Operation::ChangeMember {
            by: OWNER,
            member,
            permissions: Some(permissions(["read", "admin"])),
            suspended: None,
        };
        vec![promote, Operation::EndMemberSessions { by: Caller::Key(key, 0), member }]
    })
    .await;
}

#[tokio::test]
async fn suspension_with_restoration_and_key_creation_by_a_session_are_serializable() {
    race_in_every_order(async |comparison| {
        *comparison = new_account(&comparison.service).await;
        let (suspend, restore) =
            (Operation::SuspendAccount { account: 0 }, Operation::RestoreAccount { account: 0 });
        vec![suspend, restore, new_key(OWNER, ["read"])]
    })
    .await;
}

#[test]
fn password_change_and_login_are_serializable() {
    let runtime = Runtime::new().expect("a runtime");
    let (service, dynamodb) = runtime.block_on(OwnService::start_with_dynamodb());
    let service = Arc::new(service);
    let name = select(vec!["log in", "change password", "create key"]);
    seeded::cases(24, &(name, vec(any::<u8>(), 20)), |_, (name, schedule)| {
        runtime.block_on(async {
            let mut comparison = Comparison::start(Arc::clone(&service), 1).await;
            let by = session(&mut comparison, 0).await;
            let operation = match name {
                "log in" => Operation::LogIn { member: 0, password: 0 },
                "change password" => Operation::ChangePassword { by, current: 0, new: 2 },
                _ => new_key(by, ["read"]),
            };
            let operations = [Operation::ChangePassword { by: OWNER, current: 0, new: 1 }, operation];
            let mut choices = schedule.into_iter().cycle();
            let choose = |alternatives| usize::from(choices.next().expect("an endless cycle")) % alternatives;
            race(&mut comparison, &dynamodb, &operations, choose).await;
        });
    });
}

/// Generates a change of a key.
fn any_change() -> impl Strategy<Value = KeyChange> {
    select(
        [restricting_changes(), vec![rename(1), narrow(ALL_PERMISSIONS), disable(false), limit_to(None)]]
            .concat(),
    )
}

/// Generates an operation of one of two admins or two keys. The previous secret of the first key is valid.
///
/// An operation that grants nothing succeeds even if its caller has lost access by the time of its write. If two callers take
/// access from each other, two such operations can both succeed, which no order explains. Therefore, only the owner, who
/// never loses access here, revokes keys and creates projects. No operation reads a list, ends a session or suspends the
/// account.
fn any_operation() -> impl Strategy<Value = Operation> {
    const OTHER_ADMIN: usize = 1;
    let by =
        || select(vec![OWNER, Caller::Session(1), Caller::Key(0, 0), Caller::Key(0, 1), Caller::Key(1, 0)]);
    let key = || 0..2_usize;
    prop_oneof![
        4 => (by(), key(), select(vec![0, 60])).prop_map(|(by, key, grace_period)| rotate(by, key, grace_period)),
        2 => key().prop_map(|key| Operation::RevokeKey { by: OWNER, key }),
        4 => (by(), key(), any_change()).prop_map(|(by, key, changed)| change(by, key, changed)),
        3 => by().prop_map(|by| new_key(by, ["read", "admin"])),
        1 => Just(Operation::CreateProject { by: OWNER, environment: Live }),
        1 => by().prop_map(|by| demote(by, OTHER_ADMIN)),
        1 => by().prop_map(|by| suspend(by, OTHER_ADMIN)),
        1 => by().prop_map(|by| Operation::RemoveMember { by, member: OTHER_ADMIN }),
        2 => by().prop_map(|by| read(by, Resource::Me)),
    ]
}

#[test]
fn operations_of_two_admins_and_two_keys_are_serializable() {
    let runtime = Runtime::new().expect("a runtime");
    let (service, dynamodb) = runtime.block_on(OwnService::start_with_dynamodb());
    let service = Arc::new(service);
    let environment = select(vec![Live, Test]);
    let cases = (environment, vec(any_operation(), 2..4), vec(any::<u8>(), 20));
    seeded::cases(24, &cases, |_, (environment, operations, schedule)| {
        runtime.block_on(async {
            let mut comparison = Comparison::start(Arc::clone(&service), 1).await;
            colleague(&mut comparison).await;
            rotated_key(&mut comparison).await;
            let scope = Some([0].into());
            let narrow = Operation::CreateKey {
                by: OWNER,
                permissions: permissions(["read", "write", "admin"]),
                environment,
                scope,
                allowed_ips: None,
                lifetime: Some(60),
            };
            comparison.apply_now(&narrow).await;
            let mut choices = schedule.into_iter().cycle();
            let choose = |alternatives| usize::from(choices.next().expect("an endless cycle")) % alternatives;
            race(&mut comparison, &dynamodb, &operations, choose).await;
        });
    });
}
