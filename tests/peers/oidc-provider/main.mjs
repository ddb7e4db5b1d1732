// oidc-provider as a standalone identity provider. See ../README.md for its settings.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { once } from "node:events";
import { resolve } from "node:path";

import { loadKeys } from "./keystore.mjs";
import { interactionPages, loginPath } from "./pages.mjs";

// The library may be outside this directory, where an ES module import does not find it.
const modules = process.env.TOLLGATE_NODE_MODULES;
const find = createRequire(modules ? `${resolve(modules)}/` : import.meta.url).resolve;
const { default: Provider, errors } = await import(pathToFileURL(find("oidc-provider")));

const settings = {
  port: 0,
  keys: [{ alg: "RS256" }],
  clients: [],
  resources: {},
  accounts: {},
  scopes: [],
  ttl: {},
  ...JSON.parse(process.argv[2] ?? "{}"),
};

// Before it listens, because key generation takes time.
const jwks = { keys: await loadKeys(settings.keys, settings.keystore) };

// The port is part of the issuer name, so it must be known before the provider is created.
const server = createServer();
server.listen(settings.port, "127.0.0.1");
await once(server, "listening");
const { port } = server.address();
const issuer = settings.issuer ?? `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  jwks,
  clients: settings.clients.map(withDefaults),
  scopes: ["openid", "offline_access", ...settings.scopes],
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
  // Includes the claims of the granted scopes in the ID token, as most providers do.
  conformIdTokenClaims: false,
  cookies: { keys: ["cookies of a provider that lives for one test"] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, client) => client.default_resource,
      // Otherwise an authorization code would give an opaque token for the userinfo endpoint.
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => resourceServer(resource),
    },
  },
  extraClientMetadata: { properties: ["default_resource"] },
  extraTokenClaims: (_, token) => settings.accounts[token.accountId]?.accessTokenClaims,
  findAccount: (_, id) => account(id),
  interactions: { url: (_, interaction) => loginPath(interaction.uid) },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 300,
    AuthorizationCode: 60,
    ClientCredentials: 300,
    Grant: 3600,
    IdToken: 300,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
    ...settings.ttl,
  },
});

provider.use(cacheControl);
provider.use(interactionPages(provider, authenticate));
provider.on("server_error", (_, error) => console.error(error));
server.on("request", provider.callback());

console.log(JSON.stringify({ issuer, port, keys: jwks.keys.map(({ kid, alg }) => ({ kid, alg })) }));

/** Completes the metadata of a client (RFC 7591 section 2). */
function withDefaults(client) {
  const machine = !client.redirect_uris;
  return {
    grant_types: [machine ? "client_credentials" : "authorization_code"],
    response_types: machine ? [] : ["code"],
    redirect_uris: [],
    token_endpoint_auth_method: client.client_secret ? "client_secret_basic" : "none",
    id_token_signed_response_alg: jwks.keys[0].alg,
    // Accepts redirect URIs on this machine without TLS.
    application_type: machine ? "web" : "native",
    ...client,
  };
}

/** Returns the settings of a resource (RFC 8707): its tokens are JWTs by RFC 9068. */
function resourceServer(resource) {
  if (!Object.hasOwn(settings.resources, resource)) throw new errors.InvalidTarget();
  const { alg = jwks.keys[0].alg, audience = resource, scope = "", ttl } = settings.resources[resource];
  return { scope, audience, accessTokenFormat: "jwt", accessTokenTTL: ttl, jwt: { sign: { alg } } };
}

function account(id) {
  if (!Object.hasOwn(settings.accounts, id)) return undefined;
  return { accountId: id, claims: () => ({ sub: id, ...settings.accounts[id].claims }) };
}

function authenticate(name, password) {
  return Object.hasOwn(settings.accounts, name) && settings.accounts[name].password === password;
}

/** Adds the `Cache-Control` field, which the library does not set for metadata and keys. */
async function cacheControl(context, next) {
  await next();
  const published = context.path === "/jwks" || context.path.startsWith("/.well-known/");
  if (published && settings.cacheControl) context.set("cache-control", settings.cacheControl);
}
