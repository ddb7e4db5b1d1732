//! Extractors: what a handler asks for is what it gets, or the request is refused.

mod claims;
mod optional;
mod principal;
mod scoped;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use tollgate_core::{Authentication, BoxFuture, FromAuthentication, Refusal, Step};

pub use claims::Jwt;
pub use optional::Optional;
pub use principal::Principal;
pub use scoped::Scoped;

use crate::authentication;
use crate::rejected::Rejected;

/// The body of every extractor.
#[doc(hidden)]
pub fn extract<T: FromAuthentication>(request: &HttpRequest) -> Extraction<T> {
    Extraction(match authentication::begin(request) {
        Step::Ready(decided) => State::Decided(Some(draw(request, decided))),
        Step::Pending(decision) => State::Waiting(decision, request.clone()),
    })
}

fn draw<T: FromAuthentication>(
    request: &HttpRequest,
    decided: Result<Authentication, Refusal>,
) -> Result<T, Rejected> {
    let decided = decided?;
    authentication::keep(request, &decided);
    T::from_authentication(&decided).map_err(Rejected::from)
}

/// The future of every extractor: ready at once, unless a store or a source of keys has to be asked.
///
/// ```
/// use actix_web::{FromRequest, dev::Payload, test::TestRequest};
/// use tollgate_actix::{Extraction, Principal};
///
/// # #[actix_web::main]
/// # async fn main() {
/// let request = TestRequest::default().to_http_request();
/// let future: Extraction<Principal> = Principal::from_request(&request, &mut Payload::None);
/// assert_eq!(future.await.unwrap_err().rejection().status(), 500); // nobody has authenticated the request
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Extraction<T>(State<T>);

enum State<T> {
    /// `None` once it has been handed out.
    Decided(Option<Result<T, Rejected>>),
    Waiting(BoxFuture<Result<Authentication, Refusal>>, HttpRequest),
}

/// Nothing in it is pinned.
impl<T> Unpin for Extraction<T> {}

impl<T: FromAuthentication> Future for Extraction<T> {
    type Output = Result<T, Rejected>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let drawn = match &mut self.0 {
            State::Decided(drawn) => drawn.take().expect("polled after it was ready"),
            State::Waiting(decision, request) => {
                let decided = ready!(decision.as_mut().poll(cx));
                draw(request, decided)
            }
        };
        self.0 = State::Decided(None);
        Poll::Ready(drawn)
    }
}

impl<T> fmt::Debug for Extraction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extraction")
    }
}

/// Makes an extractor of a type that implements `FromAuthentication`: its generics, the type, and the
/// predicates of its where clause.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_extractor {
    ([$($generics:tt)*] [$($type:tt)*] [$($predicates:tt)*]) => {
        impl<$($generics)*> $crate::__private::FromRequest for $($type)*
        where
            $($predicates)*
        {
            type Error = $crate::Rejected;
            type Future = $crate::Extraction<Self>;

            fn from_request(
                request: &$crate::__private::HttpRequest,
                _: &mut $crate::__private::Payload,
            ) -> Self::Future {
                $crate::__private::extract::<Self>(request)
            }
        }
    };
}
