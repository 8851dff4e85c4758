//! The Lambda program `authorizer`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::function::run(authorizer::service).await
}
