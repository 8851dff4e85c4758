//! Operations at the same moment: in whatever order their calls to the table meet, there is an order of the operations
//! in which the reference model gives the same answers, and in which it ends as the service does.
//!
//! Few operations meet in every order that there is, more of them in some.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use shared::primitives::environment::Environment::{Live, Test};
use tokio::runtime::Runtime;

use crate::{
    dynamodb::DynamoDb,
    races::model::{
        Caller, Model, RIGHTS, Rights,
        names::{Names, Seen, seen},
        operation::{Operation, What},
        pair::Pair,
    },
    response::Answer,
    seeded,
    service::OwnService,
};

/// Who made the account.
const OWNER: Caller = Caller::Session(0);

/// All ways to choose, one after the other: the last choice that has another way takes it.
#[derive(Default)]
struct Choices {
    /// What was chosen, and among how many.
    made: Vec<(usize, usize)>,
    place: usize,
}

impl Choices {
    fn choose(&mut self, among: usize) -> usize {
        if self.place == self.made.len() {
            self.made.push((0, among));
        }
        let (chosen, as_before) = self.made[self.place];
        assert_eq!(among, as_before, "the same choices lead to the same");
        self.place += 1;
        chosen
    }

    /// Whether there is another way.
    fn next(&mut self) -> bool {
        self.made.truncate(self.place);
        self.place = 0;
        while let Some((chosen, among)) = self.made.pop() {
            if chosen + 1 < among {
                self.made.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

/// What the credentials are told, by which one it is and what it asks for.
type Sight = BTreeMap<String, Seen>;

/// One way in which it may have come about: the model after the operations in some order.
#[derive(Clone)]
struct Explanation {
    model: Model,
    names: Names,
}

/// All orders of `0..length`.
fn orders(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = orders(last);
    let with_last = |order: &Vec<usize>| {
        let order = order.clone();
        (0..length).map(move |place| {
            let mut order = order.clone();
            order.insert(place, last);
            order
        })
    };
    shorter.iter().flat_map(with_last).collect()
}

/// Whether `operation` may have been refused because another came between: before its write, or before it looked for
/// what is gone, as a key never is.
fn was_overtaken(operation: &Operation, answer: &Answer) -> bool {
    let is_of_key = matches!(operation, Operation::RotateKey { .. } | Operation::RevokeKey { .. });
    answer.status == 404 && !is_of_key
        || answer.status == 409 && answer.body["error"]["message"] == "Another change came first"
}

impl Explanation {
    /// Whether the operations, in this order, are answered like this.
    fn of(pair: &Pair, operations: &[Operation], answers: &[Answer], order: &[usize]) -> Option<Self> {
        let mut explanation = Self { model: pair.model.clone(), names: pair.names.clone() };
        let mut was_changed = false;
        for n in order {
            let (operation, answer) = (&operations[*n], &answers[*n]);
            if let Some(next) = explanation.after(operation, answer) {
                explanation = next;
                was_changed |= answer.status < 300 && !matches!(operation, Operation::Show { .. });
            } else if !(was_changed && was_overtaken(operation, answer)) {
                return None;
            }
        }
        Some(explanation)
    }

    /// With one more operation, if that is answered like this.
    fn after(&self, operation: &Operation, answer: &Answer) -> Option<Self> {
        let Self { mut model, mut names } = self.clone();
        let outcome = model.apply(operation);
        if outcome.status != answer.status {
            return None;
        }
        names.learn(operation, answer);
        let is_as_expected = names.expected(&model, &outcome) == seen(answer, outcome.shows_something());
        is_as_expected.then_some(Self { model, names })
    }

    /// What is asked afterwards: by all credentials but those of the `past` who they are, and by somebody what there is.
    fn looks(&self, (sessions, keys): (usize, usize)) -> Vec<Operation> {
        let is_new = |caller: &Caller| match caller {
            Caller::Session(session) => *session >= sessions,
            Caller::Key(key, _) => *key >= keys,
        };
        let all = self.model.callers();
        let asked: Vec<_> = all.into_iter().filter(|caller| *caller == OWNER || is_new(caller)).collect();
        let mut looks: Vec<_> = asked.iter().map(|by| show(*by, What::Me)).collect();
        if let Some(by) = asked.iter().find(|by| matches!(by, Caller::Session(_)) && self.model.knows(**by)) {
            let lists = [What::Keys, What::Members, What::Sessions, What::Projects(Live)];
            looks.extend(lists.map(|what| show(*by, what)));
        }
        looks
    }

    fn sight_of(&self, look: &Operation, seen: Seen) -> (String, Seen) {
        let Operation::Show { by, what } = look else { panic!("a look") };
        (format!("{what:?} with {}", self.names.credential(*by).0), seen)
    }

    /// What is seen of the service.
    async fn look(&self, service: &Arc<OwnService>, looks: &[Operation]) -> Sight {
        let mut sight = Sight::new();
        for look in looks {
            let answer = self.names.send(service, self.model.now, look).await;
            sight.extend([self.sight_of(look, seen(&answer, true))]);
        }
        sight
    }

    /// What would be seen, if this is how it came about.
    fn foresee(&mut self, looks: &[Operation]) -> Sight {
        let foreseen = looks.iter().map(|look| {
            let outcome = self.model.apply(look);
            self.sight_of(look, self.names.expected(&self.model, &outcome))
        });
        foreseen.collect()
    }
}

/// Lets `operations` meet as `choose` says, and takes the model on to what explains what came of it.
async fn race(
    pair: &mut Pair,
    dynamodb: &DynamoDb,
    operations: &[Operation],
    choose: impl FnMut(usize) -> usize,
) {
    pair.service.time.stay_in_second();
    let asked = operations.iter().map(|operation| pair.names.send(&pair.service, pair.model.now, operation));
    let answers = dynamodb.interleave(asked.collect(), choose).await;

    let said: Vec<_> = answers.iter().map(|answer| (answer.status, &answer.text)).collect();
    let explain = |order: Vec<usize>| Explanation::of(pair, operations, &answers, &order);
    let mut explanations: Vec<_> = orders(operations.len()).into_iter().filter_map(explain).collect();
    assert!(!explanations.is_empty(), "no order of {operations:?} is answered {said:?}");

    // Of a suspended account little is to be seen until it is restored.
    for restore in [None, Some(Operation::RestoreAccount { account: 0 })] {
        if let Some(restore) = restore {
            if !operations.iter().any(|operation| matches!(operation, Operation::SuspendAccount { .. })) {
                break;
            }
            pair.names.send(&pair.service, pair.model.now, &restore).await;
            for explanation in &mut explanations {
                explanation.model.apply(&restore);
            }
        }
        let looks = explanations[0].looks(pair.past);
        let sight = explanations[0].look(&pair.service, &looks).await;
        explanations.retain_mut(|explanation| explanation.foresee(&looks) == sight);
        assert!(!explanations.is_empty(), "after no order of {operations:?}, answered {said:?}: {sight:#?}");
    }
    let Explanation { model, names } = explanations.swap_remove(0);
    (pair.model, pair.names) = (model, names);
}

/// Lets operations meet in every order of their calls. `set_up` makes, each time anew, what they are about.
async fn in_every_order(set_up: impl AsyncFn(&mut Pair) -> Vec<Operation>) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let mut pair = Pair::begin(Arc::new(service), 1).await;
    pair.ask_at_once(&show(OWNER, What::Me)).await;
    let mut choices = Choices::default();
    loop {
        pair.leave_behind();
        pair.service.time.stay_in_second();
        let operations = set_up(&mut pair).await;
        race(&mut pair, &dynamodb, &operations, |among| choices.choose(among)).await;
        if !choices.next() {
            return;
        }
    }
}

fn rights<const N: usize>(names: [&'static str; N]) -> Rights {
    names.into()
}

fn new_key<const N: usize>(by: Caller, names: [&'static str; N]) -> Operation {
    Operation::CreateKey { by, rights: rights(names), environment: Live, scope: None, lives: None }
}

fn show(by: Caller, what: What) -> Operation {
    Operation::Show { by, what }
}

fn rotate(by: Caller, key: usize, grace: i64) -> Operation {
    Operation::RotateKey { by, key, grace }
}

fn demote(by: Caller, member: usize) -> Operation {
    Operation::ChangeMember { by, member, rights: Some(rights(["read"])), suspended: None }
}

fn suspend(by: Caller, member: usize) -> Operation {
    Operation::ChangeMember { by, member, rights: None, suspended: Some(true) }
}

/// A new key of the owner's, which may do everything. Returns its number.
async fn key(pair: &mut Pair) -> usize {
    pair.ask_at_once(&new_key(OWNER, RIGHTS)).await;
    pair.model.keys.len() - 1
}

/// A new key that has a secret in its overlap, too.
async fn rotated_key(pair: &mut Pair) -> usize {
    let key = key(pair).await;
    pair.ask_at_once(&rotate(OWNER, key, 60)).await;
    key
}

/// A new session of a member.
async fn session(pair: &mut Pair, member: usize) -> Caller {
    let password = pair.model.members[member].password;
    pair.ask_at_once(&Operation::LogIn { member, password }).await;
    let session = Caller::Session(pair.model.sessions.len() - 1);
    // Its first use is written down. With that done, there are fewer orders.
    pair.ask_at_once(&show(session, What::Me)).await;
    session
}

/// A new member who may do everything, and their session.
async fn colleague(pair: &mut Pair) -> (usize, Caller) {
    pair.ask_at_once(&Operation::CreateMember { by: OWNER, rights: RIGHTS.into() }).await;
    let member = pair.model.members.len() - 1;
    (member, session(pair, member).await)
}

/// A new account, whose owner has one colleague.
async fn two_admins(pair: &mut Pair) -> (usize, Caller) {
    *pair = Pair::begin(Arc::clone(&pair.service), 1).await;
    pair.ask_at_once(&show(OWNER, What::Me)).await;
    colleague(pair).await
}

#[tokio::test]
async fn two_rotations() {
    in_every_order(async |pair| {
        let key = rotated_key(pair).await;
        vec![rotate(OWNER, key, 60), rotate(OWNER, key, 0)]
    })
    .await;
}

#[tokio::test]
async fn a_rotation_by_the_owner_and_one_by_the_key_itself() {
    in_every_order(async |pair| {
        let key = rotated_key(pair).await;
        vec![rotate(OWNER, key, 60), rotate(Caller::Key(key, 0), key, 60)]
    })
    .await;
}

#[tokio::test]
async fn a_rotation_and_a_revocation() {
    in_every_order(async |pair| {
        let key = rotated_key(pair).await;
        vec![rotate(OWNER, key, 60), Operation::RevokeKey { by: OWNER, key }]
    })
    .await;
}

#[tokio::test]
async fn a_revocation_and_uses() {
    for of in [|by| show(by, What::Me), |by| new_key(by, ["read"])] {
        in_every_order(async |pair| {
            let key = key(pair).await;
            vec![Operation::RevokeKey { by: OWNER, key }, of(Caller::Key(key, 0))]
        })
        .await;
    }
}

#[tokio::test]
async fn a_suspension_of_the_account_and_uses() {
    for name in ["look", "make", "rotate"] {
        in_every_order(async |pair| {
            let key = key(pair).await;
            let by = Caller::Key(key, 0);
            let of = match name {
                "look" => show(by, What::Me),
                "make" => new_key(OWNER, ["read"]),
                _ => rotate(by, key, 60),
            };
            vec![Operation::SuspendAccount { account: 0 }, of]
        })
        .await;
    }
}

#[tokio::test]
async fn a_demotion_and_a_new_key_of_the_member() {
    in_every_order(async |pair| {
        let (member, by) = colleague(pair).await;
        vec![demote(OWNER, member), new_key(by, ["read", "admin"])]
    })
    .await;
}

#[tokio::test]
async fn a_removal_and_a_rotation_by_the_member() {
    in_every_order(async |pair| {
        let (member, by) = colleague(pair).await;
        let key = key(pair).await;
        vec![Operation::RemoveMember { by: OWNER, member }, rotate(by, key, 0)]
    })
    .await;
}

#[tokio::test]
async fn two_changes_of_one_member() {
    in_every_order(async |pair| {
        let (member, _) = colleague(pair).await;
        vec![demote(OWNER, member), suspend(OWNER, member)]
    })
    .await;
}

#[tokio::test]
async fn two_admins_who_remove_each_other() {
    in_every_order(async |pair| {
        let (member, by) = two_admins(pair).await;
        vec![Operation::RemoveMember { by: OWNER, member }, Operation::RemoveMember { by, member: 0 }]
    })
    .await;
}

#[tokio::test]
async fn two_admins_who_step_down() {
    in_every_order(async |pair| {
        let (member, by) = two_admins(pair).await;
        vec![demote(OWNER, 0), demote(by, member)]
    })
    .await;
}

#[tokio::test]
async fn something_new_and_the_list_of_all() {
    let project = Operation::CreateProject { by: OWNER, environment: Live };
    let member = Operation::CreateMember { by: OWNER, rights: rights(["read"]) };
    for (new, list) in [
        (new_key(OWNER, ["read"]), What::Keys),
        (project, What::Projects(Live)),
        (member, What::Members),
        (Operation::LogIn { member: 0, password: 0 }, What::Sessions),
    ] {
        in_every_order(async |_| vec![new.clone(), show(OWNER, list)]).await;
    }
}

#[tokio::test]
async fn the_end_of_a_session_and_a_use() {
    in_every_order(async |pair| {
        let by = session(pair, 0).await;
        vec![Operation::LogOut { by }, new_key(by, ["read"])]
    })
    .await;
}

#[test]
fn a_password_change_and_logins() {
    let runtime = Runtime::new().expect("a runtime");
    let (service, dynamodb) = runtime.block_on(OwnService::start_with_dynamodb());
    let service = Arc::new(service);
    let names_another = select(vec!["log in", "change", "make"]);
    seeded::cases(24, &(names_another, vec(any::<u8>(), 20)), |_, (another, schedule)| {
        runtime.block_on(async {
            let mut pair = Pair::begin(Arc::clone(&service), 1).await;
            let by = session(&mut pair, 0).await;
            let another = match another {
                "log in" => Operation::LogIn { member: 0, password: 0 },
                "change" => Operation::ChangePassword { by, current: 0, new: 2 },
                _ => new_key(by, ["read"]),
            };
            let operations = [Operation::ChangePassword { by: OWNER, current: 0, new: 1 }, another];
            let mut choices = schedule.into_iter().cycle();
            let choose = |among| usize::from(choices.next().expect("a cycle")) % among;
            race(&mut pair, &dynamodb, &operations, choose).await;
        });
    });
}

/// One of what two admins and two keys may ask for at the same moment. The first key has a secret in its overlap.
///
/// What hands out nothing is done even if its caller is let in no more by then, so where each of two takes from the other,
/// both may be done, as in no order. So it is asked for by the owner alone, whom nothing here takes from; and no list is
/// asked for, nor is a session ended or the account suspended.
fn any_operation() -> impl Strategy<Value = Operation> {
    const OTHER: usize = 1;
    let by =
        || select(vec![OWNER, Caller::Session(1), Caller::Key(0, 0), Caller::Key(0, 1), Caller::Key(1, 0)]);
    let key = || 0..2_usize;
    prop_oneof![
        4 => (by(), key(), select(vec![0, 60])).prop_map(|(by, key, grace)| rotate(by, key, grace)),
        2 => key().prop_map(|key| Operation::RevokeKey { by: OWNER, key }),
        3 => by().prop_map(|by| new_key(by, ["read", "admin"])),
        1 => Just(Operation::CreateProject { by: OWNER, environment: Live }),
        1 => by().prop_map(|by| demote(by, OTHER)),
        1 => by().prop_map(|by| suspend(by, OTHER)),
        1 => by().prop_map(|by| Operation::RemoveMember { by, member: OTHER }),
        2 => by().prop_map(|by| show(by, What::Me)),
    ]
}

#[test]
fn any_operations_of_two_admins_and_two_keys() {
    let runtime = Runtime::new().expect("a runtime");
    let (service, dynamodb) = runtime.block_on(OwnService::start_with_dynamodb());
    let service = Arc::new(service);
    seeded::cases(24, &(vec(any_operation(), 2..4), vec(any::<u8>(), 20)), |_, (operations, schedule)| {
        runtime.block_on(async {
            let mut pair = Pair::begin(Arc::clone(&service), 1).await;
            colleague(&mut pair).await;
            rotated_key(&mut pair).await;
            let scope = Some([0].into());
            let narrow = Operation::CreateKey {
                by: OWNER,
                rights: rights(["read", "write", "admin"]),
                environment: Test,
                scope,
                lives: Some(60),
            };
            pair.ask_at_once(&narrow).await;
            let mut choices = schedule.into_iter().cycle();
            let choose = |among| usize::from(choices.next().expect("a cycle")) % among;
            race(&mut pair, &dynamodb, &operations, choose).await;
        });
    });
}
