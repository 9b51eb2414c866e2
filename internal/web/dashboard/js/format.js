// Numbers as people read them, in the words of kit's Go functions of the same
// names; ../testdata/format_cases.json is the table that both pass.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

function unitOf(n) {
  let size = 1, i = 0
  while (n >= size * 1024 && i < units.length - 1) { size *= 1024; i++ }
  if (i > 0 && i < units.length - 1 && Math.round(n / size * 10) / 10 >= 1024) { size *= 1024; i++ }
  return {size, name: units[i]}
}

const short = f => String(f < 9.95 ? Math.round(f * 10) / 10 : Math.round(f))

export function bytes(n) {
  n = Math.max(n, 0)
  const {size, name} = unitOf(n)
  return `${short(n / size)} ${name}`
}

// ofMiB is "7.4 of 8 GiB" from sizes in MiB; without a whole, the part alone.
export function ofMiB(part, whole) {
  if (whole <= 0) return bytes(part * 2 ** 20)
  const {size, name} = unitOf(whole * 2 ** 20)
  return `${short(Math.max(part, 0) * 2 ** 20 / size)} of ${short(whole * 2 ** 20 / size)} ${name}`
}

// duration is a length of time, in seconds, in its one largest unit.
export function duration(s) {
  s = Math.floor(s)
  if (s < 1) return "0 s"
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`
  return `${Math.floor(s / 86400)} days`
}

// ago is how long ago a unix second was.
export function ago(seen, now) {
  if (!seen) return "never"
  const s = now - seen
  return s < 2 ? "just now" : `${duration(s)} ago`
}

// share is part of whole in percent, rounded up.
export function share(part, whole) {
  if (whole <= 0 || part <= 0) return 0
  return Math.min(Math.ceil(100 * part / whole), 999)
}

export const level = percent => percent > 90 ? "bad" : percent > 70 ? "warn" : "info"

export function sizes({cpus, maxMem, maxDisk}) {
  const out = []
  if (cpus > 0) out.push(cpus === 1 ? "1 core" : `${cpus} cores`)
  if (maxMem > 0) out.push(`${bytes(maxMem * 2 ** 20)} memory`)
  if (maxDisk > 0) out.push(`${bytes(maxDisk * 2 ** 20)} disk`)
  return out.join(", ")
}
