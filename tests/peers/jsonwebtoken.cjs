// jsonwebtoken as a peer. See README.md for the protocol.
const crypto = require("node:crypto");
const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");

const jsonwebtoken = createRequire(`${process.env.TOLLGATE_NODE_MODULES}/`)("jsonwebtoken");

const CURVES = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
// The library exports no list of algorithms, so each of these is tried.
const NAMED = "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

function generate({ alg }) {
  if (alg.startsWith("HS")) {
    const k = crypto.randomBytes(Number(alg.slice(2)) / 8).toString("base64url");
    return { private: { kty: "oct", k, alg }, public: { kty: "oct", k, alg } };
  }
  const pair = CURVES[alg]
    ? crypto.generateKeyPairSync("ec", { namedCurve: CURVES[alg] })
    : alg.startsWith("Ed")
      ? crypto.generateKeyPairSync("ed25519")
      : crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    private: { ...pair.privateKey.export({ format: "jwk" }), alg },
    public: { ...pair.publicKey.export({ format: "jwk" }), alg },
  };
}

function algorithms() {
  const usable = (alg) => {
    try {
      sign({ alg, key: generate({ alg }).private, header: {}, claims: {} });
      return true;
    } catch {
      return false;
    }
  };
  return { algorithms: NAMED.filter(usable) };
}

function imported(key, make) {
  return key.kty === "oct" ? crypto.createSecretKey(key.k, "base64url") : make({ key, format: "jwk" });
}

function sign({ alg, key, header, claims }) {
  const options = { algorithm: alg, header };
  const secret = typeof key === "string" ? crypto.createPrivateKey(key) : imported(key, crypto.createPrivateKey);
  return { token: jsonwebtoken.sign(claims, secret, options) };
}

function verify({ alg, key, token, audience, issuer }) {
  const options = { algorithms: [alg], audience, issuer };
  try {
    return { ok: true, claims: jsonwebtoken.verify(token, imported(key, crypto.createPublicKey), options) };
  } catch (problem) {
    if (!(problem instanceof jsonwebtoken.JsonWebTokenError)) throw problem;
    return { ok: false, error: String(problem) };
  }
}

const operations = { algorithms, generate, sign, verify };

createInterface({ input: process.stdin }).on("line", (line) => {
  let reply;
  try {
    const request = JSON.parse(line);
    reply = operations[request.op](request);
  } catch (problem) {
    reply = { error: String(problem) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
});
