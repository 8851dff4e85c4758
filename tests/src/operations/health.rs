//! `GET /v1/health`.

use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn without_a_credential_is_200() {
    let service = Service::start().await;
    let answer = service.request("GET", "/v1/health").send().await;
    assert_eq!(answer.expect(200), json!({"status": "ok"}));
}
