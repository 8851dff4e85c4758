//! Gateways whose functions or tables are outside of the process.

use gateway::{Data, Gateway, Options};
use reqwest::{Client, StatusCode};
use serde_json::json;

async fn status(gateway: &Gateway, path: &str, credential: &str) -> StatusCode {
    let request = Client::new().get(format!("{}{path}", gateway.url())).header("authorization", credential);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn remote_functions_are_invoked_through_the_invoke_api() {
    let remote = Gateway::start(Options::ephemeral()).await.unwrap();
    let options = Options { lambda: Some(remote.url().to_owned()), ..Options::ephemeral() };
    let gateway = Gateway::start(options).await.unwrap();
    assert_eq!(status(&gateway, "/v1/health", "").await, 200);
    assert_eq!(status(&gateway, "/v1/projects", "Bearer unknown").await, 401);

    remote.stop().await;
    assert_eq!(status(&gateway, "/v1/health", "").await, 503);
    assert_eq!(status(&gateway, "/v1/projects", "Bearer unknown").await, 503);
}

#[tokio::test]
async fn environment_contains_what_remote_functions_need() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let environment = gateway.environment();
    assert_eq!(environment["AWS_ENDPOINT_URL_DYNAMODB"], gateway.dynamodb_url());
    assert_eq!(Some(environment["TABLE_NAME"]), gateway.table("Table"));
    assert!(environment["PEPPER_SECRET_ID"].starts_with("arn:aws:secretsmanager:"));
}

#[tokio::test]
async fn tables_are_created_in_the_remote_dynamodb() {
    let remote = Gateway::start(Options::ephemeral()).await.unwrap();
    let options = Options { dynamodb: Some(remote.dynamodb_url().to_owned()), ..Options::ephemeral() };
    let gateway = Gateway::start(options).await.unwrap();
    let account = json!({"name": "A", "email": "a@example.com", "password": "a lizard on the 7th wall"});
    let created = gateway.invoke("operator", json!({"create_account": account})).await.unwrap();
    assert!(created["account_id"].is_string());
    let scan = remote.dynamodb().scan().table_name(remote.table("Table").unwrap()).send().await.unwrap();
    assert!(scan.count() > 0);
}

#[tokio::test]
async fn existing_table_and_pepper_are_used() {
    let first = Gateway::start(Options::ephemeral()).await.unwrap();
    let account = json!({"name": "A", "email": "a@example.com", "password": "a lizard on the 7th wall"});
    first.invoke("operator", json!({"create_account": account})).await.unwrap();
    let table = first.table("Table").unwrap();
    let pepper = first.environment()["PEPPER_SECRET_ID"].to_owned();
    let parameters = [
        ("ExistingTableName", table),
        ("ExistingTableArn", "arn:aws:dynamodb:eu-central-1:123456789012:table/t"),
        ("ExistingPepperArn", &pepper),
    ];
    let options = Options {
        stack: "another".to_owned(),
        dynamodb: Some(first.dynamodb_url().to_owned()),
        secrets_manager: Some(first.secrets_manager_url().to_owned()),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Options::ephemeral()
    };
    let second = Gateway::start(options.clone()).await.unwrap();
    let login = json!({"email": "a@example.com", "password": "a lizard on the 7th wall"});
    let url = format!("{}/v1/auth/login", second.url());
    let response = Client::new().post(url).json(&login).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(second.table("Table"), None);
    let tables = first.dynamodb().list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), [table], "the second stack creates no table");
    assert!(matches!(second.create_demo_account(&options.random).await, Ok(gateway::Demo::Existing(_))));

    let mut missing = options;
    missing.parameters.insert("ExistingTableName".to_owned(), "missing".to_owned());
    let message = Gateway::start(missing).await.err().unwrap().to_string();
    let expected =
        format!("the DynamoDB at {} does not contain the existing table missing", first.dynamodb_url());
    assert_eq!(message, expected);
}

#[tokio::test]
async fn unreachable_dynamodb_is_rejected() {
    let stopped = Gateway::start(Options::ephemeral()).await.unwrap();
    let url = stopped.dynamodb_url().to_owned();
    stopped.stop().await;
    let error = Gateway::start(Options { dynamodb: Some(url.clone()), ..Options::ephemeral() }).await.err();
    let message = error.unwrap().to_string();
    assert!(message.starts_with(&format!(
        "cannot create or read the table medtwin-auth-Table in the DynamoDB at {url}: "
    )));
    assert!(!message.contains('\n'), "{message}");
}

#[tokio::test]
async fn invalid_url_is_rejected_before_the_data_folder_is_created() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let invalid = Some("localhost:9001".to_owned());
    let options = Options { data: Data::Folder(folder.clone()), dynamodb: invalid, ..Options::ephemeral() };
    let message = Gateway::start(options).await.err().unwrap().to_string();
    assert_eq!(message, "`localhost:9001` is not an http:// or https:// URL");
    assert!(!folder.exists());
}
