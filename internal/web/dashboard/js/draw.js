// Draws containers, nodes and banners from data by cloning the page's moulds,
// so that there is one source of markup: the server's templates.
import {ago, duration, level, ofMiB, share, sizes} from "./format.js"
import {now} from "./fleet.js"

const looks = {
  running: ["ok", "play", "Running"],
  stopped: ["neutral", "square", "Stopped"],
  suspended: ["busy", "pause", "Suspended"],
  unknown: ["warn", "circle-help", "Unknown"],
}

const clone = id => document.getElementById(`mould-${id}`).content.cloneNode(true)
const setIcon = (el, name) => el.querySelector("use").setAttribute("href", `#i-${name}`)

// setText leaves alone what is right already: no needless work for browsers and screen readers.
function setText(el, text) {
  if (el && el.textContent !== text) el.textContent = text
}

function setBar(root, key, percent, text) {
  const bar = root.querySelector(`[data-bar=${key}]`)
  if (!bar) return
  const fill = bar.querySelector(".meter-fill"), width = String(Math.min(percent, 100))
  if (fill.getAttribute("width") !== width) fill.setAttribute("width", width)
  if (bar.dataset.level !== level(percent)) bar.dataset.level = level(percent)
  setText(bar.querySelector(".meter-text"), text)
}

// A card says how much of how much; a line of the table has room for the share, and the rest in its title.
function setAmount(root, key, part, whole) {
  const percent = share(part, whole), words = ofMiB(part, whole)
  if (root.tagName !== "TR") return setBar(root, key, percent, words)
  setBar(root, key, percent, whole > 0 ? `${percent} %` : words)
  root.querySelector(`[data-bar=${key}]`).parentElement.title = words
}

function setBars(root, r) {
  setBar(root, "cpu", r.cpu, `${r.cpu} %`)
  setAmount(root, "mem", r.mem, r.maxMem)
  setAmount(root, "disk", r.disk, r.maxDisk)
}

const up = r => r.live && r.boot ? `up ${duration(r.uptime)}` : ""

// refresh redraws the numbers of a container's element, whoever drew it.
export function refresh(el, r) {
  if (r.live) setBars(el, r)
  setText(el.querySelector(".up"), up(r))
}

function setPill(pill, r) {
  const [tone, icon, word] = r.doing ? ["busy", "loader", `${r.doing}…`] : looks[r.status] ?? looks.unknown
  const stale = r.stale && !r.doing
  pill.dataset.tone = stale ? "warn" : tone
  setIcon(pill, stale ? "clock" : icon)
  const text = pill.querySelector(":scope > span")
  text.textContent = word
  if (!stale) return
  const seen = document.createElement("span")
  seen.dataset.ago = r.seen
  seen.textContent = ago(r.seen, now())
  text.append(", ", seen)
}

// setDoing shows what was just asked for, before the server says that it is done.
export function setDoing(el, doing) {
  const pill = el.querySelector(".pill")
  el.toggleAttribute("data-busy", true)
  pill.dataset.tone = "busy"
  setIcon(pill, "loader")
  pill.querySelector(":scope > span").textContent = `${doing}…`
}

function setNode(badge, r, title) {
  badge.title = `Node ${r.node} of ${r.clusterName}`
  badge.querySelector(".badge-text").textContent = title
}

function markOf(text, tone, title) {
  const mark = clone("mark").firstElementChild
  mark.querySelector(".badge-text").textContent = text
  if (tone) {
    mark.dataset.tone = tone
    mark.title = title
  } else mark.querySelector("svg").remove()
  return mark
}

function marksOf(r) {
  const out = []
  if (r.template) out.push(markOf("Template"))
  if (r.lock) out.push(markOf(r.lock, "warn", `Proxmox holds a lock: ${r.lock}`))
  return out
}

function tagsOf(r) {
  return r.tags.map(t => {
    const a = document.createElement("a")
    a.className = "tag"
    a.href = `/?tag=${encodeURIComponent(t)}`
    a.dataset.tag = a.textContent = t
    return a
  })
}

function identify(el, r, title) {
  el.dataset.container = r.id
  el.dataset.node = r.nodeId
  el.dataset.status = r.status
  el.toggleAttribute("data-stale", r.stale)
  el.toggleAttribute("data-attention", r.attention)
  el.toggleAttribute("data-busy", r.doing !== "")
  el.querySelector(".pick").setAttribute("aria-label", `Select ${r.name}`)
  el.querySelector(".more").setAttribute("aria-label", `Actions for ${r.name}`)
  const address = r.addresses.length > 1 ? `${r.addresses[0]} +${r.addresses.length - 1}` : r.addresses[0] ?? ""
  el.querySelector(".addr").textContent = address
  setNode(el.querySelector(".node-badge"), r, title)
  setPill(el.querySelector(".pill"), r)
}

function setName(head, r) {
  const link = head.querySelector("a")
  link.textContent = head.title = r.name
  link.href = urlOf(r)
}

// urlOf is the page of a container, as kit.URL.Container makes it.
export const urlOf = r => `/containers/${encodeURIComponent(r.cluster)}/${r.vmid}`

const stepURL = ({job, n}) => `/jobs/${encodeURIComponent(job)}/${n}`

function setEnding(form, r) {
  if (!r.ending) return form.remove()
  form.action = `${stepURL(r.ending)}/dismiss`
  form.querySelector("a").href = stepURL(r.ending)
  form.querySelector("span").firstChild.textContent = `${r.ending.text} `
  form.querySelector("button").setAttribute("aria-label", `Dismiss: ${r.ending.text}`)
}

// card is one container, on a node of that title. reasons are the words of the bits of attention.
export function card(r, title, reasons) {
  const el = clone("card").firstElementChild
  identify(el, r, title)
  setName(el.querySelector("h3"), r)
  setEnding(el.querySelector(".ending"), r)
  el.querySelector(".vmid").textContent = r.vmid
  el.querySelector(".ids").append(...marksOf(r), ...tagsOf(r))
  if (!r.live) {
    const span = document.createElement("span")
    span.className = "sizes"
    span.textContent = sizes(r)
    el.querySelector(".up").remove()
    el.querySelector(".addr").replaceWith(span)
    el.querySelector(".bars").remove()
  }
  // Unreachable and unknown are its status already, and how its last action failed is said in full.
  const why = reasons.filter((_, i) => i > 1 && i < 5 && r.attn & (1 << i)).join(", ")
  if (why) {
    const concern = clone("concern").firstElementChild
    concern.querySelector("span").textContent = why[0].toUpperCase() + why.slice(1)
    ;(el.querySelector(".ending") ?? el.querySelector("footer")).before(concern)
  }
  refresh(el, r)
  return el
}

// tableRow is one container as a line of the table.
export function tableRow(r, title) {
  const el = clone("row").querySelector("tr")
  identify(el, r, title)
  setName(el.querySelector("th"), r)
  const ending = el.querySelector(".ending-badge")
  if (r.ending) {
    ending.href = stepURL(r.ending)
    ending.title = r.ending.text
  } else ending.remove()
  el.querySelector(".vmid").textContent = r.vmid
  el.querySelector(".pill").after(...marksOf(r))
  el.querySelector(".tags").append(...tagsOf(r))
  if (!r.live) {
    for (const bar of el.querySelectorAll("[data-bar]")) {
      const cell = bar.parentElement
      cell.className = "none"
      cell.textContent = "–"
    }
  }
  refresh(el, r)
  return el
}

// table is an empty table with its heads.
export const table = () => clone("table").firstElementChild

const nodeIcons = {online: "server", unreachable: "triangle-alert"}

const unmeasured = {"not-seen": "Not seen yet.", online: "Load and memory are not shown."}

// setNodePanel redraws a node of the strip; its name does not change without a new page.
export function setNodePanel(el, n) {
  const head = el.querySelector(".node-head")
  el.dataset.state = n.state
  setIcon(head, nodeIcons[n.state] ?? "circle-dashed")
  setText(el.querySelector(".node-version"), (n.version ?? "").split(".").slice(0, 2).join("."))
  const seen = el.querySelector("[data-ago]")
  seen.dataset.ago = n.seen
  setText(seen, ago(n.seen, now()))
  setDefault(head, n.default)
  const bars = el.querySelector(".bars"), trouble = el.querySelector(".node-trouble")
  if (n.state !== "online" || !n.maxMem) {
    const p = trouble ?? document.createElement("p")
    p.className = "node-trouble"
    setText(p, n.trouble || unmeasured[n.state] || "Cannot be seen.")
    if (!trouble) bars.replaceWith(p)
    return
  }
  if (!bars) trouble.replaceWith(clone("node").querySelector(".bars"))
  setBar(el, "cpu", n.cpu, `${n.cpu} %`)
  setBar(el, "mem", share(n.mem, n.maxMem), ofMiB(n.mem, n.maxMem))
}

function setDefault(head, is) {
  const badge = head.querySelector(".badge")
  if (badge && !is) badge.remove()
  if (!badge && is) head.querySelector("small").before(clone("node").querySelector(".badge"))
}

const bannerIcons = {warn: "triangle-alert", bad: "circle-alert", busy: "loader"}

// banner is one banner of the server's list.
export function banner(b) {
  const el = clone("banner").firstElementChild
  el.dataset.tone = b.tone
  el.dataset.key = b.key
  setIcon(el, bannerIcons[b.tone] ?? "info")
  el.querySelector("b").textContent = b.title
  el.querySelector(".banner-words").textContent = b.text ?? ""
  const seen = el.querySelector(".banner-seen")
  if (b.seen) {
    seen.querySelector("[data-ago]").dataset.ago = b.seen
    seen.querySelector("[data-ago]").textContent = ago(b.seen, now())
  } else seen.remove()
  if (!b.text && !b.seen) el.querySelector(".banner-said").remove()
  const words = el.querySelector(".banner-proxmox")
  if (b.proxmox) words.querySelector("q").textContent = b.proxmox
  else words.remove()
  const link = el.querySelector("a"), form = el.querySelector("form")
  // Addresses are Berth's own paths; nothing else is followed.
  if (b.link?.startsWith("/")) {
    link.href = b.link
    link.textContent = b.linkTo
    link.classList.toggle("primary", b.key === "no-nodes")
  } else link.remove()
  if (b.retry?.startsWith("/")) {
    form.action = b.retry
    form.querySelector("button").textContent = b.waits ? "Try again" : "Try now"
  } else form.remove()
  return el
}

export function groupHead(n, count) {
  const h = document.createElement("h2")
  h.className = "ct-group-head"
  const svg = clone("mark").querySelector("svg")
  svg.querySelector("use").setAttribute("href", "#i-server")
  const name = document.createElement("span"), small = document.createElement("small")
  name.textContent = n
  small.textContent = count
  h.append(svg, name, small)
  return h
}

export function groupRow(n, count) {
  const tr = document.createElement("tr"), th = document.createElement("th")
  tr.className = "ct-group-row"
  th.scope = "rowgroup"
  th.colSpan = 11
  th.append(...groupHead(n, count).childNodes)
  tr.append(th)
  return tr
}

// refreshAges keeps "4 s ago" true.
export function refreshAges(root = document) {
  const at = now()
  for (const el of root.querySelectorAll("[data-ago]")) setText(el, ago(Number(el.dataset.ago), at))
}
