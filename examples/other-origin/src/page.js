// The tokens are in cookies of the API's host, which no script can read. The page knows the CSRF
// token and sends it with every state-changing request.
const api = document.querySelector("meta[name=api]").content;
let csrf = null;

const element = (id) => document.getElementById(id);

// Sends one request. `include` makes the browser send and store the cookies of another origin.
async function send(method, path, content) {
  const headers = {};
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (content) headers["Content-Type"] = "application/json";
  const body = content && JSON.stringify(content);
  const answer = await fetch(api + path, { method, headers, body, credentials: "include" });
  happened(`${method} ${path}: ${answer.status}`);
  return answer;
}

// Sends a request that needs a login. Refreshes and retries once if the access cookie has expired.
// For outages and several tabs, see the rules for clients in the guide's page on sessions.
async function call(method, path) {
  let answer = await send(method, path);
  if ([401, 403].includes(answer.status) && (await refresh())) answer = await send(method, path);
  if (answer.status === 401) loggedOut("You are logged out.");
  return answer;
}

async function refresh() {
  const answer = await send("POST", "/auth/refresh");
  if (answer.ok) csrf = (await answer.json()).csrf_token;
  return answer.ok;
}

// Shows the session. Also called on load, because a session may already exist.
async function show() {
  const answer = await call("GET", "/auth/session");
  if (!answer.ok) return;
  const session = await answer.json();
  csrf = session.csrf_token;
  element("state").textContent = `You are logged in as ${session.subject}.`;
  element("login").hidden = true;
  element("session").hidden = false;
}

function loggedOut(why) {
  csrf = null;
  element("state").textContent = why;
  element("login").hidden = false;
  element("session").hidden = true;
}

function happened(what) {
  const line = document.createElement("li");
  line.dataset.what = what;
  line.textContent = `${new Date().toLocaleTimeString()} ${what}`;
  element("happened").append(line);
}

// Shows that a request is pending, or that it failed without a response, as after a refused
// preflight.
async function busy(action) {
  document.body.ariaBusy = "true";
  try {
    await action();
  } catch (problem) {
    element("state").textContent = "The API is out of reach for this page.";
    happened(problem);
  }
  document.body.ariaBusy = null;
}

element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(async () => {
    const answer = await send("POST", "/auth/login", Object.fromEntries(new FormData(event.target)));
    if (!answer.ok) return loggedOut("User or password is wrong.");
    event.target.reset();
    csrf = (await answer.json()).csrf_token;
    await show();
  });
});

element("click").addEventListener("click", () =>
  busy(async () => {
    const answer = await call("POST", "/clicks");
    if (answer.ok) element("clicks").textContent = (await answer.json()).clicks;
  }),
);

element("refresh").addEventListener("click", () =>
  busy(async () => {
    if (await refresh()) await show();
    else loggedOut("You are logged out.");
  }),
);

element("logout").addEventListener("click", () =>
  busy(async () => {
    const answer = await send("POST", "/auth/logout");
    if (answer.ok) loggedOut("You are logged out.");
  }),
);

busy(show);
