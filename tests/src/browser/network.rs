//! Requests of the page that arrive late, fail, or whose response is lost.

use serde_json::{Value, json};

use crate::browser::Browser;

impl Browser {
    /// Replaces the page's next request with this path by what `replacement` returns: the body of a function of `send`, `url` and
    /// `options`.
    pub async fn replace_request(&self, path: &str, replacement: &str) {
        let script = format!(
            "const [path] = arguments;
            const send = fetch;
            window.fetch = async (url, options) => {{
                if (!String(url).endsWith(path)) return send(url, options);
                window.fetch = send;
                {replacement}
            }};"
        );
        self.value(&script, &[json!(path)]).await;
    }

    /// Holds the page's next request with this path until [`release`](Self::release).
    pub async fn hold(&self, path: &str) {
        const HELD: &str =
            "await new Promise((resolve) => (window.release = resolve)); return send(url, options);";
        self.replace_request(path, HELD).await;
    }

    /// Waits until the page sends the request that it must hold, and lets it go on after `meanwhile`.
    pub async fn release(&self, meanwhile: impl AsyncFn()) {
        self.wait_until("the held request", "return window.release !== undefined", &[]).await;
        meanwhile().await;
        self.value("window.release()", &[]).await;
    }

    /// Loses the response to the page's next request with this path.
    pub async fn lose_response(&self, path: &str) {
        self.replace_request(path, "await send(url, options); throw new TypeError('connection lost');").await;
    }

    /// Makes the page's next request with this path fail with the status 503.
    pub async fn fail_request(&self, path: &str) {
        self.replace_request(path, "return Response.json({}, { status: 503 });").await;
    }

    /// Returns how many requests with this path have completed.
    pub async fn request_count(&self, path: &str) -> Value {
        const COUNT: &str = "const [path] = arguments;
            return performance.getEntriesByType('resource').filter((one) => one.name.endsWith(path)).length";
        self.value(COUNT, &[json!(path)]).await
    }
}
