//! The server's API as a client sees it that does not give up.

use std::time::Duration;

use reqwest::Method;
use reqwest::Response;
use serde_json::Value;

use crate::process::KEY;
use crate::watcher::Whereabouts;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an answer may take before it counts as lost.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A client of whatever server lives. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    whereabouts: Whereabouts,
}

impl Api {
    pub(crate) fn new(whereabouts: Whereabouts) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { client, whereabouts }
    }

    /// Where the server is, once there is one.
    pub(crate) async fn url(&self) -> String {
        let mut whereabouts = self.whereabouts.clone();
        let found = whereabouts.wait_for(Option::is_some).await.expect("the test has not ended");
        found.clone().expect("it was waited for")
    }

    pub(crate) async fn pause(&self) {
        tokio::time::sleep(PAUSE).await;
    }

    pub(crate) async fn get_at(&self, url: &str, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{url}{path}")).bearer_auth(KEY).send().await
    }

    /// Reads something from the server that lives now.
    pub(crate) async fn get(&self, path: &str) -> Result<String, String> {
        let response =
            self.get_at(&self.url().await, path).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = response.text().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}")) }
    }

    /// Sends something until a server takes it, and gives its answer.
    ///
    /// # Errors
    /// With the answer of a server that refused it: nothing sent here is wrong.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.send(Method::POST, path, body).await
    }

    /// As [`post`](Self::post), with another method.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        loop {
            let url = self.url().await;
            let request = self
                .client
                .request(method.clone(), format!("{url}{path}"))
                .bearer_auth(KEY)
                .header("content-type", "application/json")
                .timeout(ANSWER_TIME)
                .body(body.to_string());
            if let Ok(response) = request.send().await {
                let status = response.status();
                // An answer that breaks off is none.
                if let Ok(text) = response.text().await {
                    match serde_json::from_str(&text) {
                        Ok(answer) if status.is_success() => return Ok(answer),
                        _ if status.is_client_error() && status.as_u16() != 429 => {
                            return Err(format!(
                                "{method} {path} was answered with {status}: {text}"
                            ));
                        }
                        _ => {}
                    }
                }
            }
            self.pause().await;
        }
    }
}
