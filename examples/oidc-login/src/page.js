// The tokens are in cookies that scripts cannot read. The page knows the CSRF token and sends it
// with every state-changing request: a page of another site cannot read it.
let csrf = null;

const element = (id) => document.getElementById(id);

// Sends a request that needs a login. If the access cookie has expired, refreshes it and retries.
// Also after a 403: a late answer to the former user may have replaced the access cookie, and the
// CSRF token is that of the session.
async function call(method, path) {
  const send = () => fetch(path, { method, headers: csrf ? { "X-CSRF-Token": csrf } : {} });
  let answer = await send();
  if ([401, 403].includes(answer.status) && (await refresh())) answer = await send();
  return answer;
}

// For outages and several tabs, see the rules for clients in the guide's page on sessions.
async function refresh() {
  const answer = await fetch("/auth/refresh", { method: "POST" });
  if (answer.ok) csrf = (await answer.json()).csrf_token;
  return answer.ok;
}

async function show() {
  const answer = await call("GET", "/me");
  if (!answer.ok) return loggedOut(answer.status);
  const user = await answer.json();
  csrf = (await (await call("GET", "/auth/session")).json()).csrf_token;
  element("name").textContent = user.name ?? "?";
  element("user").textContent = user.sub;
  element("session").hidden = false;
  element("state").textContent = "You are logged in.";
}

function loggedOut(status) {
  csrf = null;
  element("session").hidden = true;
  element("login").hidden = false;
  element("state").textContent = status >= 500 ? "The server cannot answer just now." : "You are logged out.";
}

element("logout").addEventListener("click", async () => {
  const answer = await call("POST", "/auth/logout");
  if (!answer.ok) return;
  element("left").hidden = false;
  loggedOut(answer.status);
});

show().catch(() => (element("state").textContent = "The server is out of reach."));
