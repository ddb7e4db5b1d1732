// The pages of the provider: login and consent.

/** Path of an interaction. */
export const loginPath = (uid) => `/interaction/${uid}`;

/** Serves the pages of `provider`. `authenticate(name, password)` checks the credentials. */
export function interactionPages(provider, authenticate) {
  return async (context, next) => {
    if (!context.path.startsWith(loginPath(""))) return next();
    context.set("cache-control", "no-store");
    const { req, res } = context;
    let interaction;
    try {
      interaction = await provider.interactionDetails(req, res);
    } catch (problem) {
      // The cookie is missing or expired, or belongs to an earlier process.
      return show(context, problem.statusCode ?? 500, "This has expired", "<p>Begin again where you came from.</p>");
    }
    if (context.path !== loginPath(interaction.uid)) return next();
    const form = context.method === "POST" ? await read(req) : undefined;
    const step = { login, consent }[interaction.prompt.name];
    const result = form?.has("cancel")
      ? { error: "access_denied", error_description: "the person has cancelled" }
      : await step(context, provider, interaction, form, authenticate);
    if (!result) return undefined;
    context.status = 303;
    context.redirect(await provider.interactionResult(req, res, result, { mergeWithLastSubmission: true }));
    return undefined;
  };
}

function login(context, _provider, interaction, form, authenticate) {
  const name = form?.get("login");
  if (form && authenticate(name, form.get("password"))) return { login: { accountId: name } };
  const hint = name ?? interaction.params.login_hint ?? "";
  show(
    context,
    form ? 403 : 200,
    "Log in",
    `${form ? '<p role="alert">That is not right.</p>' : ""}
    <p><label>Name <input name="login" value="${escape(hint)}" required autofocus></label></p>
    <p><label>Password <input name="password" type="password" required></label></p>
    <p><button id="submit">Log in</button> <button name="cancel" value="1" formnovalidate>Cancel</button></p>`,
  );
  return undefined;
}

async function consent(context, provider, interaction, form) {
  const { client_id: clientId, scope = "" } = interaction.params;
  if (form) return { consent: { grantId: await grant(provider, interaction) } };
  show(
    context,
    200,
    "Consent",
    `<p>${escape(clientId)} asks to know who you are, and for: ${escape(scope)}.</p>
    <p><button id="submit">Allow</button> <button name="cancel" value="1">Cancel</button></p>`,
  );
  return undefined;
}

/** Grants everything that was requested and is not granted yet. */
async function grant(provider, { grantId, params, prompt, session }) {
  const found = grantId ? await provider.Grant.find(grantId) : undefined;
  const granted = found ?? new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) granted.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) granted.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    granted.addResourceScope(resource, scopes.join(" "));
  }
  return granted.save();
}

async function read(request) {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) {
    text += piece;
    if (text.length > 8192) throw new Error("the form is too large");
  }
  return new URLSearchParams(text);
}

function show(context, status, title, fields) {
  context.status = status;
  context.type = "html";
  context.body = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>${title}</title></head>
  <body><main><h1>${title}</h1><form method="post">${fields}</form></main></body>
</html>
`;
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
