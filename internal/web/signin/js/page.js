// The pages before the door: choosing another host needs no button, and a form
// that is on its way is not sent twice (Proxmox takes three seconds to say no).
for (const form of document.querySelectorAll("[data-login-host]")) {
  form.querySelector("[data-without-script]")?.setAttribute("hidden", "");
  form.querySelector("select")?.addEventListener("change", () => form.requestSubmit());
}

for (const form of document.querySelectorAll("[data-submit-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("data-sent")) event.preventDefault();
    form.setAttribute("data-sent", "");
  });
  // Back in the history: the page is as it was left, and may be sent again.
  addEventListener("pageshow", () => form.removeAttribute("data-sent"));
}
