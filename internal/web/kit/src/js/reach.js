// Asking Berth for data, and saying so when it does not answer.

const notice = () => document.querySelector("[data-offline]");
let timer = 0;
let wait = 0;

// offline shows that Berth does not answer and keeps trying; when it does
// again, the notice goes and "berth:back" is sent to the document.
export function offline() {
  if (timer) return;
  const el = notice();
  if (el) el.hidden = false;
  wait = 1000;
  timer = setTimeout(look, wait);
}

async function look() {
  clearTimeout(timer);
  try {
    const res = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (res.ok) return back();
  } catch {
    // Still away.
  }
  wait = Math.min(wait * 1.6, 10000);
  timer = setTimeout(look, wait);
}

function back() {
  timer = 0;
  const el = notice();
  if (el) el.hidden = true;
  document.dispatchEvent(new CustomEvent("berth:back"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-offline-retry]")) look();
});
addEventListener("offline", offline);

// toSignIn leaves for the sign-in page, to come back here afterwards.
export function toSignIn() {
  location.assign(`/login?return=${encodeURIComponent(location.pathname + location.search)}`);
}

// getJSON asks for data of Berth's own. It throws on whatever is not an answer with data; a lapsed session leads to sign in.
export async function getJSON(url, signal) {
  let res;
  try {
    res = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store", signal });
  } catch (err) {
    if (err.name !== "AbortError") offline();
    throw err;
  }
  if (res.status === 401) {
    toSignIn();
    throw new Error("The session has ended.");
  }
  const data = await res.json().catch(() => ({}));
  if (!res.ok) throw new Error(data.error ?? `Berth answered ${res.status}.`);
  return data;
}
