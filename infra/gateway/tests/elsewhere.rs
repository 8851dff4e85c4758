//! Functions and tables that are elsewhere.

use gateway::{Data, Gateway, Options};
use reqwest::{Client, StatusCode};
use serde_json::json;

async fn status(gateway: &Gateway, path: &str, credential: &str) -> StatusCode {
    let request = Client::new().get(format!("{}{path}", gateway.url())).header("authorization", credential);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn functions_run_behind_the_invoke_api() {
    let there = Gateway::start(Options::ephemeral()).await.unwrap();
    let here = Options { lambda: Some(there.url().to_owned()), ..Options::ephemeral() };
    let here = Gateway::start(here).await.unwrap();
    assert_eq!(status(&here, "/v1/health", "").await, 200);
    assert_eq!(status(&here, "/v1/projects", "Bearer nothing").await, 401);

    there.stop().await;
    assert_eq!(status(&here, "/v1/health", "").await, 500);
    assert_eq!(status(&here, "/v1/projects", "Bearer nothing").await, 503);
}

#[tokio::test]
async fn functions_elsewhere_are_told_all_they_need() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let environment = gateway.environment();
    assert_eq!(environment["AWS_ENDPOINT_URL_DYNAMODB"], gateway.dynamodb_url());
    assert_eq!(Some(environment["TABLE_NAME"]), gateway.table("Table"));
    assert!(environment["PEPPER_SECRET_ID"].starts_with("arn:aws:secretsmanager:"));
}

#[tokio::test]
async fn tables_can_be_in_another_dynamodb() {
    let there = Gateway::start(Options::ephemeral()).await.unwrap();
    let here = Options { dynamodb: Some(there.dynamodb_url().to_owned()), ..Options::ephemeral() };
    let here = Gateway::start(here).await.unwrap();
    let account = json!({"name": "A", "email": "a@example.com", "password": "correct horse battery"});
    let made = here.invoke("operator", json!({"create_account": account})).await.unwrap();
    assert!(made["account_id"].is_string());
    let scan = there.dynamodb().scan().table_name(there.table("Table").unwrap()).send().await.unwrap();
    assert!(scan.count() > 0);
}

#[tokio::test]
async fn nothing_behind_a_url_is_said_so() {
    let gone = Gateway::start(Options::ephemeral()).await.unwrap();
    let url = gone.dynamodb_url().to_owned();
    gone.stop().await;
    let error = Gateway::start(Options { dynamodb: Some(url.clone()), ..Options::ephemeral() }).await.err();
    let message = error.unwrap().to_string();
    assert!(
        message.starts_with(&format!("cannot make the table medtwin-auth-Table in the DynamoDB at {url}: "))
    );
    assert!(!message.contains('\n'), "{message}");
}

#[tokio::test]
async fn what_is_no_url_is_refused_before_anything_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let nowhere = Some("localhost:9001".to_owned());
    let options = Options { data: Data::Folder(folder.clone()), dynamodb: nowhere, ..Options::ephemeral() };
    let message = Gateway::start(options).await.err().unwrap().to_string();
    assert_eq!(message, "`localhost:9001` is not an http:// or https:// URL");
    assert!(!folder.exists());
}
