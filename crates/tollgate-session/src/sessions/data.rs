//! The data that the application keeps in a session.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use tollgate_core::Principal;

use super::Sessions;
use super::store_access::{TRIES, contended, invalid};
use crate::error::{SessionError, SessionErrorKind};
use crate::id::SessionId;
use crate::refresh::Record;

/// The data of the application in a session, with its version. See [`Sessions::data`].
///
/// `Debug` does not show the value.
///
/// ```
/// use tollgate::session::SessionData;
///
/// let cart = SessionData { version: 1, value: Some("cart-4711".to_owned()) };
/// assert_eq!(format!("{cart:?}"), "SessionData { version: 1, .. }");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionData<T> {
    /// The number of writes. 0 if there was none.
    pub version: u64,
    /// The value. `None` if none was written, or `null` was.
    pub value: Option<T>,
}

impl<T> fmt::Debug for SessionData<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionData")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Returns the session of an access token (`sid`). `None` if the token is from another issuer
    /// or names no session.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(sessions.session_of(&principal), Some(tokens.session));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session_of(&self, principal: &Principal) -> Option<SessionId> {
        let id = principal.session_id().filter(|_| self.issued(principal))?;
        id.parse().ok()
    }

    /// Returns the data that the application keeps in the session: a cart, a locale, the step of a
    /// wizard. Costs one read of the store.
    ///
    /// The data lives as long as the session: a refresh, a renewal, a re-authentication and
    /// [`update`](Self::update) keep it, the end of the session removes it. It is never in a token.
    /// A login begins without data, also if it replaces a session.
    ///
    /// # Errors
    /// - `Invalid`: the session is unknown, has expired or ended, or its record is damaged.
    /// - `Misconfigured`: the value is not a `T`. A [`Value`](serde_json::Value) always fits.
    /// - `Unavailable`: the store failed or timed out.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let cart = sessions.data::<String>(&tokens.session).await?;
    /// assert_eq!((cart.version, cart.value), (0, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn data<T: DeserializeOwned>(
        &self,
        session: &SessionId,
    ) -> Result<SessionData<T>, SessionError> {
        data_of(&self.bounded(self.live_record(session)).await?)
    }

    /// Replaces the data of the session if it has this `version`, and returns the new one. A
    /// refresh or a renewal in between does not matter. `None` or `()` as a value removes the data.
    /// Costs a read and a write of the store.
    ///
    /// # Errors
    /// - `Conflict`: the data has another version.
    /// - `TooLarge`: the value has more than 4 KiB as JSON, is nested more than about 120 levels
    ///   deep, or has no room beside the claims.
    /// - `Misconfigured`: the value cannot be JSON. A number that is not finite becomes `null`.
    /// - `Invalid`, `Unavailable`: as in [`data`](Self::data). After `Unavailable` the value may
    ///   have been written, or may still be, unless the session is written before: read the data
    ///   again.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let id = sessions.login(Login::new("u-7")).await?.session;
    /// assert_eq!(sessions.set_data(&id, 0, &"cart-4711").await?, 1);
    /// let late = sessions.set_data(&id, 0, &"cart-4712").await.unwrap_err();
    /// assert_eq!(late.kind(), SessionErrorKind::Conflict);
    /// assert_eq!(sessions.data(&id).await?.value, Some("cart-4711".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn set_data(
        &self,
        session: &SessionId,
        version: u64,
        value: &(impl Serialize + ?Sized),
    ) -> Result<u64, SessionError> {
        let value = to_json(value)?;
        let write = async {
            for _ in 0..TRIES {
                let record = self.live_record(session).await?;
                if version_of(&record) != version {
                    return Err(SessionError::new(
                        SessionErrorKind::Conflict,
                        "the data of the session has another version",
                    ));
                }
                let next = record.with_data(value.clone())?;
                if self.replace(&next, self.now()).await? {
                    return Ok(version_of(&next));
                }
            }
            Err(contended())
        };
        self.bounded(write).await
    }

    /// Changes the data of the session and returns the new data. `change` gets the default of `T`
    /// if there is no data. It is called again, with the newer value, if another request has
    /// written the session in between, at most 16 times. Costs a read and a write of the store, and
    /// as much for each further call.
    ///
    /// # Errors
    /// The errors of [`data`](Self::data) and [`set_data`](Self::set_data), without `Conflict`.
    /// `Misconfigured` if the changed value is not a `T` when it is read again from JSON, too, and
    /// `Unavailable` after too many concurrent writes, too.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let id = sessions.login(Login::new("u-7")).await?.session;
    /// let add = |cart: &mut Vec<u32>| cart.push(4711);
    /// assert_eq!(sessions.update_data(&id, add).await?.value, Some(vec![4711]));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn update_data<T: Serialize + DeserializeOwned + Default>(
        &self,
        session: &SessionId,
        mut change: impl FnMut(&mut T),
    ) -> Result<SessionData<T>, SessionError> {
        let write = async {
            for _ in 0..TRIES {
                let record = self.live_record(session).await?;
                let mut value = data_of::<T>(&record)?.value.unwrap_or_default();
                change(&mut value);
                let json = to_json(&value)?;
                // `null` stands for a number that is not finite, and may not be a `T`.
                if Option::<T>::deserialize(&json).is_err() {
                    return Err(misconfigured("the data cannot be read again from JSON"));
                }
                let next = record.with_data(json)?;
                if self.replace(&next, self.now()).await? {
                    return Ok(SessionData {
                        version: version_of(&next),
                        value: Some(value),
                    });
                }
            }
            Err(contended())
        };
        self.bounded(write).await
    }

    async fn live_record(&self, session: &SessionId) -> Result<Record, SessionError> {
        let now = self.now();
        match self.load(session, now).await? {
            Some((record, ..)) if record.body.is_live(now) => Ok(record),
            _ => Err(invalid("the session is unknown, or has expired or ended")),
        }
    }
}

fn version_of(record: &Record) -> u64 {
    record.body.data.as_ref().map_or(0, |data| data.version)
}

fn data_of<T: DeserializeOwned>(record: &Record) -> Result<SessionData<T>, SessionError> {
    let value = record.body.data.as_ref().map(|data| &data.value);
    let typed = value.map_or(Ok(None), Option::<T>::deserialize);
    let value = typed.map_err(|_| {
        // Without the text of the error, which may quote the data.
        misconfigured("the data of the session has another type")
    })?;
    Ok(SessionData {
        version: version_of(record),
        value,
    })
}

fn to_json(value: &(impl Serialize + ?Sized)) -> Result<Value, SessionError> {
    serde_json::to_value(value).map_err(|_| misconfigured("the data cannot be JSON"))
}

fn misconfigured(what: &'static str) -> SessionError {
    SessionError::new(SessionErrorKind::Misconfigured, what)
}
