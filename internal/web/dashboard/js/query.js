// The search language, as internal/fleet/query*.go has it. Both pass
// internal/fleet/testdata/query_cases.json.

const MAX_QUERY = 300, MAX_TERMS = 24

export const statusWords = ["running", "stopped", "suspended", "unknown", "attention", "stale", "locked"]

const numberKeys = new Map([["cpu", "cpu"], ["mem", "mem"], ["memory", "mem"], ["ram", "mem"], ["disk", "disk"], ["uptime", "uptime"]])
const textKeys = new Map([...["node", "cluster", "tag", "status", "name", "vmid", "pool", "ip", "lock"].map(k => [k, k]), ["id", "vmid"]])
const oneOf = new Set(["node", "cluster", "status", "vmid", "pool"])
const sizeUnits = {k: 1 / 1024, m: 1, g: 1024, t: 1024 * 1024}
const timeUnits = {s: 1, m: 60, min: 60, h: 3600, d: 86400, w: 7 * 86400}

// lower is Go's strings.ToLower: letter by letter, whatever stands beside it.
export function lower(text) {
  if (!/[^\0-\x7f]/.test(text)) return text.toLowerCase()
  return Array.from(text, c => c === "İ" ? "i" : c.toLowerCase()).join("")
}

// textOf is what plain words are looked for in.
export function textOf(s) {
  let text = ""
  for (const part of [s.name, s.vmid, s.node, s.label, s.clusterName, s.pool, ...(s.tags ?? []), ...(s.addresses ?? [])])
    if (part) text += part + "\n"
  return lower(text)
}

function words(text) {
  const out = [], r = [...text], blank = c => /\s/.test(c)
  for (let i = 0; i < r.length;) {
    if (blank(r[i])) { i++; continue }
    let not = false
    if (r[i] === "-" && i + 1 < r.length && !blank(r[i + 1])) { not = true; i++ }
    let whole = "", bare = "", quoted = false, seen = false
    for (; i < r.length && (quoted || !blank(r[i])); i++) {
      if (r[i] === '"') { quoted = !quoted; seen = true; continue }
      whole += r[i]
      if (!seen) bare += r[i]
    }
    if (whole) out.push({not, bare, whole})
  }
  return out
}

function splitKey({bare, whole}) {
  const i = bare.search(/[:<>=]/)
  if (i <= 0) return null
  const key = lower(bare.slice(0, i))
  let op = whole[i], rest = whole.slice(i + 1)
  if (op === ":" && numberKeys.has(key)) {
    const m = /^(>=|<=|>|<|=)/.exec(rest)
    if (m) return {key, op: m[1], rest: rest.slice(m[1].length)}
  }
  if ((op === "<" || op === ">") && rest.startsWith("=")) { op += "="; rest = rest.slice(1) }
  return {key, op, rest}
}

function comparison(key, op, rest) {
  const c = {key, op: op === ":" ? "=" : op, value: 0, percent: false}
  rest = lower(rest)
  if (key === "uptime") {
    if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:s|min|m|h|d|w))+$/.test(rest)) return `“${rest}” is no time: write uptime>3d, with s, m, h, d or w.`
    for (const m of rest.matchAll(/([0-9]+(?:\.[0-9]+)?)(s|min|m|h|d|w)/g)) c.value += Number(m[1]) * timeUnits[m[2]]
    return c
  }
  const m = /^([0-9]+(?:\.[0-9]+)?)(%|[kmgt])?(?:i?b)?$/.exec(rest)
  if (!m || (key === "cpu" && m[2] && m[2] !== "%"))
    return key === "cpu" ? `“${rest}” is no percentage: write cpu>80%.` : `“${rest}” is no amount: write ${key}>80% or ${key}>2G.`
  c.value = Number(m[1])
  if (m[2] in sizeUnits) c.value *= sizeUnits[m[2]]
  else c.percent = true
  return c
}

function term(w, problems) {
  const at = splitKey(w), number = at && numberKeys.get(at.key)
  if (number) {
    if (at.rest === "") return null // still being typed
    const cmp = comparison(number, at.op, at.rest)
    if (typeof cmp === "string") { problems.push(cmp); return null }
    return {not: w.not, key: number, values: [], cmp}
  }
  const key = at && textKeys.get(at.key)
  if (!key || (at.op !== ":" && at.op !== "=")) return {not: w.not, key: "", values: [lower(w.whole)]}
  const values = lower(at.rest).split(",").filter(Boolean)
  if (key === "status") for (const v of values) if (!statusWords.includes(v)) {
    problems.push(`“${v}” is no status: use one of ${statusWords.join(", ")}.`)
    return null
  }
  return values.length ? {not: w.not, key, values} : null
}

// parseQuery reads a search; what it cannot understand is left out and named in problems.
export function parseQuery(text) {
  const problems = [], terms = []
  for (const w of words([...text].slice(0, MAX_QUERY).join("")).slice(0, MAX_TERMS)) {
    const t = term(w, problems)
    if (t) terms.push(t)
  }
  return {terms, problems, empty: terms.length === 0, matches: s => matches(terms, s)}
}

function matches(terms, s) {
  for (const t of terms) {
    if (t.not) { if (holds(t, s)) return false }
    else if (oneOf.has(t.key)) { if (!terms.some(o => o.key === t.key && !o.not && holds(o, s))) return false }
    else if (!holds(t, s)) return false
  }
  return true
}

const holds = (t, s) => t.cmp ? compares(t.cmp, s) : t.values.some(v => has(s, t.key, v))

function has(s, key, v) {
  const like = text => glob(v, lower(String(text)))
  switch (key) {
    case "": return s.text.includes(v)
    case "node": return like(s.node) || (!!s.label && like(s.label)) || (v.includes("/") && like(`${s.clusterName}/${s.node}`))
    case "cluster": return like(s.clusterName)
    case "tag": return s.tags.some(like)
    case "status": return hasStatus(s, v)
    case "name": return lower(s.name).includes(v)
    case "vmid": return like(s.vmid)
    case "pool": return !!s.pool && like(s.pool)
    case "ip": return s.addresses.some(a => lower(a).includes(v))
    case "lock": return !!s.lock && like(s.lock)
  }
  return false
}

export function hasStatus(s, word) {
  switch (word) {
    case "attention": return !!s.attention
    case "stale": return !!s.stale
    case "locked": return !!s.lock
  }
  return s.status === word
}

function glob(pattern, text) {
  const parts = pattern.split("*")
  if (parts.length === 1) return pattern === text
  if (!text.startsWith(parts[0])) return false
  text = text.slice(parts[0].length)
  for (const p of parts.slice(1, -1)) {
    const i = text.indexOf(p)
    if (i < 0) return false
    text = text.slice(i + p.length)
  }
  return text.endsWith(parts.at(-1))
}

function compares(c, s) {
  if (!s.live) return false
  switch (c.key) {
    case "cpu": return compare(c, s.cpu)
    case "mem": return amount(c, s.mem, s.maxMem)
    case "disk": return amount(c, s.disk, s.maxDisk)
  }
  return compare(c, s.uptime)
}

function amount(c, part, whole) {
  if (!c.percent) return compare(c, part)
  return whole > 0 && compare(c, 100 * part / whole)
}

function compare({op, value}, n) {
  switch (op) {
    case ">": return n > value
    case ">=": return n >= value
    case "<": return n < value
    case "<=": return n <= value
  }
  return n >= value - 0.5 && n < value + 0.5
}
