//! The text of events and spans, as the formatter of `tracing-subscriber` writes it.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Collects the events and the ends of spans of this thread.
    pub(crate) fn during<T>(&self, run: impl FnOnce() -> T) -> T {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, run)
    }

    fn lines(&self, of_spans: bool) -> String {
        let all = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8");
        let lines = all
            .lines()
            .filter(|line| line.contains(": close") == of_spans);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The events, with their spans.
    pub(crate) fn text(&self) -> String {
        self.lines(false)
    }

    /// The spans, one a line.
    pub(crate) fn spans(&self) -> String {
        self.lines(true)
    }
}
