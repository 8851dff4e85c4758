//! Random histories of the whole API, one request after the other: the service answers each as the reference model
//! does, and lets in afterwards whom that lets in, and shows what that holds.

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
        Caller, Model, RIGHTS, Rights, Status,
        operation::{Operation, What},
        pair::Pair,
    },
    seeded,
    service::OwnService,
};

/// How many accounts there are.
const ACCOUNTS: usize = 2;
/// How many members there are at most, since each costs an Argon2 run.
const MAX_MEMBERS: usize = 5;
/// How many seconds pass at once: about all ends of sessions, overlaps and keys, and far behind them.
const PASSING: [i64; 12] = [1, 2, 5, 30, 58, 59, 60, 600, 3_598, 3_599, 43_199, 86_400];
/// How long keys live.
const LIVES: [i64; 6] = [1, 2, 5, 60, 3_600, 100_000];
/// How long overlaps last.
const GRACES: [i64; 6] = [0, 1, 5, 60, 3_600, 604_800];

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Something is asked for, a second after what was before.
    Ask(Operation),
    /// So many seconds pass.
    Pass(i64),
    /// The service stops, and starts again on what it kept.
    Restart,
}

/// The reference model, as proptest makes histories of it.
struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::begun(ACCOUNTS)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        steps(model)
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        match step {
            Step::Ask(operation) => {
                model.now += 1;
                model.apply(operation);
            }
            Step::Pass(seconds) => model.now += seconds,
            Step::Restart => {}
        }
        model
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        let Step::Ask(operation) = step else { return true };
        // Wrong passwords are throttled, which the model knows nothing of.
        let is_right = |member: usize, password: u8| {
            let member = &model.members[member];
            member.password == password && member.status != Status::Removed
        };
        operation.makes_sense(model)
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

/// A credential: most often one that is valid.
fn caller(model: &Model) -> BoxedStrategy<Caller> {
    let all = model.callers();
    let valid: Vec<_> = all.iter().copied().filter(|caller| model.knows(*caller)).collect();
    often(valid, all)
}

/// A credential and the number of something, of which `accounts` says whose they are: most often its own account's.
fn caller_and(model: &Model, accounts: &[usize]) -> BoxedStrategy<(Caller, usize)> {
    let with_any = |by: Caller| (0..accounts.len()).map(move |n| (by, n));
    let all: Vec<_> = model.callers().into_iter().flat_map(with_any).collect();
    let own = |(by, n): &(Caller, usize)| model.knows(*by) && model.account_of(*by) == accounts[*n];
    often(all.iter().copied().filter(own).collect(), all)
}

/// One of `these`, or now and then one of `all`.
fn often<T: Clone + Debug + 'static>(these: Vec<T>, all: Vec<T>) -> BoxedStrategy<T> {
    if these.is_empty() {
        select(all).boxed()
    } else {
        prop_oneof![7 => select(these), 1 => select(all)].boxed()
    }
}

pub fn rights() -> impl Strategy<Value = Rights> {
    // As many as can be, often: else keys of keys could soon do nothing.
    let some = subsequence(RIGHTS.to_vec(), 1..=RIGHTS.len()).prop_map(Rights::from_iter);
    prop_oneof![1 => Just(Rights::from(RIGHTS)), 2 => some]
}

pub fn environment() -> impl Strategy<Value = Environment> + Clone {
    select(Environment::ALL.to_vec())
}

/// The next step of a history that has led to `model`.
fn steps(model: &Model) -> BoxedStrategy<Step> {
    let operations = [of_people(model), of_keys(model), of_projects(model)].concat();
    let ask = Union::new_weighted(operations).prop_map(Step::Ask);
    let pass = select(PASSING.to_vec()).prop_map(Step::Pass);
    prop_oneof![40 => ask, 8 => pass, 1 => Just(Step::Restart)].boxed()
}

/// Operations, and how often each is to come.
type Operations = Vec<(u32, BoxedStrategy<Operation>)>;

fn of_people(model: &Model) -> Operations {
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
    let create = (by(), rights()).prop_map(|(by, rights)| Operation::CreateMember { by, rights });
    let patch = (prop::option::of(rights()), prop::option::of(any::<bool>()));
    let change = (caller_and(model, &accounts), patch).prop_map(|((by, member), (rights, suspended))| {
        Operation::ChangeMember { by, member, rights, suspended }
    });
    let remove = caller_and(model, &accounts).prop_map(|(by, member)| Operation::RemoveMember { by, member });
    let account = 0..model.accounts.len();
    vec![
        (4, log_in.boxed()),
        (1, by().prop_map(|by| Operation::LogOut { by }).boxed()),
        (1, end_session.boxed()),
        (2, change_password.boxed()),
        (3, create.boxed()),
        (4, change.boxed()),
        (1, remove.boxed()),
        (1, account.clone().prop_map(|account| Operation::SuspendAccount { account }).boxed()),
        (2, account.prop_map(|account| Operation::RestoreAccount { account }).boxed()),
    ]
}

fn of_keys(model: &Model) -> Operations {
    let by = || caller(model);
    let scope = prop::option::weighted(0.4, btree_set(0..model.projects.len(), 1..3));
    let lives = prop::option::weighted(0.4, select(LIVES.to_vec()));
    let create =
        (by(), rights(), environment(), scope, lives).prop_map(|(by, rights, environment, scope, lives)| {
            Operation::CreateKey { by, rights, environment, scope, lives }
        });
    let mut operations = vec![(6, create.boxed())];
    let accounts: Vec<_> = model.keys.iter().map(|key| key.account).collect();
    if !accounts.is_empty() {
        let grace = || select(GRACES.to_vec());
        let rotate = (caller_and(model, &accounts), grace())
            .prop_map(|((by, key), grace)| Operation::RotateKey { by, key, grace });
        // The key itself needs no permission for it.
        let secrets = model.callers().into_iter().filter_map(|caller| match caller {
            Caller::Key(key, _) => Some((caller, key)),
            Caller::Session(_) => None,
        });
        let itself = (select(secrets.collect::<Vec<_>>()), grace())
            .prop_map(|((by, key), grace)| Operation::RotateKey { by, key, grace });
        let revoke = caller_and(model, &accounts).prop_map(|(by, key)| Operation::RevokeKey { by, key });
        operations.extend([(6, rotate.boxed()), (3, itself.boxed()), (1, revoke.boxed())]);
    }
    operations
}

fn of_projects(model: &Model) -> Operations {
    let accounts: Vec<_> = model.projects.iter().map(|project| project.account).collect();
    let named = || (caller_and(model, &accounts), environment());
    let create = (caller(model), environment())
        .prop_map(|(by, environment)| Operation::CreateProject { by, environment });
    let rename = (named(), 0..3_u8).prop_map(|(((by, project), environment), name)| {
        Operation::RenameProject { by, project, environment, name }
    });
    let delete = named().prop_map(|((by, project), environment)| Operation::DeleteProject {
        by,
        project,
        environment,
    });
    let list = caller(model).prop_map(|by| Operation::Show { by, what: What::Keys });
    vec![(3, create.boxed()), (2, rename.boxed()), (1, delete.boxed()), (1, list.boxed())]
}

/// A service and a model that have gone through a history.
struct Stage {
    /// None while the service starts anew.
    pair: Option<Pair>,
    folder: TempDir,
    runtime: Runtime,
}

impl Stage {
    fn start(runtime: &Runtime, folder: &TempDir) -> Arc<OwnService> {
        let name = folder.path().file_name().and_then(OsStr::to_str).expect("a name");
        let service = runtime.block_on(OwnService::start_with(|options| {
            options.data = Data::Folder(folder.path().to_owned());
            options.stack = format!("test{name}");
            // The last look asks more of a test key than it may ask by default.
            options.parameters.insert("TestRequestsPerMinute".to_owned(), "6000".to_owned());
        }));
        Arc::new(service)
    }

    fn restart(&mut self) {
        let Pair { service, model, names, past } = self.pair.take().expect("it runs");
        let now = service.time.now().unix_timestamp();
        let service = Arc::into_inner(service).expect("all requests are answered");
        self.runtime.block_on(service.gateway.stop());
        let service = Self::start(&self.runtime, &self.folder);
        service.time.pass(now - service.time.now().unix_timestamp());
        self.pair = Some(Pair { service, model, names, past });
    }
}

impl StateMachineTest for Stage {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Model) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let pair = runtime.block_on(Pair::begin(Self::start(&runtime, &folder), ACCOUNTS));
        Self { pair: Some(pair), folder, runtime }
    }

    fn apply(mut stage: Self, _: &Model, step: Step) -> Self {
        let pair = stage.pair.as_mut().expect("it runs");
        match step {
            Step::Ask(operation) => stage.runtime.block_on(pair.ask(&operation)),
            Step::Pass(seconds) => {
                let all = pair.model.callers().into_iter();
                let valid: Vec<_> = all.filter(|caller| pair.model.knows(*caller)).collect();
                pair.pass(seconds);
                // Who was let in until then asks at once.
                for by in valid.into_iter().filter(|caller| !pair.model.knows(*caller)).collect::<Vec<_>>() {
                    let asks = Operation::Show { by, what: What::Me };
                    stage.runtime.block_on(pair.ask_at_once(&asks));
                }
            }
            Step::Restart => stage.restart(),
        }
        stage
    }

    /// Every credential that was ever shown asks for everything.
    fn teardown(mut stage: Self, _: Model) {
        let pair = stage.pair.as_mut().expect("it runs");
        for by in pair.model.callers() {
            pair.service.time.stay_in_second();
            for probe in pair.model.probes(by) {
                stage.runtime.block_on(pair.ask_at_once(&probe));
            }
        }
    }
}

#[test]
fn lead_where_they_lead_the_model() {
    let histories = Reference::sequential_strategy(20..40);
    seeded::cases(32, &histories, |config: &Config, (model, steps, seen)| {
        Stage::test_sequential(config.clone(), model, steps, seen);
    });
}
