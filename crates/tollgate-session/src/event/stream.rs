//! Events for a sink that awaits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::SessionEvent;

/// Creates a callback for [`SessionsBuilder::on_event`](crate::SessionsBuilder::on_event), and the
/// stream of the events that it gets. At most `capacity` events wait in it, at least one. A request
/// never waits for the sink: an event without room is lost, and [counted](EventStream::lost).
///
/// ```
/// # use tollgate::SigningKey;
/// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
/// use std::io::Write;
/// use tollgate::session::event_stream;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
/// let (send, mut events) = event_stream(1024);
/// let sessions = Sessions::builder(issuer, MemoryStore::default())
///     .refresh_key(RefreshKey::generate(1)?)
///     .on_event(send)
///     .build()?;
/// let log = tokio::spawn(async move {
///     let mut lines = Vec::new(); // or a file
///     while let Some(event) = events.next().await {
///         let line = serde_json::to_string(&event.in_plain_text())?;
///         writeln!(lines, "{line}")?;
///     }
///     Ok::<_, std::io::Error>(lines)
/// });
/// sessions.login(Login::new("u-7")).await?;
///
/// drop(sessions); // the stream ends after the last event
/// let lines = String::from_utf8(log.await??)?;
/// assert!(lines.contains(r#""event":"logged_in""#) && lines.ends_with("}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn event_stream(
    capacity: usize,
) -> (
    impl Fn(&SessionEvent) + Send + Sync + 'static + use<>,
    EventStream,
) {
    let capacity = capacity.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
    let (sender, receiver) = mpsc::channel(capacity);
    let lost = Arc::new(AtomicU64::new(0));
    let stream = EventStream {
        receiver,
        lost: Arc::clone(&lost),
    };
    let send = move |event: &SessionEvent| {
        let sent = sender.try_reserve().map(|room| room.send(event.clone()));
        if sent.is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    };
    (send, stream)
}

/// A bounded stream of events: see [`event_stream`]. The events of one session come in the order in
/// which this instance caused them.
pub struct EventStream {
    receiver: mpsc::Receiver<SessionEvent>,
    lost: Arc<AtomicU64>,
}

impl EventStream {
    /// Waits for the next event. Returns `None` after the last one, once all
    /// [`Sessions`](crate::Sessions) were dropped or the stream was [closed](Self::close).
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        self.receiver.recv().await
    }

    /// Accepts no further events. [`next`](Self::next) returns those that wait, and then `None`:
    /// for a shutdown while clones of the sessions exist.
    pub fn close(&mut self) {
        self.receiver.close();
    }

    /// The number of events that were lost, because the sink was too slow or the stream was closed.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("waiting", &self.receiver.len())
            .field("lost", &self.lost())
            .finish()
    }
}
