//! A headless Chromium driven over `WebDriver` (W3C), for tests of cookies in a real browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The timeout of a page operation.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key of an element reference in `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium with its own profile, closed on drop.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    /// The path of the `WebDriver` session.
    session: String,
    profile: PathBuf,
}

/// A tab of a [`Browser`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab(String);

impl Browser {
    /// Starts Chromium through `chromedriver`. Outside CI, returns `None` and prints a line to
    /// stderr if one of them is missing.
    ///
    /// # Panics
    /// If it does not start, or under CI if a program is missing.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts Chromium like [`start`](Self::start), with further arguments.
    ///
    /// # Panics
    /// The cases of [`start`](Self::start).
    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        Self::start_with_preferences(arguments, &json!({}))
    }

    /// Starts Chromium like [`start_with`](Self::start_with), with preferences of its user.
    ///
    /// # Panics
    /// The cases of [`start`](Self::start).
    pub fn start_with_preferences(arguments: &[&str], preferences: &Value) -> Option<Self> {
        let driver = match spawn() {
            Ok(driver) => driver,
            Err(problem) => {
                let problem = format!(
                    "chromedriver does not run ({problem}); \
                     on Debian `apt-get install chromium chromium-driver`"
                );
                assert!(!crate::in_ci(), "{problem}");
                eprintln!("SKIPPED: {problem}");
                return None;
            }
        };
        let (driver, port, profile) = driver;
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        browser.wait_for("chromedriver", |browser| {
            browser.ask("GET", "/status", None).is_ok()
        });
        let profile = format!("--user-data-dir={}", browser.profile.display());
        let mut all = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile,
        ];
        all.extend(arguments);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": all, "prefs": preferences },
        } } });
        let made = browser
            .ask("POST", "/session", Some(&wanted))
            .unwrap_or_else(|problem| panic!("Chromium does not start: {problem}"));
        let id = made["sessionId"].as_str().expect("a session without an ID");
        browser.session = format!("/session/{id}");
        Some(browser)
    }

    /// Opens a URL and waits until the page is loaded.
    ///
    /// # Panics
    /// If the page cannot be loaded.
    pub fn visit(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page and returns its result. `arguments` has the `args`.
    ///
    /// # Panics
    /// If the script throws.
    pub fn run(&self, script: &str, args: &Value) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// Runs the body of an `async` function in the page and returns the resolved value.
    ///
    /// # Panics
    /// If the script throws or times out.
    pub fn run_async(&self, script: &str, args: &Value) -> Value {
        let wrapped = format!(
            "const done = arguments[arguments.length - 1];\n\
             const args = [].slice.call(arguments, 0, -1);\n\
             (async function () {{ {script} }}).apply(null, args).then(\n\
                 value => done({{ value }}), error => done({{ error: String(error) }}));"
        );
        let mut outcome = self.post(
            "/execute/async",
            &json!({ "script": wrapped, "args": args }),
        );
        assert!(
            outcome.get("error").is_none(),
            "the script failed: {}",
            outcome["error"]
        );
        outcome["value"].take()
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Panics
    /// If it is not true within a minute.
    pub fn wait_until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        self.wait_for(expression, |browser| {
            browser.run(&script, &json!([])) == true
        });
    }

    /// Types into the element that matches a CSS selector.
    ///
    /// # Panics
    /// If there is no such element, or it accepts no text.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Clicks the element that matches a CSS selector, and waits if that loads a page.
    ///
    /// # Panics
    /// If there is no such element, or it cannot be clicked.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// The visible text of the element that matches a CSS selector.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.get(&format!("/element/{element}/text"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The cookies that the browser would send to the current page, including `HttpOnly` ones. Each
    /// has `name`, `value`, `path`, `httpOnly`, `secure`, `sameSite` and optionally `expiry`.
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn cookies(&self) -> Vec<Value> {
        match self.get("/cookie") {
            Value::Array(cookies) => cookies,
            other => panic!("the cookies are not an array: {other}"),
        }
    }

    /// The cookie with that name in [`cookies`](Self::cookies).
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn cookie(&self, name: &str) -> Option<Value> {
        self.cookies()
            .into_iter()
            .find(|cookie| cookie["name"] == name)
    }

    /// Deletes a cookie of the current page, as if it had expired.
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn delete_cookie(&self, name: &str) {
        let path = format!("{}/cookie/{name}", self.session);
        self.ask("DELETE", &path, None)
            .unwrap_or_else(|problem| panic!("{path}: {problem}"));
    }

    /// The current tab.
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn tab(&self) -> Tab {
        Tab(self.get("/window").as_str().unwrap_or_default().to_owned())
    }

    /// Opens a URL in a new tab, with the same cookies.
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn open_tab(&self) -> Tab {
        let made = self.post("/window/new", &json!({ "type": "tab" }));
        let tab = Tab(made["handle"].as_str().unwrap_or_default().to_owned());
        self.switch_to(&tab);
        tab
    }

    /// Switches to a tab.
    ///
    /// # Panics
    /// If the tab is closed.
    pub fn switch_to(&self, tab: &Tab) {
        self.post("/window", &json!({ "handle": tab.0 }));
    }

    /// The URL of the current page.
    ///
    /// # Panics
    /// If the browser has exited.
    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap_or_default().to_owned()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post(
            "/element",
            &json!({ "using": "css selector", "value": selector }),
        );
        found[ELEMENT].as_str().unwrap_or_default().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        let path = format!("{}{path}", self.session);
        self.ask("GET", &path, None)
            .unwrap_or_else(|problem| panic!("{path}: {problem}"))
    }

    fn post(&self, path: &str, content: &Value) -> Value {
        let path = format!("{}{path}", self.session);
        self.ask("POST", &path, Some(content))
            .unwrap_or_else(|problem| panic!("{path} {content}: {problem}"))
    }

    fn wait_for(&self, what: &str, ready: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !ready(self) {
            assert!(Instant::now() < end, "timed out: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one command. The error is the message of `WebDriver`.
    fn ask(&self, method: &str, path: &str, content: Option<&Value>) -> Result<Value, String> {
        let answer =
            exchange(self.port, method, path, content).map_err(|problem| problem.to_string())?;
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|problem| problem.to_string())?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) if value.get("stacktrace").is_some() => {
                Err(format!("{error}: {}", value["message"]))
            }
            _ => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.ask("DELETE", &self.session, None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Starts `chromedriver` on a free port, with a directory for the profile.
fn spawn() -> std::io::Result<(Child, u16, PathBuf)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let profile =
        std::env::temp_dir().join(format!("tollgate-chromium-{}-{port}", std::process::id()));
    let driver = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::fs::create_dir_all(&profile)?;
    Ok((driver, port, profile))
}

/// Sends one HTTP/1.1 request on a new connection and returns the response.
fn exchange(
    port: u16,
    method: &str,
    path: &str,
    content: Option<&Value>,
) -> std::io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let content = content.map(Value::to_string).unwrap_or_default();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{content}",
        content.len(),
    )?;
    let mut answer = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if answer.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(body)
}
