//! A route with a static response, in process, with optional middleware: on axum, on actix-web and
//! on plain tower.

pub mod actix;
pub mod axum;
pub mod by_hand;
pub mod tower;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The middleware in front of the handler, and the extractor of the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// No middleware and no extractor.
    Bare,
    /// A layer that inserts a number into the extensions of the request.
    Inserting,
    /// The layer, and a handler without an extractor.
    Layer,
    /// The layer and `Jwt<User>`.
    Claims,
    /// The layer and `Jwt<Arc<User>>`.
    Shared,
    /// The layer and `Option<Jwt<User>>`; with actix-web `Optional<Jwt<User>>`.
    Optional,
    /// The layer and `Principal`.
    Principal,
    /// The layer and a type that derives `Claims`.
    Derived,
    /// `Jwt<User>` without a layer.
    ClaimsAlone,
    /// `Jwt<Arc<User>>` without a layer.
    SharedAlone,
    /// `Principal` without a layer.
    PrincipalAlone,
}

impl Endpoint {
    /// All variants.
    pub const ALL: [Self; 11] = [
        Self::Bare,
        Self::Inserting,
        Self::Layer,
        Self::Claims,
        Self::Shared,
        Self::Optional,
        Self::Principal,
        Self::Derived,
        Self::ClaimsAlone,
        Self::SharedAlone,
        Self::PrincipalAlone,
    ];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare route",
            Self::Inserting => "a layer that inserts one value",
            Self::Layer => "layer",
            Self::Claims => "layer and Jwt<T>",
            Self::Shared => "layer and Jwt<Arc<T>>",
            Self::Optional => "layer and Option<Jwt<T>>",
            Self::Principal => "layer and Principal",
            Self::Derived => "layer and a derived extractor",
            Self::ClaimsAlone => "Jwt<T> without a layer",
            Self::SharedAlone => "Jwt<Arc<T>> without a layer",
            Self::PrincipalAlone => "Principal without a layer",
        }
    }

    /// The name in tables with the layer around the whole router. `None` without a layer.
    pub const fn name_around(self) -> Option<&'static str> {
        match self {
            Self::Bare | Self::ClaimsAlone | Self::SharedAlone | Self::PrincipalAlone => None,
            Self::Inserting => Some("around the router: a layer that inserts one value"),
            Self::Layer => Some("around the router: layer"),
            Self::Claims => Some("around the router: layer and Jwt<T>"),
            Self::Shared => Some("around the router: layer and Jwt<Arc<T>>"),
            Self::Optional => Some("around the router: layer and Option<Jwt<T>>"),
            Self::Principal => Some("around the router: layer and Principal"),
            Self::Derived => Some("around the router: layer and a derived one"),
        }
    }
}

/// A function that sends a request with the next credential and returns the status.
pub type Ask = Box<dyn FnMut() -> u16>;

/// A ring of `Authorization` values that are used in turn.
struct Ring<V> {
    values: Vec<Option<V>>,
    next: usize,
}

impl<V: TryFrom<String> + Clone> Ring<V> {
    fn new<'a>(tokens: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let value = |token: &str| V::try_from(format!("Bearer {token}")).ok().unwrap();
        Self {
            values: tokens.into_iter().map(|token| token.map(value)).collect(),
            next: 0,
        }
    }

    fn next(&mut self) -> Option<V> {
        let value = self.values[self.next].clone();
        self.next += 1;
        if self.next == self.values.len() {
            self.next = 0;
        }
        value
    }
}

/// Polls a future once. Nothing here waits, so it is ready.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the route waits"),
    }
}

/// The response of every handler, which first drops the extracted value.
fn hello<T>(asked: T) -> &'static str {
    drop(black_box(asked));
    "hello"
}
