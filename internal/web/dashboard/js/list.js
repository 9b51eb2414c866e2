// The list of containers: which elements there are and in which order. Up to
// WHOLE containers all of them are in the page; above, blocks of them come and
// go with scrolling.
import * as draw from "./draw.js"
import {comparer} from "./order.js"
import {matches} from "./filter.js"

const WHOLE = 1500
const BLOCK = 120 // fits rows of 1, 2, 3, 4, 5 and 6 cards

// selectRows are the rows that a filter asks for, in its order.
export function selectRows(rows, filter) {
  const out = []
  for (const row of rows.values()) if (!filter.narrows || matches(filter, row)) out.push(row)
  const compare = comparer(filter.order)
  if (!filter.byNode) return out.sort(compare)
  const byNode = comparer({key: "node", down: false})
  return out.sort((a, b) => a.nodeId === b.nodeId ? compare(a, b) : byNode(a, b))
}

// sections cuts ordered rows into what is drawn together.
export function sections(rows, byNode) {
  if (!byNode) return rows.length ? [{key: "", rows}] : []
  const out = []
  for (const row of rows) {
    if (out.at(-1)?.key !== row.nodeId) out.push({key: row.nodeId, rows: []})
    out.at(-1).rows.push(row)
  }
  return out
}

export class List {
  constructor(root, reasons, nodeTitle) {
    this.root = root
    this.reasons = reasons
    this.nodeTitle = nodeTitle
    this.elements = new Map()
    this.view = root.dataset.view
    this.order = null // the ids last laid out
    for (const el of root.querySelectorAll("[data-container]")) this.elements.set(el.dataset.container, el)
    this.seen = new IntersectionObserver(entries => this.scrolled(entries), {rootMargin: "1200px 0px"})
    this.blocks = new WeakMap()
  }

  element(row) {
    let el = this.elements.get(row.id)
    if (!el) {
      el = this.view === "table" ? draw.tableRow(row) : draw.card(row, this.reasons)
      this.elements.set(row.id, el)
    }
    return el
  }

  // redraw draws a container's element anew, in its place, and keeps the focus.
  redraw(row) {
    const old = this.elements.get(row.id)
    if (!old) return
    this.elements.delete(row.id)
    if (!old.isConnected) return
    const held = old.contains(document.activeElement) ? document.activeElement : null
    const el = this.element(row)
    old.replaceWith(el)
    if (held) (held.value ? el.querySelector(`[value="${CSS.escape(held.value)}"]`) : el.querySelector(".more"))?.focus()
  }

  refresh(row) {
    const el = this.elements.get(row.id)
    if (el) draw.refresh(el, row)
  }

  // gone marks what is no more until the next layout takes it away.
  gone(id) {
    const el = this.elements.get(id)
    this.elements.delete(id)
    el?.setAttribute("data-gone", "")
  }

  // inOrder reports whether the rows are what is laid out already.
  inOrder(rows) {
    return this.order?.length === rows.length && rows.every((r, i) => r.id === this.order[i])
  }

  // lay puts the rows into the page.
  lay(rows, filter, total) {
    const view = filter.table ? "table" : "cards"
    if (view !== this.view) {
      this.view = view
      this.root.dataset.view = view
      this.elements.clear()
      this.root.replaceChildren()
    }
    this.order = rows.map(r => r.id)
    const whole = total <= WHOLE
    if (whole !== this.whole) this.root.toggleAttribute("data-windowed", !whole)
    this.whole = whole
    const parts = sections(rows, filter.byNode)
    if (view === "table") this.layTable(parts)
    else this.layCards(parts)
  }

  layCards(parts) {
    const old = new Map([...this.root.children].map(s => [s.dataset.group ?? "", s]))
    setChildren(this.root, parts.map(part => {
      const section = old.get(part.key) ?? this.section(part.key)
      if (part.key) section.querySelector("small").textContent = part.rows.length
      const grids = [...section.querySelectorAll(":scope > .ct-cards")]
      const blocks = this.cut(part.rows)
      while (grids.length < blocks.length) grids.push(section.appendChild(make("div", "ct-cards")))
      for (const grid of grids.splice(blocks.length)) this.forget(grid)
      grids.forEach((grid, i) => this.fill(grid, blocks[i]))
      return section
    }))
  }

  section(key) {
    const section = make("section", "ct-group")
    section.dataset.group = key
    if (key) section.append(draw.groupHead(this.nodeTitle(key), 0))
    else {
      const h = make("h2", "sr-only")
      h.textContent = "Containers"
      section.append(h)
    }
    return section
  }

  layTable(parts) {
    let wrap = this.root.firstElementChild
    if (!wrap && parts.length === 0) return
    if (!wrap) wrap = this.root.appendChild(draw.table())
    wrap.hidden = parts.length === 0
    const table = wrap.querySelector("table")
    const old = new Map()
    for (const body of table.tBodies) {
      const key = body.dataset.group ?? ""
      old.set(key, [...(old.get(key) ?? []), body])
    }
    const bodies = []
    for (const part of parts) {
      const have = old.get(part.key) ?? []
      this.cut(part.rows).forEach((block, i) => {
        const body = have[i] ?? make("tbody", "")
        body.dataset.group = part.key
        let head = null
        if (part.key && i === 0) {
          head = body.querySelector(".ct-group-row") ?? draw.groupRow(this.nodeTitle(part.key), 0)
          head.querySelector("small").textContent = part.rows.length
        }
        this.fill(body, block, head)
        bodies.push(body)
      })
    }
    for (const list of old.values()) for (const body of list) if (!bodies.includes(body)) this.seen.unobserve(body)
    setChildren(table, [table.tHead, ...bodies])
  }

  cut(rows) {
    if (this.whole) return [rows]
    const out = []
    for (let i = 0; i < rows.length; i += BLOCK) out.push(rows.slice(i, i + BLOCK))
    return out
  }

  // fill gives a block its rows; of a large fleet only when it is near what is on the screen.
  fill(block, rows, head = null) {
    const known = this.blocks.get(block)
    this.blocks.set(block, {rows, head, height: known?.height ?? 0})
    if (this.whole) {
      this.seen.unobserve(block)
      this.show(block)
      return
    }
    // What is on the screen changes at once; the observer tells of the rest.
    if (block.hasAttribute("data-shown") || nearScreen(block)) this.show(block)
    else this.hide(block)
    this.seen.unobserve(block)
    this.seen.observe(block)
  }

  show(block) {
    const {rows, head} = this.blocks.get(block)
    block.style.minHeight = ""
    block.toggleAttribute("data-shown", !this.whole)
    const els = rows.map(r => this.element(r))
    setChildren(block, head ? [head, ...els] : els)
  }

  hide(block) {
    const known = this.blocks.get(block)
    const height = block.hasAttribute("data-shown") ? block.offsetHeight : 0
    if (height) known.height = this.height = height
    block.removeAttribute("data-shown")
    for (const el of block.querySelectorAll("[data-container]")) this.elements.delete(el.dataset.container)
    const tall = Math.round((known.height || this.height || 120 * rowHeight(this.view)) * Math.min(1, known.height ? 1 : known.rows.length / BLOCK))
    if (this.view !== "table") {
      block.replaceChildren()
      block.style.minHeight = `${tall}px`
      return
    }
    const spacer = make("tr", ""), cell = make("td", "")
    cell.colSpan = 11
    cell.style.height = `${tall}px`
    spacer.append(cell)
    setChildren(block, known.head ? [known.head, spacer] : [spacer])
  }

  forget(block) {
    this.seen.unobserve(block)
    block.remove()
  }

  scrolled(entries) {
    for (const e of entries) {
      if (this.whole || !this.blocks.has(e.target) || !e.target.isConnected) continue
      const shown = e.target.hasAttribute("data-shown")
      if (e.isIntersecting && !shown) this.show(e.target)
      else if (!e.isIntersecting && shown && !e.target.contains(document.activeElement)) this.hide(e.target)
    }
  }
}

const rowHeight = view => view === "table" ? 41 : 60

function nearScreen(block) {
  if (!block.isConnected) return !document.querySelector("[data-shown]")
  const box = block.getBoundingClientRect()
  return box.top < innerHeight + 1200 && box.bottom > -1200
}

function make(tag, cls) {
  const el = document.createElement(tag)
  if (cls) el.className = cls
  return el
}

// setChildren makes these the children, in this order, moving no more than it must.
export function setChildren(parent, els) {
  const wanted = new Set(els)
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove()
  let at = parent.firstElementChild
  for (const el of els) {
    if (el === at) at = at.nextElementSibling
    else parent.insertBefore(el, at)
  }
}
