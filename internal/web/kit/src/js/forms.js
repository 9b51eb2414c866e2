// A filter that is a GET form is sent as soon as a choice is made; its button stays for who has no script.

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit-on-change]");
  if (form && event.target.matches("[type=radio], [type=checkbox], select")) form.requestSubmit();
});

// What such a form leaves empty does not need to be in the address.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-submit-on-change]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});

// A form that came back with an error begins at it.
document.querySelector("main [aria-invalid=true]:is(input, select, textarea)")?.focus();
