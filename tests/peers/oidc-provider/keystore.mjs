// Signing keys: configured, or generated on first use.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

const KINDS = {
  RS: ["rsa", { modulusLength: 2048 }],
  PS: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  ES512: ["ec", { namedCurve: "P-521" }],
  EdDSA: ["ed25519", {}],
  Ed25519: ["ed25519", {}],
};

/**
 * Returns the private JWKs for a list of keys, in order: the first that fits signs. Keys without
 * material are generated and stored in the file `keystore`, if set, so that they survive a restart.
 */
export async function loadKeys(wanted, keystore) {
  const kept = keystore && existsSync(keystore) ? JSON.parse(readFileSync(keystore, "utf8")) : {};
  const keys = [];
  for (const [index, key] of wanted.entries()) {
    if (key.kty) {
      keys.push(key);
      continue;
    }
    const kid = key.kid ?? `${key.alg}-${index + 1}`;
    const name = `${key.alg} ${kid}`;
    kept[name] ??= { ...(await generate(key.alg)), use: "sig", alg: key.alg, kid };
    keys.push(kept[name]);
  }
  if (keystore) {
    writeFileSync(`${keystore}.new`, JSON.stringify(kept), { mode: 0o600 });
    renameSync(`${keystore}.new`, keystore);
  }
  return keys;
}

async function generate(alg) {
  const kind = KINDS[alg] ?? KINDS[alg?.slice(0, 2)];
  if (!kind) throw new Error(`no key can be made for ${alg}`);
  const { privateKey } = await promisify(generateKeyPair)(...kind);
  return privateKey.export({ format: "jwk" });
}
