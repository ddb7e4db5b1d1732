//! A real Chromium without a window, driven over `WebDriver` (W3C), so that tests see what a browser does with cookies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a page may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name under which `WebDriver` hands out an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium with a profile of its own, closed when it is dropped.
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
    /// Starts Chromium by way of `chromedriver`. Away from CI, `None` if one of them is missing, said in a line on the
    /// standard error.
    ///
    /// # Panics
    /// If it does not start; under CI also if a program is missing.
    pub fn start() -> Option<Self> {
        let driver = match spawn() {
            Ok(driver) => driver,
            Err(problem) => {
                let problem = format!(
                    "chromedriver does not run ({problem}); on Debian `apt-get install chromium chromium-driver`"
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
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", browser.profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
        } } });
        let made = browser
            .ask("POST", "/session", Some(&wanted))
            .unwrap_or_else(|problem| panic!("Chromium does not start: {problem}"));
        let id = made["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("/session/{id}");
        Some(browser)
    }

    /// Goes to an address, and waits until the page is loaded.
    ///
    /// # Panics
    /// If the page cannot be had.
    pub fn visit(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page and gives what it returns; `arguments` has `args`.
    ///
    /// # Panics
    /// If the script throws.
    pub fn run(&self, script: &str, args: &Value) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// Runs the body of an `async` function in the page and gives what it resolves to.
    ///
    /// # Panics
    /// If it throws or takes too long.
    pub fn run_async(&self, script: &str, args: &Value) -> Value {
        let wrapped = format!(
            "const done = arguments[arguments.length - 1];\n\
             const args = [].slice.call(arguments, 0, -1);\n\
             (async function () {{ {script} }}).apply(null, args).then(\n\
                 value => done({{ value }}), error => done({{ error: String(error) }}));"
        );
        let mut outcome = self.post("/execute/async", &json!({ "script": wrapped, "args": args }));
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
    /// If it does not become true in a minute.
    pub fn wait_until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        self.wait_for(expression, |browser| browser.run(&script, &json!([])) == true);
    }

    /// Types into the element that a CSS selector finds.
    ///
    /// # Panics
    /// If there is no such element, or it takes no text.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Clicks on the element that a CSS selector finds, and waits if that loads a page.
    ///
    /// # Panics
    /// If there is no such element, or it cannot be clicked.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// The text of the element that a CSS selector finds, as it is shown.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.get(&format!("/element/{element}/text"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The cookies that the browser would send to the page it shows, `HttpOnly` ones among them; each with `name`, `value`, `path`,
    /// `httpOnly`, `secure`, `sameSite` and, if it has one, `expiry`.
    ///
    /// # Panics
    /// If the browser has ended.
    pub fn cookies(&self) -> Vec<Value> {
        match self.get("/cookie") {
            Value::Array(cookies) => cookies,
            other => panic!("cookies are an array and not {other}"),
        }
    }

    /// The cookie of that name among [`cookies`](Self::cookies).
    ///
    /// # Panics
    /// If the browser has ended.
    pub fn cookie(&self, name: &str) -> Option<Value> {
        self.cookies().into_iter().find(|cookie| cookie["name"] == name)
    }

    /// The tab that commands go to.
    ///
    /// # Panics
    /// If the browser has ended.
    pub fn tab(&self) -> Tab {
        Tab(self.get("/window").as_str().unwrap_or_default().to_owned())
    }

    /// Opens another tab and goes there. It has the same cookies.
    ///
    /// # Panics
    /// If the browser has ended.
    pub fn open_tab(&self) -> Tab {
        let made = self.post("/window/new", &json!({ "type": "tab" }));
        let tab = Tab(made["handle"].as_str().unwrap_or_default().to_owned());
        self.switch_to(&tab);
        tab
    }

    /// Sends the commands that follow to a tab.
    ///
    /// # Panics
    /// If it was closed.
    pub fn switch_to(&self, tab: &Tab) {
        self.post("/window", &json!({ "handle": tab.0 }));
    }

    /// The address of the page that is shown.
    ///
    /// # Panics
    /// If the browser has ended.
    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap_or_default().to_owned()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
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
            assert!(Instant::now() < end, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One command; the error is `WebDriver`'s own text.
    fn ask(&self, method: &str, path: &str, content: Option<&Value>) -> Result<Value, String> {
        let answer = exchange(self.port, method, path, content).map_err(|problem| problem.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|problem| problem.to_string())?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) if value.get("stacktrace").is_some() => Err(format!("{error}: {}", value["message"])),
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

/// Starts `chromedriver` on a free port, with a folder for the browser's profile.
fn spawn() -> std::io::Result<(Child, u16, PathBuf)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let profile = std::env::temp_dir().join(format!("tollgate-chromium-{}-{port}", std::process::id()));
    let driver = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::fs::create_dir_all(&profile)?;
    Ok((driver, port, profile))
}

/// One HTTP/1.1 exchange on a connection of its own.
fn exchange(port: u16, method: &str, path: &str, content: Option<&Value>) -> std::io::Result<Vec<u8>> {
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
