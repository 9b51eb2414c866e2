// (role, name) => elements of that role and accessible name, as assistive
// technology is told them: Blink's own computedRole and computedName, and
// nothing that is hidden, inert or behind a modal dialog. An empty name
// matches all; one that ends in "…" matches what begins so.
(role, name) => {
  const within = {
    button: "button, summary, input[type=button], input[type=submit], input[type=reset], input[type=image], [role=button]",
    link: "a[href], area[href], [role=link]",
    heading: "h1, h2, h3, h4, h5, h6, [role=heading]",
    dialog: "dialog[open], [role=dialog], [role=alertdialog]",
    radio: "input[type=radio], [role=radio]",
    checkbox: "input[type=checkbox], [role=checkbox]",
    option: "option, [role=option]",
    menuitem: "[role=menuitem]",
    field: "input, textarea, select, [contenteditable], [role]",
  };
  const fields = ["textbox", "searchbox", "combobox", "spinbutton"];
  const modal = [...document.querySelectorAll(":modal")].at(-1);
  // A summary has no ARIA role of its own, and is pressed like a button.
  const roleOf = e => e.computedRole || (e.localName === "summary" ? "button" : "");
  const hidden = e => !(e.localName === "option" ? e.closest("select, datalist") : e).checkVisibility({visibilityProperty: true})
    || e.closest("[aria-hidden=true], [inert]") || modal && !modal.contains(e);
  const begins = name.endsWith("…") && name.slice(0, -1);
  const named = begins !== false ? n => n.startsWith(begins) : n => name === "" || n === name;
  return [...document.querySelectorAll(within[role] ?? "*")].filter(e =>
    !hidden(e) && (role === "field" ? fields.includes(roleOf(e)) : roleOf(e) === role) && named(e.computedName));
}
