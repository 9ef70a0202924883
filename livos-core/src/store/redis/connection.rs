//! One connection that all operations share.
//!
//! An operation that fails because the connection was cut is asked again. Redis may have
//! done it although the answer was lost; scripts therefore carry the name of their operation,
//! and Redis keeps the answer under it for longer than an operation is repeated.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use redis::Client;
use redis::Cmd;
use redis::FromRedisValue;
use redis::Pipeline;
use redis::RedisError;
use redis::RedisResult;
use redis::ScriptInvocation;
use redis::Value;
use redis::aio::ConnectionManager;
use redis::aio::ConnectionManagerConfig;
use redis::aio::PubSub;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::config::RedisConfig;
use super::failure::damaged;
use super::failure::is_outage;
use super::failure::store_error;
use crate::store::StoreError;

/// How long Redis has to take a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// How long Redis has to answer one request before the connection is given up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// The pauses before an operation is tried: once, and again where the connection was cut.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
];
/// How many requests may wait to be sent.
const BACKLOG: usize = 1024;

/// What Redis can be asked.
pub(super) enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

/// One connection that all operations share.
pub(super) struct Connection {
    client: Client,
    manager: Mutex<Numbered>,
    breaker: Breaker,
    address: String,
    patience: Duration,
}

/// A connection, told from those that were given up before it.
#[derive(Clone)]
struct Numbered {
    number: u64,
    manager: ConnectionManager,
}

impl Connection {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, StoreError> {
        // The error of the client may quote the URL, and the URL may hold a password.
        let client = Client::open(config.url.expose()).map_err(|_| unusable())?;
        let address = client.get_connection_info().addr().to_string();
        let manager = connect(&client).map_err(store_error)?;
        Ok(Self {
            client,
            manager: Mutex::new(Numbered { number: 0, manager }),
            breaker: Breaker::default(),
            address,
            patience: config.patience,
        })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Asks, again where the connection was cut, and fails at once while Redis is away.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        self.breaker.pass(Instant::now(), self.patience).map_err(|wait| self.away(wait))?;
        let answer = tokio::time::timeout(self.patience, self.ask_again(&request)).await;
        let outage = match answer {
            Ok(Ok(value)) => {
                self.breaker.succeeded();
                return redis::from_redis_value(value).map_err(|error| damaged("value", &error));
            }
            Ok(Err(error)) if !is_outage(&error) => {
                self.breaker.succeeded();
                return Err(store_error(error));
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let pause = self.breaker.failed(Instant::now());
        tracing::warn!(address = %self.address, ?pause, "Redis does not answer");
        Err(StoreError::Unavailable {
            message: format!(
                "Redis at {} does not answer; whether it did what it was asked is unknown",
                self.address
            ),
            source: outage.map(Into::into),
        })
    }

    async fn ask_again(&self, request: &Request<'_>) -> RedisResult<Value> {
        let mut answer = Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)));
        for pause in PAUSES {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            answer = self.attempt(request).await;
            if !answer.as_ref().is_err_and(is_outage) {
                break;
            }
        }
        answer
    }

    async fn attempt(&self, request: &Request<'_>) -> RedisResult<Value> {
        let Numbered { number, mut manager } = self.manager();
        let answer = match request {
            Request::Command(command) => command.query_async(&mut manager).await,
            Request::Pipeline(commands) => commands.query_async(&mut manager).await,
            Request::Script(script) => script.invoke_async(&mut manager).await,
        };
        // A connection that is only silent would be kept until the system gives it up.
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            self.give_up(number);
        }
        answer
    }

    fn give_up(&self, number: u64) {
        let Ok(manager) = connect(&self.client) else { return };
        let mut current = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number == number {
            *current = Numbered { number: number.wrapping_add(1), manager };
        }
    }

    fn manager(&self) -> Numbered {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection of its own, for messages that Redis sends.
    pub(super) async fn listen(&self, channel: &str) -> RedisResult<PubSub> {
        let subscribed = tokio::time::timeout(CONNECT_PATIENCE, async {
            let mut listening = self.client.get_async_pubsub().await?;
            // A Redis that still loads what it has lets anybody listen, but answers nothing else.
            listening.ping::<Value>().await?;
            listening.subscribe(channel).await?;
            Ok(listening)
        });
        let timed_out = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        subscribed.await.map_err(timed_out)?
    }

    /// Another connection found Redis back.
    pub(super) fn is_back(&self) {
        self.breaker.succeeded();
    }

    fn away(&self, wait: Duration) -> StoreError {
        StoreError::unavailable(format!(
            "Redis at {} does not answer; it is asked again in {} ms",
            self.address,
            wait.as_millis()
        ))
    }
}

fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT_PATIENCE))
        .set_response_timeout(Some(ANSWER_PATIENCE))
        .set_pipeline_buffer_size(BACKLOG);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

fn unusable() -> StoreError {
    StoreError::unavailable(
        "the Redis URL is not usable: write redis://[user:password@]host[:port][/database]",
    )
}
