// Acting on many: the bar of the chosen containers, and the menu for all that are shown.
import {newKey} from "../../kit/src/js/actions.js"
import {count} from "./judge.js"

// FILTER_FROM is how many containers are named one by one; from there on the filter that matches them is sent.
const FILTER_FROM = 2000

const hidden = (name, value) => {
  const el = document.createElement("input")
  Object.assign(el, {type: "hidden", name, value})
  return el
}

// filterFields are the fields that say which containers a filter shows.
const filterFields = f => [...f.nodes.map(n => hidden("node", n)), ...(f.status ? [hidden("status", f.status)] : []), ...f.tags.map(t => hidden("tag", t)), ...(f.q ? [hidden("q", f.q)] : [])]

const actionsOf = root => [...root.querySelectorAll("[data-offer]")]

function disable(button, is) {
  if (is) button.setAttribute("aria-disabled", "true")
  else button.removeAttribute("aria-disabled")
  button.type = is ? "button" : "submit"
}

// bulkBar shows how many are chosen and what can be done to them. page gives the
// selection, the rows that match, the filter and the judge.
export function bulkBar(form, page) {
  const fields = document.createElement("span")
  fields.hidden = true
  form.append(fields)
  const all = form.querySelector("[data-bulk-all]")
  form.addEventListener("submit", e => {
    if (e.submitter?.getAttribute("aria-disabled") === "true") return e.preventDefault()
    const shown = page.shown(), ids = page.selection.ids
    const whole = ids.size >= FILTER_FROM && ids.size === shown.length
    fields.replaceChildren(hidden("key", newKey()), ...(whole ? [hidden("all", "1"), ...filterFields(page.filter)] : [...ids].map(id => hidden("id", id))))
  })
  form.querySelector("[data-bulk-clear]").addEventListener("click", () => page.selection.clear())
  all.addEventListener("click", () => page.selection.all(page.shown().map(r => r.id)))

  return {
    show() {
      const {selection, fleet} = page
      form.hidden = selection.size === 0
      document.body.toggleAttribute("data-selecting", selection.size > 0)
      if (form.hidden) return
      const rows = [...selection.ids].map(id => fleet.rows.get(id)).filter(Boolean)
      form.querySelector("[data-bulk-count]").textContent = `${rows.length} selected`
      const matching = page.shown().length
      all.hidden = matching <= rows.length
      all.textContent = `Select all ${matching}`
      actionsOf(form).forEach((button, i) => {
        const offer = fleet.judge.offer(rows, i)
        disable(button, offer.can === 0)
        button.querySelector("[data-offer-count]").textContent = offer.can === 0 ? "" : count(offer)
        const said = offer.can === 0 ? `None: ${offer.out}.` : offer.out ? `Without ${offer.out}.` : ""
        if (said) button.dataset.why = said
        else delete button.dataset.why
        const title = button.querySelector("span").textContent
        button.setAttribute("aria-label", `${title}${offer.can === 0 ? "" : ` ${count(offer)}`}${said ? `. ${said}` : ""}`)
      })
    },
  }
}

// actOnAll keeps the menu for all that are shown true: it is filled when it opens.
export function actOnAll(details, page) {
  const form = details.querySelector("[data-all-form]")
  details.addEventListener("toggle", () => { if (details.open) fill() })
  form.addEventListener("submit", e => {
    if (e.submitter?.getAttribute("aria-disabled") === "true") return e.preventDefault()
    form.elements.key.value = newKey()
    form.querySelector("[data-narrowing]").replaceChildren(...filterFields(page.filter))
  })

  function fill() {
    if (page.fleet.clusters.size === 0) return // the server said why
    const rows = page.shown()
    form.querySelector("[data-all-note]").textContent = rows.length === 0 ? "No container is shown." :
      `All ${rows.length}${page.filter.narrows ? " that match" : ""}. A plan is shown first.`
    actionsOf(form).forEach((button, i) => {
      const offer = page.fleet.judge.offer(rows, i), title = page.actions[i].title
      disable(button, offer.can === 0)
      button.querySelector("[data-offer-text]").textContent = offer.can === 0 ? title : `${title} ${count(offer)}…`
      button.querySelector("[data-offer-out]").textContent = rows.length === 0 ? "" : offer.can === 0 ? `None: ${offer.out}.` : offer.out ? `Without ${offer.out}` : ""
    })
  }
}

// picks lets people choose in the list: with the pointer, with Shift for a
// range, with the keyboard.
export function picks(root, page) {
  const idOf = el => el.closest("[data-container]").dataset.container
  let shift = false
  root.addEventListener("pointerdown", e => { shift = e.shiftKey }, true)
  root.addEventListener("click", e => {
    const box = e.target.closest(".pick")
    if (!box) return
    if (e.shiftKey || shift && e.detail > 0) page.selection.range(idOf(box), box.checked, page.order())
    else page.selection.set(idOf(box), box.checked)
  })
  root.addEventListener("keydown", e => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "a") {
      e.preventDefault()
      return page.selection.all(page.shown().map(r => r.id))
    }
    if (e.key === "Escape" && page.selection.size > 0) {
      e.preventDefault()
      return page.selection.clear()
    }
    const box = e.target.closest(".pick")
    const step = {ArrowDown: 1, ArrowUp: -1}[e.key]
    if (!box || !step) return
    e.preventDefault()
    const boxes = [...root.querySelectorAll(".pick")].filter(b => b.checkVisibility())
    const next = boxes[boxes.indexOf(box) + step]
    if (!next) return
    if (e.shiftKey) {
      if (page.selection.anchor === null) page.selection.set(idOf(box), true)
      page.selection.range(idOf(next), true, page.order())
    }
    next.focus()
  })
}
