//! `GET /v1/health`.

use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn without_credential_returns_200() {
    let service = Service::start().await;
    let response = service.request("GET", "/v1/health").send().await;
    assert_eq!(response.expect(200), json!({"status": "ok"}));
}
