// The list of containers: which elements there are and in which order. Up to
// WHOLE containers all of them are in the page; above, blocks of them come and
// go with scrolling.
import * as draw from "./draw.js"
import {comparer} from "./order.js"
import {matches} from "./filter.js"

const WHOLE = 1500
const BLOCK = 60 // fits rows of 1, 2, 3, 4, 5 and 6 cards
const NUMBERS = new Set(["cpu", "mem", "disk", "uptime"])

// ordered are all rows in a filter's order. They are sorted again only when
// what they are sorted by may have changed: for most filters that is seldom.
function ordered(fleet, filter) {
  const moving = NUMBERS.has(filter.order.key)
  const key = `${filter.sort} ${filter.byNode} ${moving ? fleet.moves : ""} ${fleet.shape}`
  if (fleet.sortedFor === key) return fleet.sorted
  const compare = comparer(filter.order), byNode = comparer({key: "node", down: false})
  fleet.sorted = [...fleet.rows.values()].sort(filter.byNode ? (a, b) => a.nodeId === b.nodeId ? compare(a, b) : byNode(a, b) : compare)
  fleet.sortedFor = key
  return fleet.sorted
}

// selectRows are the rows that a filter asks for, in its order.
export function selectRows(fleet, filter) {
  const all = ordered(fleet, filter)
  return filter.narrows ? all.filter(row => matches(filter, row)) : all
}

// movedBy reports whether moving numbers alone can change what a filter shows or its order.
export function movedBy(filter) {
  return NUMBERS.has(filter.order.key) || filter.query.terms.some(t => t.cmp)
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
    this.seen = new IntersectionObserver(entries => this.scrolled(entries), {rootMargin: "1000px 0px"})
    this.high = {} // of a full block that was measured, by view
    this.blocks = new WeakMap()
  }

  element(row) {
    let el = this.elements.get(row.id)
    if (!el) {
      el = this.view === "table" ? draw.tableRow(row, this.nodeTitle(row.nodeId)) : draw.card(row, this.nodeTitle(row.nodeId), this.reasons)
      this.elements.set(row.id, el)
      this.dress?.(el, row)
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
    if (held?.classList.contains("pick")) el.querySelector(".pick").focus()
    else if (held?.closest("h3, th")) el.querySelector("h3 a, th a")?.focus()
    else if (held) (held.dataset.tag ? el.querySelector(`[data-tag="${CSS.escape(held.dataset.tag)}"]`) : el.querySelector(".more"))?.focus()
  }

  refresh(row) {
    const el = this.elements.get(row.id)
    if (el) draw.refresh(el, row)
  }

  // gone marks what is no more until it is swept or the next layout takes it away. The focus goes on to its neighbour.
  gone(id) {
    const el = this.elements.get(id)
    this.elements.delete(id)
    if (!el) return
    el.setAttribute("data-gone", "")
    if (!el.contains(document.activeElement)) return
    const near = [el.nextElementSibling, el.previousElementSibling].find(e => e?.matches("[data-container]:not([data-gone])"))
    const again = near?.querySelector(document.activeElement.matches(".more") ? ".more" : ".ct-name")
    if (again) again.focus()
    else document.activeElement.blur()
  }

  // sweep takes away what is marked as gone; all else stays in its order.
  sweep() {
    const gone = new Set()
    for (const el of this.root.querySelectorAll("[data-gone]")) {
      gone.add(el.dataset.container)
      const known = this.blocks.get(el.parentElement)
      el.remove()
      if (known) known.rows = known.rows.filter(r => r.id !== el.dataset.container)
      const count = this.root.querySelector(`[data-group="${CSS.escape(el.dataset.node)}"] small`)
      if (count) count.textContent -= 1
    }
    this.order = this.order?.filter(id => !gone.has(id))
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
    this.laid = 0
    if (!whole) this.perLine = view === "table" ? 1 : Math.max(1, Math.floor((this.root.clientWidth + 12) / 308))
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

  // fill gives a block its rows. Of a large fleet the first block and those on
  // the screen are drawn now; the observer tells when others come near.
  fill(block, rows, head = null) {
    this.blocks.set(block, {rows, head})
    if (this.whole) this.seen.unobserve(block)
    if (this.whole || this.laid++ === 0 || block.hasAttribute("data-shown")) this.show(block)
    else this.hide(block)
    if (!this.whole) this.seen.observe(block)
  }

  show(block) {
    const {rows, head} = this.blocks.get(block)
    block.style.minHeight = ""
    block.toggleAttribute("data-shown", !this.whole)
    const els = rows.map(r => this.element(r))
    setChildren(block, head ? [head, ...els] : els)
  }

  hide(block) {
    const {rows, head} = this.blocks.get(block)
    block.removeAttribute("data-shown")
    for (const el of block.querySelectorAll("[data-container]")) this.elements.delete(el.dataset.container)
    const line = this.high[this.view] ?? (this.view === "table" ? 40 : 178)
    const tall = `${Math.round(Math.ceil(rows.length / this.perLine) * line)}px`
    if (this.view !== "table") {
      block.replaceChildren()
      block.style.minHeight = tall
      return
    }
    const spacer = make("tr", ""), cell = make("td", "")
    cell.colSpan = 11
    cell.style.height = tall
    spacer.append(cell)
    setChildren(block, head ? [head, spacer] : [spacer])
  }

  forget(block) {
    this.seen.unobserve(block)
    block.remove()
  }

  scrolled(entries) {
    for (const e of entries) {
      const known = this.blocks.get(e.target)
      if (this.whole || !known || !e.target.isConnected) continue
      const shown = e.target.hasAttribute("data-shown")
      if (shown && known.rows.length === BLOCK && !known.head) this.high[this.view] = e.boundingClientRect.height / Math.ceil(BLOCK / this.perLine)
      if (e.isIntersecting && !shown) this.show(e.target)
      else if (!e.isIntersecting && shown && !e.target.contains(document.activeElement)) this.hide(e.target)
    }
  }
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
