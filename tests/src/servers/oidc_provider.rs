//! A certified OpenID provider: `oidc-provider` from npm, run by the program in
//! `peers/oidc-provider`.

use serde_json::{Value, json};

use super::{Process, Scratch, eventually, free_port, missing};
use crate::http::{Answer, Request, urlencoded};

const GET_NODE: &str =
    "Node.js 20 or later is needed, on Debian and Ubuntu `apt-get install nodejs npm`";
const GET_LIBRARY: &str = "`cargo xtask tools` installs it";

/// An identity provider that issues real tokens.
#[derive(Debug)]
pub struct OidcProvider {
    port: u16,
    process: Process,
    settings: Value,
    scratch: Scratch,
}

/// The parameters of a user's login.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The client ID. The client must have a redirect URI.
    pub client: &'a str,
    /// One of the client's redirect URIs. No server has to listen there.
    pub redirect_uri: &'a str,
    /// The scopes, separated by spaces. The first is `openid`.
    pub scope: &'a str,
    /// The resource of the access token.
    pub resource: Option<&'a str>,
    /// The `nonce` for the ID token.
    pub nonce: &'a str,
    /// The name of the user.
    pub name: &'a str,
    /// The password of the user.
    pub password: &'a str,
}

/// The example in RFC 7636, appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl OidcProvider {
    /// Starts a provider. See `peers/README.md` for the settings, of which `port` and `keystore`
    /// are set here. Keys of one `alg` and `kid` stay the same across
    /// [`restart_with`](Self::restart_with).
    ///
    /// # Panics
    /// If it does not start, or under CI if it is not installed.
    pub fn start(settings: &Value) -> Option<Self> {
        let installed =
            crate::node_modules().is_some_and(|modules| modules.join("oidc-provider").is_dir());
        if !installed {
            missing("oidc-provider", GET_LIBRARY);
            return None;
        }
        // Another process may take the port before the provider does.
        for _ in 0..5 {
            let scratch = Scratch::new("oidc-provider");
            let port = free_port();
            let mut provider = Self {
                process: Self::spawn(port, settings, &scratch)?,
                port,
                settings: settings.clone(),
                scratch,
            };
            if provider.until_ready() {
                return Some(provider);
            }
            let log =
                std::fs::read_to_string(provider.scratch.path().join("log")).unwrap_or_default();
            assert!(log.contains("EADDRINUSE"), "oidc-provider exited: {log}");
        }
        panic!("oidc-provider found no free port");
    }

    fn spawn(port: u16, settings: &Value, scratch: &Scratch) -> Option<Process> {
        let mut settings = settings.clone();
        settings["port"] = json!(port);
        settings["keystore"] = json!(scratch.path().join("keys.json"));
        let mut command = crate::node("oidc-provider/main.mjs");
        command.arg(settings.to_string());
        Process::start(&mut command, &scratch.path().join("log"), GET_NODE)
    }

    /// Waits until it responds. Returns `false` if it has exited.
    fn until_ready(&mut self) -> bool {
        let mut ended = false;
        eventually("oidc-provider answers", || {
            ended = !self.process.runs();
            ended || self.answers()
        });
        !ended
    }

    fn answers(&self) -> bool {
        let metadata = Request::get(self.url() + "/.well-known/openid-configuration").send();
        metadata.is_ok_and(|answer| answer.status == 200)
    }

    /// The port of the provider on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the provider, which is also its issuer name by default.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills it, like a power failure.
    pub fn stop(&mut self) {
        self.process.kill();
    }

    /// Restarts it on the same port, whether it is [stopped](Self::stop) or running.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.stop();
        eventually("oidc-provider restarts", || {
            if !self.process.runs() {
                self.process = Self::spawn(self.port, &self.settings, &self.scratch)
                    .expect("oidc-provider is not installed any more");
            }
            self.answers()
        });
    }

    /// Restarts it on the same port with one setting changed, such as `keys` for a rotation.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_with(&mut self, member: &str, value: Value) {
        self.settings[member] = value;
        self.restart();
    }

    /// Pauses it: its port accepts connections but gets no response.
    ///
    /// # Panics
    /// If it has exited.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Resumes it after a [pause](Self::pause).
    ///
    /// # Panics
    /// If it has exited.
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Requests an access token for a client itself (RFC 6749 section 4.4) with
    /// `client_secret_post`.
    ///
    /// # Panics
    /// If the provider refuses the request.
    pub fn client_credentials(
        &self,
        client: &str,
        secret: &str,
        resource: &str,
        scope: &str,
    ) -> String {
        let mut tokens = self.tokens(&[
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret),
            ("resource", resource),
            ("scope", scope),
        ]);
        match tokens["access_token"].take() {
            Value::String(token) => token,
            _ => panic!("no access token in {tokens}"),
        }
    }

    /// Logs a user in with consent, as a public client with PKCE (RFC 6749 section 4.1, RFC 7636).
    /// Returns the token response, with `access_token` and `id_token`.
    ///
    /// # Panics
    /// If the provider refuses the request.
    pub fn log_in(&self, login: &Login<'_>) -> Value {
        let mut query = vec![
            ("client_id", login.client),
            ("redirect_uri", login.redirect_uri),
            ("response_type", "code"),
            ("scope", login.scope),
            ("nonce", login.nonce),
            ("state", "here-and-there"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        query.extend(login.resource.map(|resource| ("resource", resource)));
        let url = format!("{}/auth?{}", self.url(), urlencoded(&query));
        let came_back = self.visit(&url, login.redirect_uri, login.name, login.password);
        let parameter = |name: &str| {
            let (_, query) = came_back.split_once('?')?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(found, value)| (found == name).then(|| value.to_owned()))
        };
        assert_eq!(parameter("state").as_deref(), Some("here-and-there"));
        let code = parameter("code").unwrap_or_else(|| panic!("no code in {came_back}"));
        self.tokens(&[
            ("grant_type", "authorization_code"),
            ("client_id", login.client),
            ("redirect_uri", login.redirect_uri),
            ("code", &code),
            ("code_verifier", CODE_VERIFIER),
        ])
    }

    /// Opens an authorization URL like a browser, logs in and consents. Returns the redirect URL,
    /// which begins with `redirect_uri` and is not requested.
    ///
    /// # Panics
    /// If the provider refuses the request.
    pub fn visit(&self, url: &str, redirect_uri: &str, name: &str, password: &str) -> String {
        let mut visit = Visit {
            provider: self.url(),
            cookies: Vec::new(),
        };
        visit.until(
            redirect_uri,
            url.to_owned(),
            &[("login", name), ("password", password)],
        )
    }

    fn tokens(&self, form: &[(&str, &str)]) -> Value {
        let answer = Request::post(self.url() + "/token", form).send();
        let answer =
            answer.unwrap_or_else(|problem| panic!("oidc-provider does not respond: {problem}"));
        assert_eq!(
            answer.status, 200,
            "oidc-provider refused the request: {}",
            answer.content
        );
        serde_json::from_str(&answer.content).expect("the token response is not JSON")
    }
}

/// A minimal browser: follows redirects, fills in forms and keeps cookies.
struct Visit {
    provider: String,
    /// Name, value and path.
    cookies: Vec<(String, String, String)>,
}

impl Visit {
    /// Opens a URL and returns the first redirect target that begins with `end`.
    fn until(&mut self, end: &str, mut url: String, form: &[(&str, &str)]) -> String {
        for _ in 0..12 {
            let mut answer = self.send(Request::get(&url), &url);
            if answer.status == 200 {
                // Each form posts to its own page, which ignores the fields of other forms.
                answer = self.send(Request::post(&url, form), &url);
            }
            let Some(next) = answer.field("location") else {
                panic!("{url} has no redirect: {answer:?}");
            };
            if next.starts_with(end) {
                return next.to_owned();
            }
            url = match next.strip_prefix('/') {
                Some(path) => format!("{}/{path}", self.provider),
                None => next.to_owned(),
            };
        }
        panic!("too many redirects, at {url}")
    }

    fn send(&mut self, mut request: Request, url: &str) -> Answer {
        let path = &url[self.provider.len()..];
        let sent = self
            .cookies
            .iter()
            .filter(|(_, _, of)| path.starts_with(&**of));
        let sent: Vec<_> = sent
            .map(|(name, value, _)| format!("{name}={value}"))
            .collect();
        if !sent.is_empty() {
            request = request.with("cookie", &sent.join("; "));
        }
        let answer = request
            .send()
            .unwrap_or_else(|problem| panic!("{url}: {problem}"));
        for line in answer.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let path = attributes
                .split(';')
                .find_map(|attribute| attribute.trim().strip_prefix("path="));
            let path = path.unwrap_or("/").to_owned();
            self.cookies
                .retain(|(known, _, of)| (known, of) != (&name.to_owned(), &path));
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned(), path));
            }
        }
        answer
    }
}
