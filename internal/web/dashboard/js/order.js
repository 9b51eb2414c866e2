// Sorting, as internal/fleet/query_order.go has it.

import {lower} from "./query.js"

export const orderKeys = ["name", "vmid", "node", "status", "cpu", "mem", "disk", "uptime", "tags"]

const statusRank = {unknown: 0, running: 1, suspended: 2, stopped: 3}

export function parseOrder(text) {
  const down = text.startsWith("-"), key = down ? text.slice(1) : text
  return orderKeys.includes(key) ? {key, down} : {key: "name", down: false}
}

// naturalKey makes "web2" come before "web10", whatever the case.
export function naturalKey(text) {
  return lower(text).replace(/[0-9]+/g, run => {
    const digits = run.replace(/^0+/, "")
    return String.fromCharCode(48 + Math.min(digits.length, 40)) + digits
  })
}

const cmp = (a, b) => a < b ? -1 : a > b ? 1 : 0
const last = (a, b) => a === b ? 0 : a ? -1 : 1

// number is what a subject is sorted by; undefined when it has none.
function number(s, key) {
  if (!s.live) return undefined
  switch (key) {
    case "cpu": return s.cpu
    case "mem": return s.maxMem > 0 ? s.mem / s.maxMem : undefined
    case "disk": return s.maxDisk > 0 ? s.disk / s.maxDisk : undefined
  }
  return s.uptime
}

const ties = (a, b) =>
  cmp(a.nameKey, b.nameKey) || cmp(a.nodeKey, b.nodeKey) || cmp(a.vmid, b.vmid) || cmp(a.cluster, b.cluster)

function first({key}) {
  switch (key) {
    case "vmid": return (a, b) => cmp(a.vmid, b.vmid)
    case "node": return (a, b) => cmp(a.nodeKey, b.nodeKey) || cmp(a.cluster, b.cluster)
    case "status": return (a, b) => cmp(statusRank[a.status], statusRank[b.status])
    case "tags": return (a, b) => cmp(a.tagKey, b.tagKey)
    case "name": return (a, b) => cmp(a.nameKey, b.nameKey)
  }
  return (a, b) => cmp(number(a, key), number(b, key))
}

// comparer orders prepared subjects; those without the number come last in both directions.
export function comparer(order) {
  const by = first(order), sign = order.down ? -1 : 1
  const known = order.key === "tags" ? s => s.tags.length > 0
    : ["cpu", "mem", "disk", "uptime"].includes(order.key) ? s => number(s, order.key) !== undefined : null
  return (a, b) => (known && last(known(a), known(b))) || sign * by(a, b) || ties(a, b)
}
