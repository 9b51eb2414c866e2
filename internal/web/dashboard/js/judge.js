// What can be done to which container, as judge.go says it: the browser has no
// rules of its own, only numbered judgements and the sentences that they refer to.

const NAME = "\u0001", VMID = "\u0002"

export class Judge {
  constructor() {
    this.reasons = []
    this.all = []
  }

  // take adds what the server sent; it says from where on, so that what is sent twice is taken once.
  take(data) {
    if (!data) return
    const [reasons, judgements] = data.at
    this.reasons.splice(reasons, this.reasons.length, ...data.why)
    this.all.splice(judgements, this.all.length, ...data.of)
  }

  // doing is what is being done to the row's container: "Starting"; empty: nothing.
  doing(row) { return this.all[row.judged]?.[0] ?? "" }

  // can reports whether the action at that place of the table can be had.
  can(row, action) { return this.all[row.judged]?.[action + 1] === 0 }

  // why is the sentence against the action; empty: it can be had.
  why(row, action) {
    const n = this.all[row.judged]?.[action + 1] ?? 0
    if (n === 0) return ""
    return this.reasons[n - 1][0].replaceAll(NAME, () => row.name).replaceAll(VMID, () => String(row.vmid))
  }

  // offer counts for how many of the rows the action can be had, and lists what
  // keeps out the others, the most frequent first: "3 running already, 1 locked".
  offer(rows, action) {
    let can = 0
    const counts = new Map()
    for (const row of rows) {
      const n = this.all[row.judged]?.[action + 1] ?? 0
      if (n === 0) can++
      else {
        const words = this.reasons[n - 1][1]
        counts.set(words, (counts.get(words) ?? 0) + 1)
      }
    }
    const out = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([words, n]) => `${n} ${words}`).join(", ")
    return {can, of: rows.length, out}
  }
}

// count is "12 of 15", or "15" for all.
export const count = ({can, of}) => can === of ? String(of) : `${can} of ${of}`
