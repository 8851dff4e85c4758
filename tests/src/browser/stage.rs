//! The dashboard below a stage, as on API Gateway's own domain.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
};
use shared::primitives::clock::Clock;
use tokio::net::TcpListener;

use crate::{browser::Browser, service::OwnService};

/// Forwards the requests to paths below `/live`, like API Gateway. Rejects all others.
async fn forward_from_stage(State(url): State<String>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(path) = parts.uri.path_and_query().and_then(|path| path.as_str().strip_prefix("/live")) else {
        return Response::builder().status(403).body(Body::empty()).expect("a response");
    };
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let mut forwarded_request = http.request(parts.method, format!("{url}{path}")).body(body);
    for name in ["authorization", "content-type"] {
        if let Some(value) = parts.headers.get(name) {
            forwarded_request = forwarded_request.header(name, value);
        }
    }
    let response = forwarded_request.send().await.expect("a response");
    let mut forwarded_response = Response::builder().status(response.status());
    for (name, value) in response.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        forwarded_response = forwarded_response.header(name, value);
    }
    forwarded_response.body(Body::from(response.bytes().await.expect("a body"))).expect("a response")
}

/// Starts a service whose routes are below the stage `/live`. Returns it with the URL of the stage.
async fn start_below_stage() -> (OwnService, String) {
    let service = Box::pin(OwnService::start_with(|options| options.clock = Clock::system())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let stage = format!("http://{}/live", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(forward_from_stage).with_state(service.url.clone());
    tokio::spawn(async { axum::serve(listener, router).await });
    (service, stage)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn change_password_url_leads_to_the_password_screen_after_the_login() {
    let (service, stage) = start_below_stage().await;
    let account = service.account().await;
    let browser = Browser::open_at(service, &format!("{stage}/.well-known/change-password")).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Changing your password ends all your other sessions.").await;
    let url = browser.driver.current_url().await.expect("a URL");
    assert_eq!(url.as_str(), format!("{stage}/dashboard#/password"));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_and_key_creation_work_below_a_stage() {
    let (service, stage) = start_below_stage().await;
    let account = service.account().await;
    let browser = Browser::open_at(service, &format!("{stage}/")).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("No API keys").await;
    browser.click("Create API key").await;
    browser.fill("Name", "Server").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    assert!(browser.field_value("Curl command").await.starts_with(&format!("curl {stage}/v1/auth/me ")));
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.wait_for_rows(1).await;
    let url = browser.driver.current_url().await.expect("a URL");
    assert_eq!(url.as_str(), format!("{stage}/dashboard"));
    browser.end(&[]).await;
}
