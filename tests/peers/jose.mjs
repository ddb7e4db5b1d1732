// jose as a peer. See README.md for the protocol.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// The library is outside this directory, where an ES module import does not find it.
const find = createRequire(`${process.env.TOLLGATE_NODE_MODULES}/`).resolve;
const jose = await import(pathToFileURL(find("jose")));

// jose exports no list of algorithms, so each of these is tried.
const NAMED = "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

async function generate(alg) {
  if (alg.startsWith("HS")) {
    const key = { ...(await jose.exportJWK(await jose.generateSecret(alg, { extractable: true }))), alg };
    return { private: key, public: key };
  }
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
  return {
    private: { ...(await jose.exportJWK(privateKey)), alg },
    public: { ...(await jose.exportJWK(publicKey)), alg },
  };
}

async function algorithms() {
  const tried = await Promise.allSettled(NAMED.map(generate));
  return { algorithms: NAMED.filter((_, index) => tried[index].status === "fulfilled") };
}

async function sign({ alg, key, header, claims }) {
  const signer = new jose.SignJWT(claims).setProtectedHeader({ alg, typ: "JWT", ...header });
  const load = typeof key === "string" ? jose.importPKCS8 : jose.importJWK;
  return { token: await signer.sign(await load(key, alg)) };
}

async function verify({ alg, key, token, audience, issuer }) {
  const imported = await jose.importJWK(key, alg);
  try {
    const { payload } = await jose.jwtVerify(token, imported, { algorithms: [alg], audience, issuer });
    return { ok: true, claims: payload };
  } catch (problem) {
    if (!(problem instanceof jose.errors.JOSEError)) throw problem;
    return { ok: false, error: String(problem) };
  }
}

const operations = { algorithms, generate: ({ alg }) => generate(alg), sign, verify };

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    const request = JSON.parse(line);
    reply = await operations[request.op](request);
  } catch (problem) {
    reply = { error: String(problem) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
