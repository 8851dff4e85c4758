//! Alarms: each situation below runs on the real service, and triggers exactly the alarms that it should.
//!
//! The service's own metrics come from the lines that its functions log. The metrics of AWS that a local run has too are derived
//! from what happened, see [`Observed::collect`]. The others are published by the situation itself: Lambda's `Throttles` and
//! `IteratorAge`, the messages in a queue, the `Latency` of the API, and invocations whose lines are missing.

mod evaluation;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use self::evaluation::{Alarm, Datapoint, dimensions, embedded_datapoints};
use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{Call, DynamoDb, Fault},
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, key_path, new_address},
};

const THROTTLED: &str = "ProvisionedThroughputExceededException";
const ACCESS_DENIED: Fault = Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException");
const INTERNAL: Fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
/// The longest period of an alarm, in seconds.
const PERIOD: i64 = 300;

/// What may happen to the service, and the alarms that it triggers.
struct Situation {
    name: &'static str,
    happen: for<'a> fn(&'a mut Observed) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
    /// How often it has to happen until all of `alarms` are triggered. `before` are those that are triggered earlier.
    times: usize,
    before: &'static [&'static str],
    alarms: &'static [&'static str],
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "a request of a key cannot be counted",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(ACCESS_DENIED, Some("UpdateItem"));
                observed.service.me(&observed.key).await.expect(200);
            })
        },
        times: 5,
        before: &[],
        alarms: &["UncountedRequests", "UsageWriteFailures"],
    },
    Situation {
        name: "DynamoDB throttles the counter of a key",
        happen: |observed| {
            Box::pin(async move {
                observed
                    .dynamodb
                    .inject(Fault::Error(StatusCode::BAD_REQUEST, THROTTLED), Some("UpdateItem"));
                observed.service.me(&observed.key).await.expect(200);
            })
        },
        times: 5,
        before: &["TableThrottles"],
        alarms: &["TableThrottles", "UncountedRequests", "UsageWriteFailures"],
    },
    Situation {
        name: "the counter of a key is contended",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(Fault::Conflict, Some("UpdateItem"));
                observed.service.me(&observed.key).await.expect(429);
            })
        },
        times: 5,
        before: &[],
        alarms: &["UsageWriteFailures"],
    },
    Situation {
        name: "the use of a session cannot be recorded",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(ACCESS_DENIED, Some("UpdateItem"));
                observed.service.me(&observed.account.session).await.expect(200);
                // The next use after a minute is recorded again.
                observed.pass(60);
            })
        },
        times: 5,
        before: &[],
        alarms: &["UsageWriteFailures"],
    },
    Situation {
        name: "a login with an unknown address",
        happen: |observed| {
            Box::pin(async move {
                let body = json!({"email": new_address(), "password": PASSWORD});
                observed.service.request("POST", "/v1/auth/login").json(&body).send().await.expect(401);
            })
        },
        times: 25,
        before: &[],
        alarms: &["FailedLogins"],
    },
    Situation {
        name: "a second factor with an unknown login token",
        happen: |observed| {
            Box::pin(async move {
                let body =
                    json!({"login_token": "login_0", "recovery_code": "0000-0000-0000-0000-0000-0000"});
                let path = "/v1/auth/login/second-factor";
                observed.service.request("POST", path).json(&body).send().await.expect(401);
            })
        },
        times: 25,
        before: &[],
        alarms: &["FailedLogins"],
    },
    Situation {
        name: "a password change with a wrong current password, later throttled",
        happen: |observed| {
            Box::pin(async move {
                let body = json!({"current_password": "x", "new_password": "two lizards on the wall"});
                let path = "/v1/auth/password";
                let response = observed.service.post(path, &observed.account.session, body).await;
                assert!([403, 429].contains(&response.status), "{}", response.text);
            })
        },
        times: 25,
        before: &[],
        alarms: &["FailedLogins"],
    },
    Situation {
        name: "a new key and its rotation",
        happen: |observed| {
            Box::pin(async move {
                let session = &observed.account.session;
                let (_, record) = observed.service.key(session, json!({})).await;
                observed.service.rotate(&record, session, 0).await;
            })
        },
        times: 15,
        before: &[],
        alarms: &["NewKeys"],
    },
    Situation {
        name: "a successful operator command",
        happen: |observed| {
            Box::pin(async move {
                let command = json!({"restore_account": {"account_id": observed.account.id}});
                observed.service.operate(command).await.expect("the command succeeds");
            })
        },
        times: 1,
        before: &[],
        alarms: &["OperatorUses"],
    },
    Situation {
        name: "an event that is not an operator command",
        happen: |observed| {
            Box::pin(async move {
                observed.service.operate(json!("help")).await.expect_err("the event is rejected");
            })
        },
        times: 1,
        before: &[],
        alarms: &["OperatorUses"],
    },
    Situation {
        name: "a mail cannot be read",
        happen: |observed| {
            Box::pin(async move {
                observed.service.invoke("mail", &json!("help")).await.expect_err("the event is rejected");
            })
        },
        times: 1,
        before: &[],
        alarms: &["MailFailures"],
    },
    Situation {
        name: "a record of the stream waits for an hour",
        happen: |observed| {
            Box::pin(async move {
                let function = [("FunctionName", "key-expiry-reminders")];
                observed.publish("AWS/Lambda", "IteratorAge", &function, 3_600_000.0);
            })
        },
        times: 1,
        before: &[],
        alarms: &["LateKeyExpiryReminders"],
    },
    Situation {
        name: "a record of the stream could not be processed",
        happen: |observed| {
            Box::pin(async move {
                let queue = [("QueueName", "FailedKeyExpiryReminders.QueueName")];
                observed.publish("AWS/SQS", "ApproximateNumberOfMessagesVisible", &queue, 1.0);
            })
        },
        times: 1,
        before: &[],
        alarms: &["LostKeyExpiryReminders"],
    },
    Situation {
        name: "Secrets Manager denies access",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(ACCESS_DENIED, Some("GetSecretValue"));
                observed.pass(PERIOD);
                observed.service.me(&observed.key).await.expect(200);
            })
        },
        times: 1,
        before: &[],
        alarms: &["PepperRefreshFailures"],
    },
    Situation {
        name: "five reads in five minutes fail at the first attempt",
        happen: |observed| {
            Box::pin(async move {
                let fault = Fault::Error(StatusCode::BAD_REQUEST, "InvalidSignatureException");
                for _ in 0..5 {
                    observed.dynamodb.inject_at(fault, Some("BatchGetItem"), 0..1);
                    observed.service.me(&observed.key).await.expect(200);
                }
                observed.dynamodb.recover();
                observed.pass(PERIOD);
            })
        },
        times: 3,
        before: &[],
        alarms: &["DirectBatchGetFailures"],
    },
    Situation {
        name: "a function finds a malformed item",
        happen: |observed| {
            Box::pin(async move {
                observed.put_malformed("KEY#malformed").await;
                let authorization = format!("Authorization: {}", observed.account.session.0);
                // Other tests treat each response with 500 as a bug, so this request does not use their methods.
                let response =
                    observed.service.exchange("GET /v1/api-keys", &[authorization.as_bytes()], "").await;
                assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
            })
        },
        times: 1,
        before: &[],
        alarms: &["InternalErrors"],
    },
    Situation {
        name: "the authorizer finds a malformed item",
        happen: |observed| {
            Box::pin(async move {
                observed.put_malformed("ACCOUNT").await;
                observed.service.me(&observed.key).await.expect(503);
            })
        },
        times: 1,
        before: &[],
        alarms: &["InternalErrors"],
    },
    Situation {
        name: "99 invalid credentials, and a key without the permission",
        happen: |observed| {
            Box::pin(async move {
                for _ in 0..99 {
                    observed.service.me(&Credential::bearer("mt_live_invalid")).await.assert_unauthorized();
                }
                let body = json!({"name": "A project"});
                observed.service.post("/v1/projects", &observed.reader, body).await.assert_forbidden();
            })
        },
        times: 10,
        before: &[],
        alarms: &["RejectedRequests"],
    },
    Situation {
        name: "DynamoDB fails in the authorizer",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(INTERNAL, Some("BatchGetItem"));
                observed.service.me(&observed.key).await.expect(503);
            })
        },
        times: 5,
        before: &["TableFaults"],
        alarms: &["AuthorizerFailures", "ServerErrors", "TableFaults"],
    },
    Situation {
        name: "DynamoDB denies access to a function",
        happen: |observed| {
            Box::pin(async move {
                observed.dynamodb.inject(ACCESS_DENIED, Some("Query"));
                observed.service.get("/v1/api-keys", &observed.account.session).await.expect(503);
            })
        },
        times: 5,
        before: &[],
        alarms: &["ServerErrors"],
    },
    Situation {
        name: "DynamoDB throttles a read once",
        happen: |observed| {
            Box::pin(async move {
                let fault = Fault::Error(StatusCode::BAD_REQUEST, THROTTLED);
                observed.dynamodb.inject_at(fault, Some("BatchGetItem"), 0..1);
                observed.service.me(&observed.key).await.expect(200);
            })
        },
        times: 1,
        before: &[],
        alarms: &["TableThrottles"],
    },
    Situation {
        name: "Lambda throttles the authorizer",
        happen: |observed| {
            Box::pin(async move {
                observed.publish("AWS/Lambda", "Throttles", &[("FunctionName", "authorizer")], 1.0);
            })
        },
        times: 1,
        before: &[],
        alarms: &["AuthorizerThrottles"],
    },
    Situation {
        name: "five minutes with 2 slow requests of 100",
        happen: |observed| {
            Box::pin(async move {
                let stack = observed.service.stack.clone();
                for milliseconds in [2_001.0; 2].into_iter().chain([100.0; 98]) {
                    let dimensions = [("ApiName", stack.as_str()), ("Stage", "live")];
                    observed.publish("AWS/ApiGateway", "Latency", &dimensions, milliseconds);
                }
                observed.pass(PERIOD);
            })
        },
        times: 3,
        before: &[],
        alarms: &["SlowResponses"],
    },
    Situation {
        name: "five minutes in which the lines of most authorizations are missing",
        happen: |observed| {
            Box::pin(async move {
                observed.service.me(&observed.key).await.expect(200);
                let dimensions = [("FunctionName", "authorizer")];
                observed.publish("AWS/Lambda", "Invocations", &dimensions, 2.0);
                observed.pass(PERIOD);
            })
        },
        times: 3,
        before: &[],
        alarms: &["MissingMetrics"],
    },
];

/// A service, what it logs, and the metrics of `CloudWatch` that result from it.
struct Observed {
    service: OwnService,
    /// The proxy in front of `DynamoDB` and Secrets Manager.
    dynamodb: DynamoDb,
    log: CapturedLog,
    account: Account,
    key: Credential,
    /// A key with the permission `read`.
    reader: Credential,
    alarms: BTreeMap<String, Alarm>,
    datapoints: Vec<Datapoint>,
}

impl Observed {
    /// Starts a service with an account and two keys. Nothing of this is observed.
    async fn start() -> Self {
        let log = CapturedLog::start(LevelFilter::INFO);
        let dynamodb = DynamoDb::start().await;
        let service = OwnService::start_with(|options| {
            options.dynamodb = Some(dynamodb.url.clone());
            options.secrets_manager = Some(dynamodb.url.clone());
        })
        .await;
        let account = service.account().await;
        let (key, _) = service.key(&account.session, json!({})).await;
        let (reader, _) = service.key(&account.session, json!({"permissions": ["read"]})).await;
        let alarms = service.gateway.alarms().iter();
        let alarms = alarms.map(|(name, properties)| (name.clone(), Alarm::parse(properties))).collect();
        log.take_records();
        dynamodb.calls();
        let observed = Self { service, dynamodb, log, account, key, reader, alarms, datapoints: Vec::new() };
        observed.service.time.set_elapsed_millis(PERIOD * 1_000);
        observed
    }

    /// Moves the clock forward.
    fn pass(&mut self, seconds: i64) {
        self.collect();
        self.service.time.pass(seconds);
    }

    /// Publishes a datapoint at this moment.
    fn publish(&mut self, namespace: &str, metric: &str, pairs: &[(&str, &str)], value: f64) {
        let (namespace, metric) = (namespace.to_owned(), metric.to_owned());
        let at = i64::try_from(self.service.time.now().unix_timestamp_nanos() / 1_000_000).expect("a time");
        self.datapoints.push(Datapoint { namespace, metric, dimensions: dimensions(pairs), at, value });
    }

    /// Publishes what has happened since the last call: the metrics in the lines of the functions, and those of AWS.
    ///
    /// - Lambda counts each invocation in `Invocations`. Each line is one invocation.
    /// - API Gateway publishes `5XXError` for each request: 1 if the status is 5XX, otherwise 0.
    /// - `DynamoDB` counts responses with status 500 in `SystemErrors`, and throttled calls in `ReadThrottleEvents` or
    ///   `WriteThrottleEvents`.
    fn collect(&mut self) {
        let stack = self.service.stack.clone();
        for record in self.log.take_records() {
            if record["_aws"].is_object() {
                self.datapoints.extend(embedded_datapoints(&record));
                let function = [("FunctionName", text(&record, "FunctionName"))];
                self.publish("AWS/Lambda", "Invocations", &function, 1.0);
            } else if record["message"] == "request" {
                let is_error = record["status"].as_u64().expect("a status") >= 500;
                let api = [("ApiName", stack.as_str()), ("Stage", "live")];
                self.publish("AWS/ApiGateway", "5XXError", &api, if is_error { 1.0 } else { 0.0 });
            }
        }
        let table = self.service.gateway.table("Table").expect("the table").to_owned();
        for Call { operation, fault, .. } in self.dynamodb.detailed_calls() {
            let of_table = [("TableName", table.as_str())];
            match fault {
                Some(Fault::Error(status, _)) if status.is_server_error() => {
                    let of_operation = [("TableName", table.as_str()), ("Operation", &operation)];
                    self.publish("AWS/DynamoDB", "SystemErrors", &of_operation, 1.0);
                }
                Some(Fault::Error(_, THROTTLED)) => {
                    let is_read = ["BatchGetItem", "GetItem", "Query", "Scan"].contains(&operation.as_str());
                    let metric = if is_read { "ReadThrottleEvents" } else { "WriteThrottleEvents" };
                    self.publish("AWS/DynamoDB", metric, &of_table, 1.0);
                }
                _ => {}
            }
        }
    }

    /// Returns the alarms that have been triggered so far.
    fn triggered(&mut self) -> BTreeSet<&str> {
        self.collect();
        let triggered = self.alarms.iter().filter(|(_, alarm)| alarm.is_triggered_by(&self.datapoints));
        triggered.map(|(name, _)| name.as_str()).collect()
    }

    /// Writes an item that has only a key, in the account's partition.
    async fn put_malformed(&self, sort_key: &str) {
        let partition = AttributeValue::S(format!("ACCOUNT#{}", self.account.id));
        let put = self.dynamodb.direct_client().put_item().item("pk", partition);
        let put = put.item("sk", AttributeValue::S(sort_key.to_owned()));
        let table = self.service.gateway.table("Table").expect("the table");
        put.table_name(table).send().await.expect("the item is written");
    }
}

#[tokio::test]
async fn each_situation_triggers_exactly_its_alarms() {
    for Situation { name, happen, times, before, alarms } in SITUATIONS {
        let mut observed = Observed::start().await;
        for _ in 1..*times {
            happen(&mut observed).await;
        }
        assert_eq!(observed.triggered(), before.iter().copied().collect(), "before the last time: {name}");
        happen(&mut observed).await;
        assert_eq!(observed.triggered(), alarms.iter().copied().collect(), "{name}");
    }
}

#[tokio::test]
async fn normal_use_triggers_no_alarm() {
    let mut observed = Observed::start().await;
    let Account { session: first_session, email, .. } = &observed.account;
    let email = email.clone();
    let (test_key, _) = observed.service.key(first_session, json!({"type": "test"})).await;
    let (_, member) = observed.service.member(first_session, &["read", "write"]).await;
    for _ in 0..10 {
        // Somebody mistypes the password, and works for a while in the dashboard.
        let service = &observed.service;
        let wrong = json!({"email": email, "password": "a lizard on the 6th wall"});
        service.request("POST", "/v1/auth/login").json(&wrong).send().await.expect(401);
        let session = service.login(&email).await;
        let (key, record) = service.key(&session, json!({})).await;
        service.rotate(&record, &session, 60).await;
        service.get("/v1/api-keys", &session).await.expect(200);
        service.get("/v1/audit-events", &session).await.expect(200);
        service
            .patch(&format!("/v1/members/{member}"), &session, json!({"permissions": ["read"]}))
            .await
            .expect(200);
        // Programs use keys, sometimes too often, with a revoked one, or without the permission.
        let project = service.project(&observed.key).await;
        for _ in 0..20 {
            service.me(&observed.key).await.expect(200);
            service.get(&format!("/v1/projects/{project}"), &observed.reader).await.expect(200);
        }
        let mut exceeded = 0;
        for _ in 0..110 {
            exceeded += usize::from(service.me(&test_key).await.status == 429);
        }
        assert!(exceeded > 0, "the key exceeds its limit");
        service.delete(&key_path(&record), &session).await.expect(204);
        service.me(&key).await.assert_unauthorized();
        service.post("/v1/projects", &observed.reader, json!({"name": "A"})).await.assert_forbidden();
        service.get("/v1/projects/unknown", &observed.key).await.assert_not_found();
        service.request("POST", "/v1/auth/logout").with(&session).send().await.expect(204);
        observed.pass(3_600);
    }
    assert_eq!(observed.triggered(), BTreeSet::new());
    let outcomes = observed.datapoints.iter().filter_map(|datapoint| datapoint.dimensions.get("Outcome"));
    let outcomes: BTreeSet<_> = outcomes.map(String::as_str).collect();
    let expected = ["allowed", "forbidden", "rate_limited", "refused", "succeeded", "unauthenticated"];
    assert_eq!(outcomes, BTreeSet::from(expected));
}

#[tokio::test]
async fn each_alarm_has_a_situation() {
    let service = OwnService::start().await;
    let defined: BTreeSet<_> = service.gateway.alarms().keys().map(String::as_str).collect();
    let covered = SITUATIONS.iter().flat_map(|situation| situation.alarms).copied().collect();
    assert_eq!(defined, covered);
}

#[tokio::test]
async fn each_alarm_notifies_the_topic_when_it_starts_and_ends() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
    let service = OwnService::start_with(|options| {
        options.parameters.insert("AlarmTopicArn".to_owned(), topic.to_owned());
    })
    .await;
    for (name, alarm) in service.gateway.alarms() {
        assert_eq!(alarm["AlarmActions"], json!([topic]), "{name}");
        assert_eq!(alarm["OKActions"], json!([topic]), "{name}");
        assert!(!text(alarm, "AlarmDescription").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn parameters_set_the_thresholds_of_three_alarms() {
    let parameters = [
        ("FailedLogins", "FailedLoginsThreshold", "7"),
        ("NewKeys", "NewKeysThreshold", "8"),
        ("RejectedRequests", "RejectedRequestsThreshold", "9"),
    ];
    let service = OwnService::start_with(|options| {
        options.parameters =
            parameters.iter().map(|(_, name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    })
    .await;
    for (alarm, _, value) in parameters {
        assert_eq!(service.gateway.alarms()[alarm]["Threshold"], value, "{alarm}");
    }
}
