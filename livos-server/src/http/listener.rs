//! Accepts connections, no more than allowed, and drains them at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::service;
use super::stall::StallGuard;
use crate::app::App;

/// How many bytes the head of a request may have.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long a peer may leave an answer unread.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// The pause after an accept that failed (too many open files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An open port.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Opens the port. From now on connections queue up until [`run`](Self::run) takes them.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `app.draining`, then lets open requests finish until the
    /// shutdown time-out, and closes what is left.
    pub(crate) async fn run(self, app: Arc<App>) {
        let connections = TaskTracker::new();
        let abort = CancellationToken::new();
        let places = Arc::new(Semaphore::new(app.http.max_connections));
        while let Some((stream, peer, place)) = self.accept(&app, &places).await {
            let connection = serve(stream, peer, Arc::clone(&app), place);
            let abort = abort.clone();
            connections.spawn(async move { abort.run_until_cancelled(connection).await });
        }
        drop(self.socket);
        connections.close();
        if tokio::time::timeout(app.http.shutdown_timeout, connections.wait()).await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "closing connections that did not end in time"
            );
            abort.cancel();
            connections.wait().await;
        }
    }

    /// The next connection, when there is room for it; none when the server drains.
    async fn accept(
        &self,
        app: &App,
        places: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            loop {
                match self.socket.accept().await {
                    Ok((stream, peer)) => return Some((stream, peer, place)),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        app.draining.run_until_cancelled(next).await.flatten()
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, app: Arc<App>, _place: OwnedSemaphorePermit) {
    let _open = app.metrics.connection();
    // Events are small and must not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let io = TokioIo::new(StallGuard::new(stream, WRITE_PATIENCE));
    let handler = service_fn(|request| {
        let answer = service::serve(Arc::clone(&app), request, peer.ip());
        async { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.http.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(io, handler);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection broke off");
    }
}
