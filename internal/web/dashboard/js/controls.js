// The filter's form, chips, figures and heads of columns: they show the filter
// and change it.
import {changed, urlOf} from "./filter.js"
import {combobox} from "./combobox.js"

export function controls(form, page) {
  const q = form.elements.q
  const select = form.querySelector("select[name=node]")
  const nodes = select && combobox(select)
  let typing = false

  // A plain press is taken over; one with a modifier is the browser's (a new tab).
  const plain = e => e.button === 0 && !e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey

  form.addEventListener("input", e => {
    if (e.target !== q) return
    page.apply({q: q.value.trim()}, typing)
    typing = true
  })
  q.addEventListener("blur", () => { typing = false })
  form.addEventListener("change", e => {
    const {name, value, checked} = e.target
    switch (name) {
      case "node": return page.apply({nodes: value ? [value] : []})
      case "status": return page.apply({status: value})
      case "sort": return page.apply({sort: value})
      case "view": return page.apply({table: value === "table"})
      case "group": return page.apply({byNode: checked})
    }
  })
  form.addEventListener("submit", e => {
    e.preventDefault()
    typing = false
    page.apply({q: q.value.trim()})
  })

  document.addEventListener("click", e => {
    if (e.target.closest("[data-pending]")) return page.show()
    const choice = e.target.closest("[data-node-choice]")
    if (choice && (e.ctrlKey || e.metaKey)) {
      e.preventDefault()
      const id = choice.dataset.nodeChoice, nodes = page.filter.nodes
      return page.apply({nodes: nodes.includes(id) ? nodes.filter(n => n !== id) : [...nodes, id]})
    }
    const link = e.target.closest("a")
    if (!link || !plain(e)) return
    const {statusFilter, sort, first, tag, dropTag, dropNode} = link.dataset
    if (tag !== undefined) {
      const name = tag.toLowerCase(), tags = page.filter.tags
      page.apply({tags: tags.includes(name) ? tags.filter(t => t !== name) : [...tags, name]})
      // After a press with the pointer the list must not stay held by the focus.
      if (e.detail > 0) link.blur()
    } else if (statusFilter !== undefined) page.apply({status: page.filter.status === statusFilter ? "" : statusFilter})
    else if (sort) page.apply({sort: pressed(page.filter, sort, first)})
    else if (dropTag !== undefined) page.apply({tags: page.filter.tags.filter(t => t !== dropTag)})
    else if (dropNode !== undefined) page.apply({nodes: page.filter.nodes.filter(n => n !== dropNode)})
    else if ("clear" in link.dataset) page.clear()
    else return
    e.preventDefault()
  })

  return {
    // show makes all controls say what the filter is.
    show(filter, matched, fleet) {
      if (document.activeElement !== q || q.value.trim() !== filter.q) q.value = filter.q
      const alone = filter.nodes.length === 1 ? filter.nodes[0] : filter.nodes.length === 0 ? "" : null
      choose(form, "node", alone)
      nodes?.sync()
      choose(form, "status", filter.status)
      choose(form, "view", filter.table ? "table" : "cards")
      const sort = form.elements.sort
      if (![...sort.options].some(o => o.value === filter.sort)) sort.add(new Option(sortWords(filter.order), filter.sort))
      sort.value = filter.sort
      if (form.elements.group) form.elements.group.checked = filter.byNode
      showHeads(filter)
      for (const el of document.querySelectorAll("[data-status-filter]")) {
        const status = el.dataset.statusFilter
        el.href = urlOf(changed(filter, {status}))
        if (status && status === filter.status) el.setAttribute("aria-current", "true")
        else el.removeAttribute("aria-current")
      }
      showChosen(form, filter, page)
      form.querySelector("[data-chosen]").hidden = !filter.narrows
      const result = filter.narrows ? `${matched} of ${fleet.rows.size} ${fleet.rows.size === 1 ? "container" : "containers"}` : ""
      setText(form.querySelector(".result"), result)
      setText(form.querySelector("#q-hint"), filter.query.problems.join(" "))
    },
    // counts writes how many containers each node has into the choices.
    counts(fleet) {
      const counts = new Map()
      for (const r of fleet.rows.values()) counts.set(r.nodeId, (counts.get(r.nodeId) ?? 0) + 1)
      for (const el of form.querySelectorAll("[data-node-choice]")) setText(el.querySelector("small"), String(counts.get(el.dataset.nodeChoice) ?? 0))
    },
  }
}

function setText(el, text) {
  if (el && el.textContent !== text) el.textContent = text
}

function choose(form, name, value) {
  const select = form.querySelector(`select[name=${name}]`)
  if (select) {
    select.value = value ?? ""
    return
  }
  for (const radio of form.querySelectorAll(`input[type=radio][name=${name}]`)) radio.checked = radio.value === value
}

// pressed is the order after a column's head was pressed.
function pressed(filter, key, first) {
  if (filter.order.key === key) return filter.order.down ? key : `-${key}`
  return first
}

function sortWords({key, down}) {
  const words = document.querySelector(`[data-sort=${key}]`)?.textContent.trim() ?? key
  return `${words}, ${down ? "falling" : "rising"}`
}

function showHeads(filter) {
  for (const a of document.querySelectorAll("th > a[data-sort]")) {
    const {sort, first} = a.dataset
    a.href = urlOf(changed(filter, {sort: pressed(filter, sort, first)}))
    if (filter.order.key === sort) a.parentElement.setAttribute("aria-sort", filter.order.down ? "descending" : "ascending")
    else a.parentElement.removeAttribute("aria-sort")
  }
}

function showChosen(form, filter, page) {
  const known = new Set(page.fleet.nodes().map(n => n.id))
  const nodes = filter.nodes.filter(n => filter.nodes.length > 1 || !known.has(n))
  const chips = [
    ...filter.tags.map(t => chip(t, "dropTag", t, changed(filter, {tags: filter.tags.filter(o => o !== t)}))),
    ...nodes.map(n => chip(page.nodeTitle(n), "dropNode", n, changed(filter, {nodes: filter.nodes.filter(o => o !== n)}))),
  ]
  form.querySelector(".chips").replaceChildren(...chips)
}

function chip(text, key, value, filter) {
  const a = document.getElementById("mould-chip").content.cloneNode(true).firstElementChild
  a.querySelector("span").textContent = text
  a.dataset[key] = value
  a.href = urlOf(filter)
  return a
}
