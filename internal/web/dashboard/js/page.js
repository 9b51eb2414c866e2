// The dashboard in the browser: the filter works on what is there already,
// without any request, and the stream keeps it current.
import {Fleet, now} from "./fleet.js"
import {changed, cleared, readFilter, urlOf} from "./filter.js"
import {List, movedBy, selectRows, setChildren} from "./list.js"
import {live} from "./live.js"
import {controls} from "./controls.js"
import {ago, duration} from "./format.js"
import {getJSON} from "../../kit/src/js/reach.js"
import {menu} from "./menu.js"
import {Selection} from "./select.js"
import {actOnAll, bulkBar, picks} from "./bulk.js"
import {toast} from "../../kit/src/js/toasts.js"
import * as draw from "./draw.js"

const root = document.getElementById("dashboard")

const RESTS = 1500 // ms after which a pointer that did not move is taken to rest

async function start() {
  const fleet = new Fleet()
  const embedded = document.getElementById("fleet")
  try {
    fleet.everything(embedded ? JSON.parse(embedded.textContent) : await getJSON(root.dataset.fleetUrl))
  } catch {
    return // the page stays as the server drew it, and its form works
  }
  new Dashboard(fleet)
}

class Dashboard {
  constructor(fleet) {
    this.fleet = fleet
    this.filter = readFilter(location.search)
    this.nodesDrawn = this.nodeKeys()
    this.list = new List(document.getElementById("list"), root.dataset.reasons.split("|"), id => this.nodeTitle(id))
    this.indicator = document.querySelector("[data-live]")
    this.controls = document.getElementById("filter") && controls(document.getElementById("filter"), this)
    this.state = "idle"
    this.takeUpSelection()
    root.dataset.ready = ""
    this.holdWhileUsed()
    document.getElementById("banners").addEventListener("submit", e => {
      const button = e.target.querySelector("button")
      button.textContent = "Trying…"
      button.setAttribute("aria-disabled", "true")
    })
    this.show()
    this.menu = menu(document.getElementById("ct-menu"), fleet, id => this.apply({nodes: [id]}))
    this.actions = [...document.querySelectorAll("[data-menu-act]")].map(el => ({name: el.dataset.menuAct, doing: el.dataset.doing, title: el.querySelector("span").firstChild.textContent.replace(/…$/, "")}))
    this.hearOfActions()
    actOnAll(document.querySelector("[data-act-on-all]"), this)
    addEventListener("popstate", () => this.setFilter(readFilter(location.search)))
    setInterval(() => this.tick(), 1000)
    setInterval(() => this.tickSlowly(), 30000)
    this.live = live(root.dataset.liveUrl, root.dataset.fleetUrl, fleet, {news: n => this.news(n), state: s => this.setState(s)})
    this.live.open()
  }

  takeUpSelection() {
    for (const box of this.list.root.querySelectorAll(".pick")) box.checked = false // browsers remember over a reload
    this.selection = new Selection(() => this.showSelection())
    this.list.dress = (el, row) => this.dress(el, row.id)
    this.bulk = bulkBar(document.getElementById("bulk"), this)
    picks(this.list.root, this)
  }

  dress(el, id) {
    const on = this.selection.has(id)
    el.querySelector(".pick").checked = on
    el.toggleAttribute("data-selected", on)
  }

  showSelection() {
    for (const [id, el] of this.list.elements) this.dress(el, id)
    this.bulk.show()
  }

  // shown are the rows that match, drawn or not; order are their ids as they are laid out.
  shown() { return selectRows(this.fleet, this.filter) }
  order() { return this.list.order ?? this.shown().map(r => r.id) }

  // hearOfActions says on a card what was pressed before the server knows of it, and takes that back when it refuses.
  hearOfActions() {
    const meant = url => /^\/containers\/([^/]+)\/(\d+)\/([a-z]+)$/.exec(url)
    const idOf = m => `${decodeURIComponent(m[1])}/${m[2]}`
    document.addEventListener("berth:acting", e => {
      const m = meant(e.detail.url), el = m && this.list.elements.get(idOf(m)), action = m && this.actions.find(a => a.name === m[3])
      if (el && action) draw.setDoing(el, action.doing)
    })
    document.addEventListener("berth:acted", e => {
      const m = meant(e.detail.url)
      if (!m) return
      // What was accepted is on the board at once; should that not be told, the card is as the data has it.
      setTimeout(() => {
        const row = this.fleet.rows.get(idOf(m))
        if (row && !row.doing) this.list.redraw(row)
      }, e.detail.ok ? 4000 : 0)
    })
    this.list.root.addEventListener("submit", e => {
      if (e.target.matches("[data-dismiss]")) this.dismiss(e)
    })
  }

  async dismiss(e) {
    e.preventDefault()
    const form = e.target
    form.setAttribute("data-leaving", "")
    const res = await fetch(form.action, {method: "POST", headers: {"X-Berth": "1"}, body: new URLSearchParams(new FormData(form)), redirect: "manual"}).catch(() => null)
    if (res?.ok) return
    form.removeAttribute("data-leaving")
    if (res?.type === "opaqueredirect") return form.submit()
    toast("bad", (await res?.json().catch(() => null))?.error ?? "Berth does not answer.")
  }

  // apply changes parts of the filter, as a person asked; typing replaces the address, all else can be gone back from.
  apply(parts, replace = false) {
    const next = changed(this.filter, parts)
    const url = urlOf(next)
    if (url !== urlOf(this.filter)) history[replace ? "replaceState" : "pushState"](null, "", url)
    this.setFilter(next)
  }

  clear() {
    this.apply(cleared(this.filter))
  }

  setFilter(filter) {
    this.filter = filter
    this.show()
  }

  // show lays the list out for the filter now.
  show() {
    const rows = selectRows(this.fleet, this.filter)
    this.pending = false
    if (!this.list.inOrder(rows) || this.laidFor !== layoutOf(this.filter)) this.list.lay(rows, this.filter, this.fleet.rows.size)
    this.laidFor = layoutOf(this.filter)
    this.controls?.show(this.filter, rows.length, this.fleet)
    if (this.selection.size > 0) this.selection.keep(new Set(rows.map(r => r.id)))
    this.bulk.show()
    this.sayPending(false)
    const none = document.getElementById("no-match")
    if (none) none.hidden = rows.length > 0 || this.fleet.rows.size === 0
  }

  // news redraws what changed, and only that.
  news(touched) {
    if (this.nodesDrawn !== this.nodeKeys() || (this.fleet.rows.size > 0) !== (document.getElementById("filter") !== null)) return this.anew()
    for (const id of touched.rows) this.list.redraw(this.fleet.rows.get(id))
    for (const id of touched.numbers) this.list.refresh(this.fleet.rows.get(id))
    for (const id of touched.gone) this.list.gone(id)
    if (touched.banners) this.showBanners()
    this.menu.refresh(touched.rows)
    if (this.selection.size > 0 && (touched.rows.size || touched.gone.size)) {
      this.selection.keep(this.fleet.rows)
      this.bulk.show()
    }
    document.dispatchEvent(new CustomEvent("berth:running", {detail: this.fleet.running}))
    if (touched.nodes) this.showNodes()
    else this.showFreshness()
    if (touched.rows.size || touched.gone.size) {
      this.showFigures()
      this.reorder()
      if (touched.gone.size) this.sweepSoon()
    } else if (touched.numbers.size && movedBy(this.filter)) this.reorderSoon()
    this.tick()
  }

  // reorder lays the list out when its order or its members changed, but not under the pointer or the focus.
  reorder() {
    const rows = selectRows(this.fleet, this.filter)
    if (this.list.inOrder(rows)) return this.sayPending(false)
    if (this.held()) return this.sayPending(true)
    this.show()
  }

  // reorderSoon gathers what moves in a large fleet: its order changes every second at most.
  reorderSoon() {
    this.soon ??= setTimeout(() => { this.soon = null; this.reorder() }, this.fleet.rows.size > 1500 ? 1000 : 0)
  }

  held() {
    return this.pointerIn || this.list.root.contains(document.activeElement)
  }

  // sweepSoon takes away what is gone though the list is held, as soon as the pointer rests: nothing moves under a hand that is about to click.
  sweepSoon() {
    clearTimeout(this.sweeping)
    const rests = Date.now() - (this.pointerAt ?? 0)
    if (this.pointerIn && rests < RESTS) {
      this.sweeping = setTimeout(() => this.sweepSoon(), RESTS - rests)
      return
    }
    this.list.sweep()
    this.reorder()
  }

  holdWhileUsed() {
    const el = this.list.root
    const release = () => { if (this.pending && !this.held()) this.show() }
    const moved = () => { this.pointerIn = true; this.pointerAt = Date.now() }
    el.addEventListener("pointerenter", moved)
    el.addEventListener("pointermove", moved)
    el.addEventListener("pointerleave", () => { this.pointerIn = false; release() })
    el.addEventListener("focusout", () => setTimeout(release))
  }

  sayPending(is) {
    this.pending = is
    const button = document.querySelector("[data-pending]")
    if (button) button.hidden = !is
  }

  // anew asks the server for the page: nodes came or went, which changes its controls too.
  anew() {
    const go = () => {
      if (document.activeElement?.matches("input, select")) return document.addEventListener("focusout", () => setTimeout(go), {once: true})
      // Behind several servers the page may come from one that does not know it yet: not over and over.
      const last = Number(sessionStorage.getItem("dashboard-anew") ?? 0), wait = last + 10000 - Date.now()
      if (wait > 0) return setTimeout(go, wait)
      sessionStorage.setItem("dashboard-anew", String(Date.now()))
      location.reload()
    }
    if (this.leaving) return
    this.leaving = true
    go()
  }

  nodeKeys() {
    return this.fleet.nodes().map(n => `${n.id} ${n.label ?? ""}`).join("\n")
  }

  nodeTitle(id) {
    return this.fleet.titleOf(id)
  }

  showBanners() {
    const box = document.getElementById("banners")
    const old = new Map([...box.children].map(el => [el.dataset.key, el]))
    this.drawnBanners ??= new Map()
    setChildren(box, this.fleet.banners.map(b => {
      const text = JSON.stringify(b), el = old.get(b.key)
      if (el && this.drawnBanners.get(b.key) === text) return el
      this.drawnBanners.set(b.key, text)
      return draw.banner(b)
    }))
  }

  panels() {
    this.panelsById ??= new Map([...document.querySelectorAll("[data-node-panel]")].map(el => [el.dataset.nodePanel, el]))
    return this.panelsById
  }

  // showFreshness only moves the times: a poll that found the nodes as they were.
  showFreshness() {
    for (const n of this.fleet.nodes()) {
      const el = this.panels().get(n.id)?.querySelector("[data-ago]")
      if (el) el.dataset.ago = n.seen
    }
  }

  showNodes() {
    const all = this.fleet.nodes()
    for (const n of all) {
      const el = this.panels().get(n.id)
      if (el) draw.setNodePanel(el, n)
    }
    const sum = document.querySelector(".strip-sum")
    const down = all.filter(n => n.state !== "online").length
    if (sum) sum.textContent = down ? `${all.length}, ${down} not seen` : `${all.length}, all online`
  }

  showFigures() {
    for (const [key, n] of Object.entries(this.fleet.figures())) {
      for (const el of document.querySelectorAll(`[data-figure=${key}]`)) if (el.textContent !== String(n)) el.textContent = n
    }
    const attention = document.querySelector('[data-status-filter="attention"]')
    if (attention) attention.toggleAttribute("data-none", this.fleet.figures().Attention === 0)
    this.controls?.counts(this.fleet)
  }

  setState(state) {
    this.state = state
    this.tick()
  }

  tick() {
    if (document.hidden) return
    draw.refreshAges()
    if (!this.indicator) return
    // Connected, and yet nothing new: then it is the nodes that do not answer.
    const old = this.state === "live" && now() - this.fleet.fresh > 90
    const words = {idle: "Seen", live: old ? "Connected, nodes seen" : "Live,", waiting: "Reconnecting, seen", off: "Not connected, seen"}
    const text = `${words[this.state]} ${ago(this.fleet.fresh, now())}`
    this.indicator.dataset.state = old ? "waiting" : this.state
    const el = this.indicator.querySelector("[data-live-text]")
    if (el.textContent !== text) el.textContent = text
  }

  tickSlowly() {
    if (document.hidden) return
    for (const [id, el] of this.list.elements) {
      const row = this.fleet.rows.get(id), up = el.querySelector(".up")
      if (row?.live && row.boot && up) {
        const text = `up ${duration(row.uptime)}`
        if (up.textContent !== text) up.textContent = text
      }
    }
  }
}

const layoutOf = f => `${f.table} ${f.byNode}`

if (root) start()
