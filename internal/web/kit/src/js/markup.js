// The one door through which markup made by Berth's server gets into a page
// that is open already. The Trusted Types policy is made here and nowhere else.
const policy = globalThis.trustedTypes?.createPolicy("berth", { createHTML: (markup) => markup }) ?? { createHTML: (markup) => markup };

const refused = "script, style, link, meta, base, iframe, object, embed, frame, frameset";

// fragment parses markup that came from Berth itself. It carries no behaviour:
// elements and attributes that could are dropped, whatever the server sent.
export function fragment(markup) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(markup);
  for (const el of template.content.querySelectorAll(refused)) el.remove();
  for (const el of template.content.querySelectorAll("*")) {
    for (const { name } of [...el.attributes]) {
      if (name.startsWith("on") || name === "style" || name === "srcdoc") el.removeAttribute(name);
    }
  }
  return template.content;
}

// icon makes the SVG that kit.Icon draws.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// make is an element with attributes and children; text is always text.
export function make(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children);
  return el;
}
