//! Random histories: sequences of operations of the whole API, applied to the service and to the reference model.
//!
//! Each response must be the one of the model. At the end, requests with every credential must show the state of the model.

use std::{ffi::OsStr, fmt::Debug, sync::Arc};

use gateway::Data;
use proptest::{
    collection::btree_set,
    prelude::*,
    sample::{select, subsequence},
    strategy::Union,
    test_runner::Config,
};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use shared::primitives::environment::Environment;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    races::model::{
        ADDRESSES, ALL_PERMISSIONS, AllowedIps, Caller, Model, Permissions, Scope, Status,
        comparison::Comparison,
        operation::{KeyChange, Operation, Resource},
    },
    seeded,
    service::OwnService,
};

/// The number of accounts.
const ACCOUNTS: usize = 2;
/// The maximum number of members. Each of them costs an Argon2 run.
const MAX_MEMBERS: usize = 5;
/// The possible lengths of a pause, in seconds. Some end just before or after the end of a session, of a grace period
/// or of a key.
const TIME_STEPS: [i64; 12] = [1, 2, 5, 30, 58, 59, 60, 600, 3_598, 3_599, 43_199, 86_400];
/// The possible lifetimes of keys, in seconds.
const LIFETIMES: [i64; 6] = [1, 2, 5, 60, 3_600, 100_000];
/// The possible grace periods of rotations, in seconds.
const GRACE_PERIODS: [i64; 6] = [0, 1, 5, 60, 3_600, 604_800];

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// An operation, one second after the step before.
    Apply(Operation),
    /// A pause of this many seconds.
    Pass(i64),
    /// A restart of the service with its stored data.
    Restart,
}

/// The reference model as a state machine, from which proptest generates histories.
struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::with_accounts(ACCOUNTS)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        steps(model)
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        match step {
            Step::Apply(operation) => {
                model.now += 1;
                model.apply(operation);
            }
            Step::Pass(seconds) => model.now += seconds,
            Step::Restart => {}
        }
        model
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        let Step::Apply(operation) = step else { return true };
        // The model does not describe the throttling of wrong passwords.
        let is_right = |member: usize, password: u8| {
            let member = &model.members[member];
            member.password == password && member.status != Status::Removed
        };
        operation.refers_to_known_entities(model)
            && match operation {
                Operation::LogIn { member, password } => is_right(*member, *password),
                Operation::ChangePassword { by: Caller::Session(session), current, .. } => {
                    is_right(model.sessions[*session].member, *current)
                }
                Operation::CreateMember { .. } => model.members.len() < MAX_MEMBERS,
                _ => true,
            }
    }
}

/// Generates a credential, in most cases a valid one.
fn caller(model: &Model) -> BoxedStrategy<Caller> {
    let all = model.callers();
    let valid: Vec<_> = all.iter().copied().filter(|caller| model.is_valid(*caller)).collect();
    mostly(valid, all)
}

/// Generates a credential and the number of an entity, in most cases one of the credential's own account. `accounts` contains the
/// account of each entity.
fn caller_and_entity(model: &Model, accounts: &[usize]) -> BoxedStrategy<(Caller, usize)> {
    let with_any = |by: Caller| (0..accounts.len()).map(move |n| (by, n));
    let all: Vec<_> = model.callers().into_iter().flat_map(with_any).collect();
    let own = |(by, n): &(Caller, usize)| model.is_valid(*by) && model.account_of(*by) == accounts[*n];
    mostly(all.iter().copied().filter(own).collect(), all)
}

/// Generates one of `preferred` in most cases, and one of `all` otherwise.
fn mostly<T: Clone + Debug + 'static>(preferred: Vec<T>, all: Vec<T>) -> BoxedStrategy<T> {
    if preferred.is_empty() {
        select(all).boxed()
    } else {
        prop_oneof![7 => select(preferred), 1 => select(all)].boxed()
    }
}

pub fn permissions() -> impl Strategy<Value = Permissions> {
    // One in three has all permissions. Otherwise, keys that were created by keys would soon have none.
    let some =
        subsequence(ALL_PERMISSIONS.to_vec(), 1..=ALL_PERMISSIONS.len()).prop_map(Permissions::from_iter);
    prop_oneof![1 => Just(Permissions::from(ALL_PERMISSIONS)), 2 => some]
}

pub fn environment() -> impl Strategy<Value = Environment> + Clone {
    select(Environment::ALL.to_vec())
}

/// Generates the addresses of a key. In most cases, they include the address of the tests.
fn allowed_ips() -> impl Strategy<Value = AllowedIps> {
    let [own, other] = ADDRESSES;
    prop_oneof![
        6 => Just(None),
        2 => Just(Some([own].into())),
        1 => Just(Some([own, other].into())),
        1 => Just(Some([other].into())),
    ]
}

fn scope(model: &Model) -> impl Strategy<Value = Scope> + use<> {
    prop::option::weighted(0.4, btree_set(0..model.projects.len(), 1..3))
}

/// Generates a change of a key. It may be empty, or contain an expiry that is not in the future.
fn key_change(model: &Model) -> impl Strategy<Value = KeyChange> + use<> {
    let lifetimes = [&LIFETIMES[..], &[0]].concat();
    let lifetime = prop::option::weighted(0.7, select(lifetimes));
    let fields = (
        prop::option::weighted(0.3, 0..3_u8),
        prop::option::weighted(0.3, permissions()),
        prop::option::weighted(0.3, scope(model)),
        prop::option::weighted(0.2, lifetime),
        prop::option::weighted(0.3, allowed_ips()),
        prop::option::weighted(0.4, any::<bool>()),
    );
    fields.prop_map(|(name, permissions, scope, lifetime, allowed_ips, disabled)| KeyChange {
        name,
        permissions,
        scope,
        lifetime,
        allowed_ips,
        disabled,
    })
}

/// Generates the next step of a history, given the model after the steps before.
fn steps(model: &Model) -> BoxedStrategy<Step> {
    let operations = [account_operations(model), key_operations(model), project_operations(model)].concat();
    let apply = Union::new_weighted(operations).prop_map(Step::Apply);
    let pass = select(TIME_STEPS.to_vec()).prop_map(Step::Pass);
    prop_oneof![40 => apply, 8 => pass, 1 => Just(Step::Restart)].boxed()
}

/// Operations with their weights.
type Operations = Vec<(u32, BoxedStrategy<Operation>)>;

fn account_operations(model: &Model) -> Operations {
    let by = || caller(model);
    let accounts: Vec<_> = model.members.iter().map(|member| member.account).collect();
    let passwords: Vec<_> = model.members.iter().map(|member| member.password).collect();
    let current: Vec<_> = model.sessions.iter().map(|session| passwords[session.member]).collect();
    let log_in =
        (0..passwords.len()).prop_map(move |member| Operation::LogIn { member, password: passwords[member] });
    let change_password = (by(), 1..5_u8).prop_map(move |(by, new)| {
        let current = if let Caller::Session(session) = by { current[session] } else { 0 };
        Operation::ChangePassword { by, current, new }
    });
    let end_session =
        (by(), 0..model.sessions.len()).prop_map(|(by, session)| Operation::EndSession { by, session });
    let end_others = by().prop_map(|by| Operation::EndOtherSessions { by });
    let end_of_member = caller_and_entity(model, &accounts)
        .prop_map(|(by, member)| Operation::EndMemberSessions { by, member });
    let create =
        (by(), permissions()).prop_map(|(by, permissions)| Operation::CreateMember { by, permissions });
    let patch = (prop::option::of(permissions()), prop::option::of(any::<bool>()));
    let change =
        (caller_and_entity(model, &accounts), patch).prop_map(|((by, member), (permissions, suspended))| {
            Operation::ChangeMember { by, member, permissions, suspended }
        });
    let remove =
        caller_and_entity(model, &accounts).prop_map(|(by, member)| Operation::RemoveMember { by, member });
    let account = 0..model.accounts.len();
    vec![
        (4, log_in.boxed()),
        (1, by().prop_map(|by| Operation::LogOut { by }).boxed()),
        (1, end_session.boxed()),
        (1, end_others.boxed()),
        (1, end_of_member.boxed()),
        (2, change_password.boxed()),
        (3, create.boxed()),
        (4, change.boxed()),
        (1, remove.boxed()),
        (1, account.clone().prop_map(|account| Operation::SuspendAccount { account }).boxed()),
        (2, account.prop_map(|account| Operation::RestoreAccount { account }).boxed()),
    ]
}

fn key_operations(model: &Model) -> Operations {
    let by = || caller(model);
    let lifetime = prop::option::weighted(0.4, select(LIFETIMES.to_vec()));
    let create = (by(), permissions(), environment(), scope(model), allowed_ips(), lifetime).prop_map(
        |(by, permissions, environment, scope, allowed_ips, lifetime)| Operation::CreateKey {
            by,
            permissions,
            environment,
            scope,
            allowed_ips,
            lifetime,
        },
    );
    let mut operations = vec![(6, create.boxed())];
    let accounts: Vec<_> = model.keys.iter().map(|key| key.account).collect();
    if !accounts.is_empty() {
        let grace_period = || select(GRACE_PERIODS.to_vec());
        let rotate = (caller_and_entity(model, &accounts), grace_period())
            .prop_map(|((by, key), grace_period)| Operation::RotateKey { by, key, grace_period });
        // A key needs no permission to rotate itself.
        let secrets = model.callers().into_iter().filter_map(|caller| match caller {
            Caller::Key(key, _) => Some((caller, key)),
            Caller::Session(_) => None,
        });
        let itself = (select(secrets.collect::<Vec<_>>()), grace_period())
            .prop_map(|((by, key), grace_period)| Operation::RotateKey { by, key, grace_period });
        let revoke =
            caller_and_entity(model, &accounts).prop_map(|(by, key)| Operation::RevokeKey { by, key });
        let change = (caller_and_entity(model, &accounts), key_change(model))
            .prop_map(|((by, key), change)| Operation::ChangeKey { by, key, change });
        operations.extend([
            (6, rotate.boxed()),
            (3, itself.boxed()),
            (1, revoke.boxed()),
            (9, change.boxed()),
        ]);
    }
    operations
}

fn project_operations(model: &Model) -> Operations {
    let accounts: Vec<_> = model.projects.iter().map(|project| project.account).collect();
    let caller_and_project = || (caller_and_entity(model, &accounts), environment());
    let create = (caller(model), environment())
        .prop_map(|(by, environment)| Operation::CreateProject { by, environment });
    let rename = (caller_and_project(), 0..3_u8).prop_map(|(((by, project), environment), name)| {
        Operation::RenameProject { by, project, environment, name }
    });
    let delete = caller_and_project().prop_map(|((by, project), environment)| Operation::DeleteProject {
        by,
        project,
        environment,
    });
    let list = caller(model).prop_map(|by| Operation::Read { by, resource: Resource::Keys });
    vec![(3, create.boxed()), (2, rename.boxed()), (1, delete.boxed()), (1, list.boxed())]
}

/// The service and the model during a history.
struct HistoryTest {
    /// `None` during a restart.
    comparison: Option<Comparison>,
    folder: TempDir,
    runtime: Runtime,
}

impl HistoryTest {
    fn start(runtime: &Runtime, folder: &TempDir) -> Arc<OwnService> {
        let name = folder.path().file_name().and_then(OsStr::to_str).expect("a name");
        let service = runtime.block_on(OwnService::start_with(|options| {
            options.data = Data::Folder(folder.path().to_owned());
            options.stack = format!("test{name}");
            // The requests at the end are more than the default limit of a test key.
            options.parameters.insert("TestRequestsPerMinute".to_owned(), "6000".to_owned());
        }));
        Arc::new(service)
    }

    fn restart(&mut self) {
        let Comparison { service, model, mapping, ignored } =
            self.comparison.take().expect("the service is running");
        let now = service.time.now().unix_timestamp();
        let service = Arc::into_inner(service).expect("no request is in progress");
        self.runtime.block_on(service.gateway.stop());
        let service = Self::start(&self.runtime, &self.folder);
        service.time.pass(now - service.time.now().unix_timestamp());
        self.comparison = Some(Comparison { service, model, mapping, ignored });
    }
}

impl StateMachineTest for HistoryTest {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Model) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let comparison = runtime.block_on(Comparison::start(Self::start(&runtime, &folder), ACCOUNTS));
        Self { comparison: Some(comparison), folder, runtime }
    }

    fn apply(mut test: Self, _: &Model, step: Step) -> Self {
        let comparison = test.comparison.as_mut().expect("the service is running");
        match step {
            Step::Apply(operation) => test.runtime.block_on(comparison.apply(&operation)),
            Step::Pass(seconds) => {
                let all = comparison.model.callers().into_iter();
                let valid: Vec<_> = all.filter(|caller| comparison.model.is_valid(*caller)).collect();
                comparison.pass(seconds);
                // Credentials that have just expired are used at once.
                for by in
                    valid.into_iter().filter(|caller| !comparison.model.is_valid(*caller)).collect::<Vec<_>>()
                {
                    let read = Operation::Read { by, resource: Resource::Me };
                    test.runtime.block_on(comparison.apply_now(&read));
                }
            }
            Step::Restart => test.restart(),
        }
        test
    }

    /// Every credential that was issued reads everything that the model describes.
    fn teardown(mut test: Self, _: Model) {
        let comparison = test.comparison.as_mut().expect("the service is running");
        for by in comparison.model.callers() {
            for probe in comparison.model.probes(by) {
                comparison.service.time.back_to_second_start();
                test.runtime.block_on(comparison.apply_now(&probe));
            }
        }
    }
}

#[test]
fn random_history_matches_the_model() {
    let histories = Reference::sequential_strategy(20..40);
    seeded::cases(32, &histories, |config: &Config, (model, steps, counter)| {
        HistoryTest::test_sequential(config.clone(), model, steps, counter);
    });
}
