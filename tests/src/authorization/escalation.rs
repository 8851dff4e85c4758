//! Nobody gets more by asking: whatever chain of new keys, new secrets, new members and narrower scopes begins at a
//! credential, none that comes of it gets through where that one did not.
//!
//! "Through" is what requests are answered, not what records say. Two things are more than they look, by the contract:
//! a live key stands above test data, since it may make test keys; and how long a key works is no bound, since keys
//! outlive whoever made them.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use shared::primitives::environment::Environment::{self, Live, Test};
use tokio::runtime::Runtime;

use crate::{
    races::{
        histories::{environment, rights},
        model::{
            Caller, RIGHTS, Rights, Scope,
            operation::{Operation, What},
            pair::Pair,
        },
    },
    response::Answer,
    seeded,
    service::{Account, Credential, OwnService, Service, key_path},
};

/// Who made the account.
const OWNER: Caller = Caller::Session(0);
/// How many places there are for projects. Scopes are of places.
const PLACES: usize = 2;
/// How long a key lives that does not live for good.
const LIFE: i64 = 3_600;

/// One thing that is asked for, and whether the answer tells that it got through.
struct Probe {
    asks: Operation,
    is_through: Box<dyn Fn(&Answer) -> bool>,
}

impl Probe {
    fn new(asks: Operation, through: u16) -> Self {
        Self { asks, is_through: Box::new(move |answer| answer.status == through) }
    }
}

/// What a credential gets through with.
#[derive(Clone, Debug, Default)]
struct Power {
    /// With live data and live keys, by the number of the probe.
    live: BTreeSet<usize>,
    /// With the same of test.
    test: BTreeSet<usize>,
    /// With what is the whole account's.
    account: BTreeSet<usize>,
}

impl Power {
    /// Whether it is no more than `other`, which stands above test where it stands above live.
    fn lies_within(&self, other: &Self) -> bool {
        self.live.is_subset(&other.live)
            && self.test.is_subset(&(&other.test | &other.live))
            && self.account.is_subset(&other.account)
    }
}

/// The account in which all this happens.
struct Ground {
    pair: Pair,
    /// The projects that a place stands for: a live one, a test one, and one that is not there.
    places: Vec<[usize; 3]>,
    /// Keys of others, which the chain may reach for.
    others: Vec<usize>,
    /// Such keys again, for the probes alone: their numbers by type. They differ in nothing else. The last was revoked.
    targets: [Vec<usize>; 2],
    /// A member who may read.
    colleague: usize,
    /// The credentials that came of the first one, and that one.
    gained: Vec<Caller>,
    /// The members who did.
    members: Vec<usize>,
}

/// What somebody asks for who wants more.
#[derive(Clone, Debug)]
enum Wish {
    Key {
        rights: Rights,
        environment: Environment,
        places: Vec<usize>,
        lives: Option<i64>,
    },
    /// A new secret of another's key, or one that came of the first one.
    Secret {
        of_another: bool,
        key: prop::sample::Index,
        grace: i64,
    },
    /// A member, and a session of theirs.
    Member {
        rights: Rights,
    },
    /// More permissions for a member that came of the first one, or for the caller.
    Rights {
        member: prop::sample::Index,
        rights: Rights,
    },
}

/// Where a chain begins.
#[derive(Clone, Debug)]
enum Parent {
    Session {
        rights: Rights,
    },
    /// A key that the owner makes.
    Key(Wish),
}

impl Ground {
    async fn prepare(service: Arc<OwnService>) -> Self {
        let mut pair = Pair::begin(service, 1).await;
        let mut places = Vec::new();
        for _ in 0..PLACES {
            let mut place = [0; 3];
            for (project, environment) in place.iter_mut().zip([Live, Test, Live]) {
                pair.ask(&Operation::CreateProject { by: OWNER, environment }).await;
                *project = pair.model.projects.len() - 1;
            }
            let [.., gone] = place;
            pair.ask(&Operation::DeleteProject { by: OWNER, project: gone, environment: Live }).await;
            places.push(place);
        }
        pair.ask(&Operation::CreateMember { by: OWNER, rights: ["read"].into() }).await;
        let mut ground = Self {
            colleague: pair.model.members.len() - 1,
            pair,
            places,
            others: Vec::new(),
            targets: [Vec::new(), Vec::new()],
            gained: Vec::new(),
            members: Vec::new(),
        };
        for (of_type, environment) in Environment::ALL.into_iter().enumerate() {
            let kinds: [(&[_], &[_]); 4] = [
                (&["read", "write"], &[]),
                (&["write", "delete", "admin"], &[0]),
                (&RIGHTS, &[]),
                (&["read"], &[0]),
            ];
            for (rights, places) in kinds {
                let key = ground.new_key(OWNER, rights.iter().copied().collect(), environment, places, None);
                for _ in 0..2 {
                    ground.pair.ask(&key).await;
                }
                let newest = ground.pair.model.keys.len() - 1;
                ground.others.push(newest - 1);
                ground.targets[of_type].push(newest);
            }
            let key = *ground.targets[of_type].last().expect("a key");
            ground.pair.ask(&Operation::RevokeKey { by: OWNER, key }).await;
        }
        ground
    }

    /// Every project of these places, or every project where there is none.
    fn scope(&self, places: &[usize]) -> Scope {
        (!places.is_empty()).then(|| places.iter().flat_map(|place| self.places[*place]).collect())
    }

    fn new_key(
        &self,
        by: Caller,
        rights: Rights,
        environment: Environment,
        places: &[usize],
        lives: Option<i64>,
    ) -> Operation {
        Operation::CreateKey { by, rights, environment, scope: self.scope(places), lives }
    }

    /// Sends an operation of which nobody says what comes. What comes of it is the sender's.
    async fn send(&mut self, operation: &Operation) -> Answer {
        let Pair { service, model, names, .. } = &mut self.pair;
        service.time.stay_in_second();
        let answer = names.send(service, model.now, operation).await;
        let shown = names.learn(operation, &answer);
        self.gained.extend(shown);
        answer
    }

    /// The same, by who wishes for it. A new member logs in.
    async fn grant(&mut self, by: Caller, wish: &Wish) {
        let answer = match wish {
            Wish::Key { rights, environment, places, lives } => {
                let key = self.new_key(by, rights.clone(), *environment, places, *lives);
                self.send(&key).await
            }
            Wish::Secret { of_another, key, grace } => {
                let own = self.gained.iter().filter_map(|caller| match caller {
                    Caller::Key(key, _) => Some(*key),
                    Caller::Session(_) => None,
                });
                let keys: Vec<_> = if *of_another { self.others.clone() } else { own.collect() };
                if keys.is_empty() {
                    return;
                }
                self.send(&Operation::RotateKey { by, key: *key.get(&keys), grace: *grace }).await
            }
            Wish::Member { rights } => {
                self.send(&Operation::CreateMember { by, rights: rights.clone() }).await
            }
            Wish::Rights { member, rights } => {
                let members = [&self.members[..], &[self.colleague]].concat();
                let (member, rights) = (*member.get(&members), Some(rights.clone()));
                self.send(&Operation::ChangeMember { by, member, rights, suspended: None }).await
            }
        };
        if matches!(wish, Wish::Member { .. }) && answer.status == 201 {
            let member = self.pair.names.newest_member();
            self.members.push(member);
            self.send(&Operation::LogIn { member, password: 0 }).await;
        }
    }

    /// Begins the chain.
    async fn begin(&mut self, parent: &Parent) {
        match parent {
            Parent::Session { rights } => self.grant(OWNER, &Wish::Member { rights: rights.clone() }).await,
            Parent::Key(wish) => self.grant(OWNER, wish).await,
        }
    }

    /// What a credential is asked about, with data and keys of one type.
    fn probes(&self, by: Caller, environment: Environment) -> Vec<Probe> {
        let (of_type, targets) = match environment {
            Live => (0, &self.targets[0]),
            Test => (1, &self.targets[1]),
        };
        let mut probes = vec![Probe::new(Operation::CreateProject { by, environment }, 201)];
        for place in &self.places {
            let (project, gone) = (place[of_type], place[2]);
            let id = self.pair.names.project(project).to_owned();
            let lists = Operation::Show { by, what: What::Projects(environment) };
            probes.extend([
                Probe { asks: lists, is_through: Box::new(move |answer| answer.text.contains(&id)) },
                Probe::new(Operation::Show { by, what: What::Project(project, environment) }, 200),
                Probe::new(Operation::RenameProject { by, project, environment, name: 0 }, 200),
                // It is not there, and only who may delete is told so.
                Probe::new(Operation::DeleteProject { by, project: gone, environment }, 404),
            ]);
        }
        let (revoked, active) = targets.split_last().expect("keys");
        for key in active {
            probes.push(Probe::new(Operation::Show { by, what: What::Key(*key) }, 200));
            probes.push(Probe::new(Operation::RotateKey { by, key: *key, grace: 0 }, 200));
        }
        probes.push(Probe::new(Operation::RevokeKey { by, key: *revoked }, 204));
        let kinds =
            RIGHTS.map(|right| (right, &[][..])).into_iter().chain([("read", &[0][..]), ("read", &[1])]);
        for (right, places) in kinds {
            // It would have ended before, and only who may make such a key is told so.
            let key = self.new_key(by, [right].into(), environment, places, Some(-1));
            probes.push(Probe::new(key, 400));
        }
        probes
    }

    fn account_probes(&self, by: Caller) -> Vec<Probe> {
        let same = Operation::ChangeMember { by, member: self.colleague, rights: None, suspended: None };
        vec![
            Probe::new(Operation::Show { by, what: What::Members }, 200),
            Probe::new(Operation::Show { by, what: What::Events }, 200),
            Probe::new(same, 200),
        ]
    }

    /// The numbers of the probes that get through.
    async fn through(&mut self, probes: Vec<Probe>) -> BTreeSet<usize> {
        let Pair { service, model, names, .. } = &self.pair;
        let mut through = BTreeSet::new();
        for (n, Probe { asks, is_through }) in probes.into_iter().enumerate() {
            service.time.stay_in_second();
            if is_through(&names.send(service, model.now, &asks).await) {
                through.insert(n);
            }
        }
        through
    }

    async fn power(&mut self, by: Caller) -> Power {
        if self.send(&Operation::Show { by, what: What::Me }).await.status == 401 {
            return Power::default();
        }
        Power {
            live: self.through(self.probes(by, Live)).await,
            test: self.through(self.probes(by, Test)).await,
            account: self.through(self.account_probes(by)).await,
        }
    }
}

/// Places, or none for every project.
fn places() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![2 => Just(Vec::new()), 1 => Just(vec![0]), 1 => Just(vec![1]), 1 => Just(vec![0, 1])]
}

fn key() -> impl Strategy<Value = Wish> {
    let lives = prop::option::weighted(0.3, Just(LIFE));
    (rights(), environment(), places(), lives).prop_map(|(rights, environment, places, lives)| Wish::Key {
        rights,
        environment,
        places,
        lives,
    })
}

fn parent() -> impl Strategy<Value = Parent> {
    prop_oneof![
        2 => rights().prop_map(|rights| Parent::Session { rights }),
        3 => key().prop_map(Parent::Key),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let secret = (any::<bool>(), any::<prop::sample::Index>(), select(vec![0, 604_800]))
        .prop_map(|(of_another, key, grace)| Wish::Secret { of_another, key, grace });
    prop_oneof![
        3 => key(),
        2 => secret,
        1 => rights().prop_map(|rights| Wish::Member { rights }),
        2 => (any::<prop::sample::Index>(), rights())
            .prop_map(|(member, rights)| Wish::Rights { member, rights }),
    ]
}

#[test]
fn no_chain_gets_through_where_its_begin_did_not() {
    let runtime = Runtime::new().expect("a runtime");
    let service = Arc::new(runtime.block_on(OwnService::start_with(|options| {
        // The probes ask more of a test key than it may ask by default.
        options.parameters.insert("TestRequestsPerMinute".to_owned(), "6000".to_owned());
    })));
    let wishes = vec((any::<prop::sample::Index>(), wish()), 1..8);
    seeded::cases(32, &(parent(), wishes), |_, (parent, wishes)| {
        runtime.block_on(async {
            let mut ground = Ground::prepare(Arc::clone(&service)).await;
            ground.begin(&parent).await;
            let first = ground.gained[0];
            let at_first = ground.power(first).await;
            for (by, wish) in &wishes {
                let by = *by.get(&ground.gained);
                ground.grant(by, wish).await;
            }
            for caller in ground.gained.clone() {
                let power = ground.power(caller).await;
                assert!(power.lies_within(&at_first), "{caller:?}: {power:?}, and {first:?}: {at_first:?}");
            }

            // And no secret of a key outlives it.
            let Parent::Key(Wish::Key { lives: Some(_), .. }) = parent else { return };
            ground.pair.pass(LIFE);
            let is_first = |caller: &Caller| match (caller, first) {
                (Caller::Key(key, _), Caller::Key(first, _)) => *key == first,
                _ => false,
            };
            for by in ground.gained.clone().into_iter().filter(is_first) {
                ground.send(&Operation::Show { by, what: What::Me }).await.assert_unauthorized();
            }
        });
    });
}

/// A member who has made a key that may write, and what happens to them then.
struct Maker {
    service: Service,
    account: Account,
    session: Credential,
    /// The member's path.
    path: String,
    key: Credential,
    record: Value,
}

impl Maker {
    async fn start() -> Self {
        let service = Service::start().await;
        let account = service.account().await;
        let (session, id) = service.member(&account.session, &["read", "write", "admin"]).await;
        let (key, record) = service.key(&session, json!({"permissions": ["write"]})).await;
        Self { service, account, session, path: format!("/v1/members/{id}"), key, record }
    }

    /// The status when somebody makes a project.
    async fn writes(&self, by: &Credential) -> u16 {
        self.service.post("/v1/projects", by, json!({"name": "A project"})).await.status
    }
}

#[tokio::test]
async fn a_demoted_members_session_loses_at_once_what_their_key_keeps() {
    let maker = Maker::start().await;
    let Maker { service, account, session, key, record, .. } = &maker;
    assert_eq!((maker.writes(session).await, maker.writes(key).await), (201, 201));
    let demotion = json!({"permissions": ["read"]});
    service.patch(&maker.path, &account.session, demotion).await.expect(200);
    assert_eq!((maker.writes(session).await, maker.writes(key).await), (403, 201));
    // They get no new secret of it any more, though they may end it, as every session may.
    let rotation = format!("{}/rotate", key_path(record));
    service.post(&rotation, session, json!({})).await.assert_forbidden();
    service.delete(&key_path(record), session).await.expect(204);
    assert_eq!(maker.writes(key).await, 401);
}

#[tokio::test]
async fn a_member_who_is_gone_leaves_keys_that_the_trail_names() {
    for change in [Some(json!({"status": "suspended"})), None] {
        let maker = Maker::start().await;
        let Maker { service, account, session, path, key, record } = &maker;
        match &change {
            Some(change) => service.patch(path, &account.session, change.clone()).await.expect(200),
            None => service.delete(path, &account.session).await.expect(204),
        };
        assert_eq!((maker.writes(session).await, maker.writes(key).await), (401, 201));

        let events = service.get("/v1/audit-events", &account.session).await.expect(200);
        let theirs = events["data"].as_array().expect("a list").iter().filter(|event| {
            event["type"] == "api_key.created" && path.ends_with(event["actor"]["user_id"].as_str().unwrap())
        });
        let keys: Vec<_> = theirs.map(|event| &event["key_id"]).collect();
        assert_eq!(keys, [&record["id"]]);
        // Whoever knows its secret from them does nothing with it any more.
        let (new, _) = service.rotate(record, &account.session, 0).await;
        assert_eq!((maker.writes(key).await, maker.writes(&new).await), (401, 201));
    }
}
