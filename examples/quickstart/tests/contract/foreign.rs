//! With `--keys`: tokens created by other programs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate::SigningKey;

use crate::PROGRAM;
use crate::running::{Answer, Server, folder, in_ci, shell};

/// RFC 7517 appendix A.2.
const EC: &str = r#"{"kty":"EC","crv":"P-256","kid":"ec","alg":"ES256",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;
/// RFC 8037 appendix A.1.
const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","alg":"EdDSA",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
/// RFC 7515 appendix A.1.
const OCT: &str = r#"{"kty":"oct","kid":"oct","alg":"HS256",
    "k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

/// Creates a token for each of the claims.
type Maker = fn(key: &Value, claims: &[Value]) -> Option<Vec<String>>;

#[expect(clippy::unnecessary_wraps, reason = "the others may be missing")]
fn with_tollgate(key: &Value, claims: &[Value]) -> Option<Vec<String>> {
    let key = SigningKey::from_jwk(key.to_string()).unwrap();
    Some(
        claims
            .iter()
            .map(|claims| key.encode(claims).unwrap())
            .collect(),
    )
}

fn with_pyjwt(key: &Value, claims: &[Value]) -> Option<Vec<String>> {
    let program = "import json, jwt, sys\n\
        key, claims = json.load(sys.stdin)\n\
        head = {'kid': key['kid']}\n\
        for each in claims: print(jwt.encode(each, jwt.PyJWK(key), key['alg'], head))";
    let python = peer("TOLLGATE_PYTHON")?;
    Some(lines(
        Command::new(python).args(["-c", program]),
        key,
        claims,
    ))
}

fn with_jose(key: &Value, claims: &[Value]) -> Option<Vec<String>> {
    let program = "import { SignJWT, importJWK } from 'jose';
        import { readFileSync } from 'node:fs';
        const [key, claims] = JSON.parse(readFileSync(0));
        for (const each of claims) console.log(await new SignJWT(each)
            .setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(await importJWK(key)));";
    let modules = peer("TOLLGATE_NODE_MODULES")?;
    let mut node = Command::new(node());
    // A program without a file resolves imports from the working directory.
    node.args(["--input-type=module", "-e", program])
        .current_dir(modules.parent()?);
    Some(lines(&mut node, key, claims))
}

fn peer(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable);
    if found.is_none() {
        assert!(
            !in_ci(),
            "{variable} is not set: `cargo xtask test` sets it"
        );
        eprintln!("skipped: {variable} is not set; `cargo xtask test` sets it");
    }
    found.map(PathBuf::from)
}

fn node() -> PathBuf {
    std::env::var_os("TOLLGATE_NODE").map_or_else(|| "node".into(), PathBuf::from)
}

/// Runs a program with the key and the claims, and returns the lines of its output.
fn lines(command: &mut Command, key: &Value, claims: &[Value]) -> Vec<String> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let request = json!([key, claims]).to_string();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(request.as_bytes())
        .unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn private(jwk: &str) -> Value {
    serde_json::from_str(jwk).unwrap()
}

fn public(jwk: &str) -> Value {
    let mut jwk = private(jwk);
    jwk.as_object_mut().unwrap().remove("d");
    jwk
}

/// Starts a server that verifies with these keys, from `keys.json` in its folder.
fn server_with(name: &str, keys: &Value) -> Server {
    let folder = folder(name);
    fs::write(folder.join("keys.json"), keys.to_string()).unwrap();
    Server::start(
        PROGRAM,
        &folder,
        &["--keys", "keys.json", "--audience", "shop"],
    )
}

fn assert_grants(server: &Server, maker: Maker, jwk: &str) {
    let good = json!({
        "iss": "https://id.example.com", "aud": ["shop", "other"], "sub": "eva", "exp": now() + 600,
        "scope": "orders:read", "name": "Eva",
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let claims = [
        good.clone(),
        with("aud", "other".into()),
        with("exp", (now() - 60).into()),
        with("scope", "orders:readx".into()),
        with("iss", "https://id.example".into()),
    ];
    let Some(tokens) = maker(&private(jwk), &claims) else {
        return;
    };
    let get = |path: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        server.send("GET", path, &[("authorization", &authorization)], "")
    };
    let [fits, other_audience, expired, other_scope, other_issuer] = &tokens[..] else {
        panic!("{tokens:?}");
    };

    let me = get("/me", fits);
    assert_eq!(me.status, 200, "{me:?} {}", server.log());
    assert_eq!(serde_json::from_str::<Value>(&me.body).unwrap(), good);
    let orders: Value = serde_json::from_str(&get("/orders", fits).body).unwrap();
    assert_eq!(orders["for"], json!({"sub": "eva", "name": "Eva"}));

    let refused = |answer: Answer, status: u16, error: &str, description: &str, rest: &str| {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            answer.header("www-authenticate"),
            format!(
                "Bearer realm=\"api\", error=\"{error}\", error_description=\"{description}\"{rest}"
            )
        );
    };
    let invalid = "invalid_token";
    refused(
        get("/me", other_audience),
        401,
        invalid,
        "The access token is for another audience",
        "",
    );
    refused(
        get("/me", expired),
        401,
        invalid,
        "The access token expired",
        "",
    );
    refused(
        get("/me", other_issuer),
        401,
        invalid,
        "The access token is invalid",
        "",
    );
    let description = "The access token does not grant this request";
    refused(
        get("/orders", other_scope),
        403,
        "insufficient_scope",
        description,
        ", scope=\"orders:read\"",
    );
    assert_eq!(get("/me", other_scope).status, 200);
}

#[test]
fn foreign_tokens_are_verified() {
    let unusable = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "new"});
    let server = server_with(
        "set",
        &json!({"keys": [public(EC), unusable, public(ED), private(ED)]}),
    );
    for maker in [with_tollgate as Maker, with_pyjwt, with_jose] {
        for jwk in [EC, ED] {
            assert_grants(&server, maker, jwk);
        }
    }
    let log = server.log();
    for skipped in [
        r#"skipped key 1 (kid Some("new"))"#,
        r#"skipped key 3 (kid Some("ed"))"#,
    ] {
        assert!(log.contains(skipped), "{log}");
    }
    assert_eq!(
        server
            .post("/login", r#"{"user":"ada","password":"lovelace"}"#)
            .status,
        404
    );
}

#[test]
fn a_shared_secret_works_as_a_key() {
    let server = server_with("secret", &private(OCT));
    for maker in [with_tollgate as Maker, with_pyjwt, with_jose] {
        assert_grants(&server, maker, OCT);
    }
}

/// Follows the README: creates the keys, starts the server, and runs the commands it prints for the
/// tool.
fn follow_the_readme(tool: &'static str, picks: fn(&str) -> bool, folder: &Path) {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let mut blocks = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next());
    let make_keys = blocks.find(|block| block.starts_with(tool)).unwrap();
    let made = shell(folder, make_keys);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let server = Server::start(
        PROGRAM,
        folder,
        &["--keys", "keys.json", "--issuer", "it's \"me\" \\o/"],
    );
    let Some(written) = server.paste(folder, picks) else {
        return;
    };
    let answers = written.iter().filter(|(_, text)| text.starts_with("HTTP/"));
    let answers: Vec<_> = answers
        .map(|(promise, text)| (promise, Answer::read(text)))
        .collect();
    assert_eq!(answers.len(), 4, "{written:?}");
    for (promise, answer) in answers {
        assert!(
            promise.contains(&answer.status.to_string()),
            "{promise} {answer:?} {}",
            server.log()
        );
    }
}

#[test]
fn the_readme_works_with_python() {
    if peer("TOLLGATE_PYTHON").is_some() {
        let picks = |command: &str| !command.contains("node ");
        follow_the_readme("python3", picks, &folder("readme-python"));
    }
}

#[test]
fn the_readme_works_with_node() {
    if let Some(modules) = peer("TOLLGATE_NODE_MODULES") {
        let folder = folder("readme-node");
        std::os::unix::fs::symlink(modules, folder.join("node_modules")).unwrap();
        let picks = |command: &str| !command.contains("python3 ");
        follow_the_readme("node", picks, &folder);
    }
}
