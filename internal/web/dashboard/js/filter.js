// The filter in the address, as filter.go reads and writes it.
import {hasStatus, parseQuery, statusWords} from "./query.js"
import {parseOrder} from "./order.js"

export function readFilter(search) {
  const p = new URLSearchParams(search)
  const distinct = (list, ok) => [...new Set(list)].filter(ok).slice(0, 50)
  const status = p.get("status") ?? ""
  return derive({
    nodes: distinct(p.getAll("node"), s => /^[^/]+\/[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(s)),
    status: statusWords.includes(status) ? status : "",
    q: [...(p.get("q") ?? "").trim()].slice(0, 300).join(""),
    tags: distinct(p.getAll("tag").map(t => t.trim().toLowerCase()), Boolean),
    sort: p.get("sort") ?? "",
    table: p.get("view") === "table",
    byNode: p.get("group") === "node",
  })
}

// changed is the filter with some of its parts replaced.
export const changed = (filter, parts) => derive({...filter, ...parts})

export const cleared = filter => changed(filter, {nodes: [], status: "", q: "", tags: []})

function derive(f) {
  const query = parseQuery(f.q), order = parseOrder(f.sort)
  const sort = (order.down ? "-" : "") + order.key
  const narrows = f.nodes.length > 0 || f.status !== "" || f.tags.length > 0 || !query.empty
  return {...f, query, order, sort, narrows}
}

export function urlOf(f) {
  const p = new URLSearchParams()
  for (const n of f.nodes) p.append("node", n)
  if (f.status) p.append("status", f.status)
  for (const t of f.tags) p.append("tag", t)
  if (f.q) p.append("q", f.q)
  if (f.sort !== "name") p.append("sort", f.sort)
  if (f.table) p.append("view", "table")
  if (f.byNode) p.append("group", "node")
  const text = p.toString()
  return text ? `/?${text}` : "/"
}

export function matches(f, row) {
  return (f.nodes.length === 0 || f.nodes.includes(row.nodeId)) &&
    (f.status === "" || hasStatus(row, f.status)) &&
    f.tags.every(t => row.tags.some(has => has.toLowerCase() === t)) &&
    f.query.matches(row)
}
