// make is an element with attributes and children; text is always text. The
// kit's own is part of a script with effects, which this one must not bring a second time.
export function make(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children);
  return el;
}

// icon refers to one of the icons that the page carries.
export function icon(name) {
  const at = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(at, "svg");
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" })) svg.setAttribute(key, value);
  const use = document.createElementNS(at, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
