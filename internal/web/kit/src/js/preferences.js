// Theme and sidebar change at once and are told to the server, which draws them from then on.

function tell(form, submitter) {
  fetch(form.action, {
    method: "POST",
    headers: { "X-Berth": "1" },
    body: new URLSearchParams(new FormData(form, submitter)),
  }).catch(() => {}); // The choice holds on this page; the next one asks again.
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!submitter) return;
  if (form.matches("[data-theme-choice]")) {
    event.preventDefault();
    document.documentElement.dataset.theme = submitter.value;
    for (const b of document.querySelectorAll("[data-theme-choice] button")) {
      b.setAttribute("aria-pressed", String(b.value === submitter.value));
    }
    tell(form, submitter);
  } else if (submitter.matches("[data-fold-sidebar]")) {
    event.preventDefault();
    const now = submitter.value;
    document.body.dataset.sidebar = now;
    tell(form, submitter);
    const label = now === "icons" ? "Widen the sidebar" : "Fold the sidebar to icons";
    submitter.value = now === "icons" ? "full" : "icons";
    submitter.title = label;
    submitter.setAttribute("aria-label", label);
  }
});
