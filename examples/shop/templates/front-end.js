// Uses the shop's JSON API from another origin, with the cookies of the shop.
"use strict";

const shop = document.querySelector("meta[name=shop]").content;
const find = (selector) => document.querySelector(selector);
let csrf = "";

function send(method, path, content) {
  const headers = { accept: "application/json", "x-csrf-token": csrf };
  if (content) headers["content-type"] = "application/json";
  const body = content && JSON.stringify(content);
  return fetch(shop + path, { method, headers, body, credentials: "include" });
}

// Reads the session and its CSRF token. If the access cookie has expired, one tab refreshes it.
function resume() {
  return navigator.locks.request("refresh", async () => {
    let answer = await send("GET", "/auth/session");
    if (answer.status === 401) {
      await send("POST", "/auth/refresh");
      answer = await send("GET", "/auth/session");
    }
    if (answer.ok) csrf = (await answer.json()).csrf_token;
    return answer.ok;
  });
}

// Sends a request, and again after a refresh.
async function call(method, path, content) {
  const answer = await send(method, path, content);
  return [401, 403].includes(answer.status) && (await resume()) ? send(method, path, content) : answer;
}

async function show(message = "") {
  const answer = await call("GET", "/cart");
  find("#login").hidden = answer.ok;
  find("#shop").hidden = !answer.ok;
  find("#message").hidden = !message;
  find("#message").textContent = message;
  if (answer.ok) {
    const cart = await answer.json();
    find("#count").textContent = cart.lines.reduce((sum, [count]) => sum + count, 0);
    find("#total").textContent = `€ ${(cart.cents / 100).toFixed(2)}`;
  }
}

find("#login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await send("POST", "/auth/login", Object.fromEntries(new FormData(event.target)));
  await resume();
  await show(answer.ok ? "" : "The name or the password is wrong.");
});
find("#add").addEventListener("click", async () => {
  const answer = await call("POST", "/cart", { good: "tea" });
  await show(answer.ok ? "" : "That did not work.");
});
find("#logout").addEventListener("click", async () => {
  await call("POST", "/auth/logout");
  await show();
});

resume().then(() => show());
