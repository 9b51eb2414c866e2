// Toasts go by themselves, except what failed; not while somebody reads or holds them.

const stay = { ok: 6000, info: 8000, warn: 12000 };

function leave(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main")?.focus();
  toast.dataset.leaving = "";
  setTimeout(() => toast.remove(), 200);
}

function watch(toast) {
  const time = stay[toast.dataset.tone];
  if (!time) return;
  let timer = setTimeout(() => leave(toast), time);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(() => leave(toast), 3000);
  };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusout", release);
}

for (const toast of document.querySelectorAll("[data-toast]")) watch(toast);

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-close-toast]")?.closest("[data-toast]");
  if (toast) leave(toast);
});
