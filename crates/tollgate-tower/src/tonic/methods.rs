//! Policies for single methods.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tollgate_core::{ConfigError, ConfigErrorKind, Policy};

/// The policies of the methods of a server: open, or a condition on the caller.
///
/// A method without an entry is denied to every caller, with `PERMISSION_DENIED`. A new method is
/// therefore not callable before it has a policy. [`unlisted`](MethodPoliciesBuilder::unlisted)
/// changes that.
///
/// A method is named by the path of its calls, `/package.Service/Method`. The name must be equal to
/// the path, byte by byte, as in the generated code of tonic.
///
/// ```
/// use tollgate::tonic::MethodPolicies;
/// use tollgate::{Policy, role, scope};
///
/// let methods = MethodPolicies::builder()
///     .open("/grpc.health.v1.Health/Check")
///     .open("/grpc.health.v1.Health/Watch")
///     .require("/shop.v1.Orders/*", scope("orders:read")) // the other methods of the service
///     .require("/shop.v1.Orders/Cancel", scope("orders:write") | role("clerk"))
///     .require("/shop.v1.Profile/Get", Policy::allow()) // any valid token
///     .build()?;
/// # let _ = methods;
/// # Ok::<_, tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MethodPolicies(Arc<Table>);

#[derive(Debug)]
struct Table {
    /// By the path; `None` is open.
    methods: HashMap<String, Option<Policy>>,
    /// By the path without the method and its slash.
    services: HashMap<String, Policy>,
    unlisted: Policy,
}

impl MethodPolicies {
    /// Starts a table without entries.
    ///
    /// ```
    /// use tollgate::tonic::MethodPolicies;
    ///
    /// assert!(MethodPolicies::builder().build().is_ok()); // denies every call
    /// ```
    pub fn builder() -> MethodPoliciesBuilder {
        MethodPoliciesBuilder {
            entries: Vec::new(),
            unlisted: Policy::deny(),
        }
    }

    /// The policy for a path. `None` if the method is open.
    pub(super) fn policy(&self, path: &str) -> Option<&Policy> {
        let table = &*self.0;
        if let Some(policy) = table.methods.get(path) {
            return policy.as_ref();
        }
        let service = path.rsplit_once('/').map_or(path, |(service, _)| service);
        Some(table.services.get(service).unwrap_or(&table.unlisted))
    }
}

/// A configuration of [`MethodPolicies`].
///
/// ```
/// use tollgate::config::ConfigErrorKind;
/// use tollgate::tonic::MethodPolicies;
///
/// let error = MethodPolicies::builder().open("grpc.health.v1.Health.Check").build().unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
/// ```
#[derive(Debug)]
#[must_use = "the table is made by `build`"]
pub struct MethodPoliciesBuilder {
    entries: Vec<(String, Option<Policy>)>,
    unlisted: Policy,
}

impl MethodPoliciesBuilder {
    /// Opens a method to any client. The gate does not look at its calls: an invalid token is not
    /// refused, and the handler has no `Authentication`.
    ///
    /// It takes one method at a time, so that no later method of a service is open by accident. For
    /// health checks, these are `/grpc.health.v1.Health/Check` and `/grpc.health.v1.Health/Watch`;
    /// for reflection, `/grpc.reflection.v1.ServerReflection/ServerReflectionInfo`, which shows all
    /// services to any client.
    ///
    /// ```
    /// use tollgate::tonic::MethodPolicies;
    ///
    /// let methods = || MethodPolicies::builder();
    /// assert!(methods().open("/grpc.health.v1.Health/Check").build().is_ok());
    /// assert!(methods().open("/grpc.health.v1.Health/*").build().is_err());
    /// ```
    pub fn open(mut self, method: impl Into<String>) -> Self {
        self.entries.push((method.into(), None));
        self
    }

    /// Requires a policy of the callers of a method, or, as `/package.Service/*`, of all methods of
    /// a service that have no entry of their own. For any valid token, use [`Policy::allow`].
    ///
    /// An anonymous caller of an optional gate satisfies no policy.
    ///
    /// ```
    /// use tollgate::scope;
    /// use tollgate::tonic::MethodPolicies;
    ///
    /// let methods = MethodPolicies::builder()
    ///     .require("/shop.v1.Orders/*", scope("orders:write"))
    ///     .require("/shop.v1.Orders/List", scope("orders:read"));
    /// assert!(methods.build().is_ok());
    /// ```
    pub fn require(mut self, method: impl Into<String>, policy: Policy) -> Self {
        self.entries.push((method.into(), Some(policy)));
        self
    }

    /// Sets the policy of methods without an entry. The default is [`Policy::deny`]. The last call
    /// replaces earlier ones.
    ///
    /// ```
    /// use tollgate::Policy;
    /// use tollgate::tonic::MethodPolicies;
    ///
    /// // A new method needs a valid token, and no scope:
    /// let methods = MethodPolicies::builder().unlisted(Policy::allow());
    /// assert!(methods.build().is_ok());
    /// ```
    pub fn unlisted(mut self, policy: Policy) -> Self {
        self.unlisted = policy;
        self
    }

    /// Checks the names and creates the table.
    ///
    /// # Errors
    /// A [`ConfigError`] for a name that is not `/package.Service/Method`, for a name that occurs
    /// twice, and for an open method `*`.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::scope;
    /// use tollgate::tonic::MethodPolicies;
    ///
    /// let twice = MethodPolicies::builder()
    ///     .open("/shop.v1.Orders/List")
    ///     .require("/shop.v1.Orders/List", scope("orders:read"));
    /// assert_eq!(twice.build().unwrap_err().kind(), ConfigErrorKind::Duplicate);
    /// ```
    pub fn build(self) -> Result<MethodPolicies, ConfigError> {
        let mut table = Table {
            methods: HashMap::new(),
            services: HashMap::new(),
            unlisted: self.unlisted,
        };
        for (name, policy) in self.entries {
            let twice = match (service_of(&name), policy) {
                (Some((service, "*")), Some(policy)) => {
                    add(&mut table.services, service.to_owned(), policy)
                }
                (Some((_, "*")), None) => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::Contradiction,
                        format!("`open` takes one method, not all of a service: {name:?}"),
                    ));
                }
                (Some(_), policy) => add(&mut table.methods, name.clone(), policy),
                (None, _) => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::InvalidText,
                        format!("{name:?} is no method: write `/package.Service/Method`"),
                    ));
                }
            };
            if twice {
                return Err(ConfigError::new(
                    ConfigErrorKind::Duplicate,
                    format!("{name:?} is named twice"),
                ));
            }
        }
        Ok(MethodPolicies(Arc::new(table)))
    }
}

/// Splits `/package.Service/Method` into `/package.Service` and `Method`.
fn service_of(name: &str) -> Option<(&str, &str)> {
    let (service, method) = name.rsplit_once('/')?;
    let is_name = |part: &str| {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        !part.is_empty() && part.bytes().all(valid)
    };
    let valid = is_name(service.strip_prefix('/')?) && (is_name(method) || method == "*");
    valid.then_some((service, method))
}

/// Adds an entry, and returns `true` if the name has one already.
fn add<P>(entries: &mut HashMap<String, P>, name: String, policy: P) -> bool {
    match entries.entry(name) {
        Entry::Occupied(_) => true,
        Entry::Vacant(place) => {
            place.insert(policy);
            false
        }
    }
}

#[cfg(test)]
mod tests;
