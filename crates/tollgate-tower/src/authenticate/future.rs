use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tollgate_core::__private::CsrfForm;
use tollgate_core::__private::head::RequestHead;
use tollgate_core::__private::response::of_refusal;
use tollgate_core::{Authentication, BoxFuture, Gate, HeaderEdits, Refusal, Step};
use tower_service::Service;

use crate::body_mode::{BodyMode, WrappedBody};
use crate::form_body::ReadForm;
use crate::renewal;

const SPENT: &str = "polled after it was ready";

pin_project! {
    /// The future of [`JwtAuthService`](super::JwtAuthService): a response of the service, perhaps
    /// with a renewed token, or a refusal.
    ///
    /// The future of the service is stored in place. A box is allocated only for a lookup in a
    /// store or a key source, and for a renewed token. Dropping the future is cancel-safe.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use tollgate::tower::{JwtAuthFuture, JwtAuthService};
    /// # use std::convert::Infallible;
    /// # use tollgate::{Key, Verifier};
    /// use tower::{Service, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// fn named<S, B>(
    ///     guarded: &mut JwtAuthService<S>,
    ///     request: Request<()>,
    /// ) -> JwtAuthFuture<S, ()>
    /// where
    ///     S: Service<Request<()>, Response = Response<B>> + Clone,
    /// {
    ///     guarded.call(request)
    /// }
    /// let handler = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("open")));
    /// let mut guarded = JwtAuthService::new(handler, verifier);
    /// assert_eq!(named(&mut guarded, Request::new(())).await?.status(), 401);
    /// # Ok(()) }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct JwtAuthFuture<S, B, M = WrappedBody>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future, S::Response>,
        mode: PhantomData<fn() -> M>,
    }
}

pin_project! {
    /// The options are `None` after the future has completed.
    #[project = StateProjection]
    enum State<S, B, F, R> {
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
        Serving { #[pin] future: F, authentication: Option<Authentication> },
        Renewing { renewing: Option<Box<Renewing<R>>> },
        Reading { reading: Option<Box<Reading<S, B>>> },
        Refused { refusal: Option<Refusal> },
    }
}

/// A request that waits for its decision, and the service that is ready for it.
struct Waiting<S, B> {
    decision: BoxFuture<Result<Authentication, Refusal>>,
    service: S,
    request: Request<B>,
}

/// A request whose form is read before the decision, and the service that is ready for it.
struct Reading<S, B> {
    read: ReadForm<B>,
    service: S,
    head: Parts,
    gate: Gate,
}

/// A response that waits for its renewed token.
struct Renewing<R> {
    edits: BoxFuture<HeaderEdits>,
    response: R,
}

impl<S, B, M> JwtAuthFuture<S, B, M>
where
    S: Service<Request<B>>,
{
    pub(crate) fn serving(
        service: &mut S,
        request: Request<B>,
        authentication: Authentication,
    ) -> Self {
        Self {
            state: serve(service, request, authentication),
            mode: PhantomData,
        }
    }

    /// Calls the service without a decision.
    #[cfg(feature = "tonic")]
    pub(crate) fn open(service: &mut S, request: Request<B>) -> Self {
        Self {
            state: State::Serving {
                future: service.call(request),
                authentication: None,
            },
            mode: PhantomData,
        }
    }

    /// `service` is ready.
    pub(crate) fn waiting(
        decision: BoxFuture<Result<Authentication, Refusal>>,
        service: S,
        request: Request<B>,
    ) -> Self {
        Self {
            state: wait(decision, service, request),
            mode: PhantomData,
        }
    }

    /// Reads the start of a form, and decides then. `service` is ready.
    #[cold]
    pub(super) fn reading<R>(form: (CsrfForm, Gate), service: S, request: Request<B>) -> Self
    where
        M: BodyMode<R>,
        B: 'static,
    {
        Self {
            state: read::<_, _, _, R, M>(form, service, request),
            mode: PhantomData,
        }
    }

    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self {
            state: State::Refused {
                refusal: Some(refusal),
            },
            mode: PhantomData,
        }
    }
}

fn wait<S, B, R>(
    decision: BoxFuture<Result<Authentication, Refusal>>,
    service: S,
    request: Request<B>,
) -> State<S, B, S::Future, R>
where
    S: Service<Request<B>>,
{
    State::Waiting {
        waiting: Some(Box::new(Waiting {
            decision,
            service,
            request,
        })),
    }
}

fn read<S, B, T, R, M>(
    (form, gate): (CsrfForm, Gate),
    service: S,
    request: Request<B>,
) -> State<S, B, S::Future, T>
where
    S: Service<Request<B>>,
    B: 'static,
    M: BodyMode<R>,
{
    let (head, body) = request.into_parts();
    match M::read_form(form, body) {
        Ok(read) => State::Reading {
            reading: Some(Box::new(Reading {
                read,
                service,
                head,
                gate,
            })),
        },
        Err(body) => {
            let decision = gate.begin(&RequestHead::from(&head));
            go_on(decision, service, Request::from_parts(head, body))
        }
    }
}

/// Continues after the last decision about a request.
fn go_on<S, B, R>(
    decision: Step<Result<Authentication, Refusal>>,
    mut service: S,
    request: Request<B>,
) -> State<S, B, S::Future, R>
where
    S: Service<Request<B>>,
{
    match decision {
        Step::Ready(Ok(authentication)) => serve(&mut service, request, authentication),
        Step::Ready(Err(refusal)) => State::Refused {
            refusal: Some(refusal),
        },
        Step::Pending(decision) => wait(decision, service, request),
    }
}

fn serve<S, B, R>(
    service: &mut S,
    mut request: Request<B>,
    authentication: Authentication,
) -> State<S, B, S::Future, R>
where
    S: Service<Request<B>>,
{
    request.extensions_mut().insert(authentication.clone());
    State::Serving {
        future: service.call(request),
        authentication: Some(authentication),
    }
}

impl<S, B, R, M> Future for JwtAuthFuture<S, B, M>
where
    B: 'static,
    M: BodyMode<R>,
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<M::Body>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Waiting { waiting } => {
                    let asked = waiting.as_mut().expect(SPENT);
                    let mut decided = ready!(asked.decision.as_mut().poll(context));
                    let Waiting {
                        service, request, ..
                    } = *waiting.take().expect(SPENT);
                    match decided.as_mut().err().and_then(Refusal::take_form) {
                        Some(form) => read::<_, _, _, R, M>(form, service, request),
                        None => go_on(Step::Ready(decided), service, request),
                    }
                }
                StateProjection::Reading { reading } => {
                    let form = reading.as_mut().expect(SPENT);
                    let (token, body) = ready!(form.read.as_mut().poll(context));
                    let Reading {
                        service,
                        head,
                        gate,
                        ..
                    } = *reading.take().expect(SPENT);
                    let decision = gate.begin_with_form(&RequestHead::from(&head), token);
                    go_on(decision, service, Request::from_parts(head, body))
                }
                StateProjection::Serving {
                    future,
                    authentication,
                } => {
                    let mut response = ready!(future.poll(context))?;
                    // There is none without a decision.
                    let edits = authentication.take().and_then(|authentication| {
                        let edits = renewal::of(&authentication, &response);
                        // An inner layer was nearer to the handler.
                        response.extensions_mut().get_or_insert(authentication);
                        edits
                    });
                    let Some(edits) = edits else {
                        return Poll::Ready(Ok(response.map(M::of_service)));
                    };
                    State::Renewing {
                        renewing: Some(Box::new(Renewing { edits, response })),
                    }
                }
                StateProjection::Renewing { renewing } => {
                    let edits =
                        ready!(renewing.as_mut().expect(SPENT).edits.as_mut().poll(context));
                    let mut response = renewing.take().expect(SPENT).response;
                    renewal::apply(&edits, response.headers_mut());
                    return Poll::Ready(Ok(response.map(M::of_service)));
                }
                StateProjection::Refused { refusal } => {
                    return Poll::Ready(Ok(of_refusal(
                        refusal.take().expect(SPENT),
                        M::of_refusal,
                    )));
                }
            };
            state.set(next);
        }
    }
}

impl<S, B, M> fmt::Debug for JwtAuthFuture<S, B, M>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "JwtAuthFuture(waiting)",
            State::Serving { .. } => "JwtAuthFuture(serving)",
            State::Renewing { .. } => "JwtAuthFuture(renewing)",
            State::Reading { .. } => "JwtAuthFuture(reading)",
            State::Refused { .. } => "JwtAuthFuture(refused)",
        })
    }
}
