// The stream of what changes. It is open only while the page can be seen, and
// it comes back to where it was.
import {getJSON, offline, toSignIn} from "../../kit/src/js/reach.js"

const SILENCE = 25000 // the server sends a beat every 10 s
const FIRST = 500, MOST = 15000

// Live keeps a fleet current. on.news is called after each change with what it
// touched, on.state with "live", "waiting" or "off".
export class Live {
  constructor(url, dataUrl, fleet, on) {
    Object.assign(this, {url, dataUrl, fleet, on, source: null, failures: 0, retry: 0, silence: 0, ended: false})
    document.addEventListener("visibilitychange", () => document.hidden ? this.close() : this.open())
    addEventListener("pagehide", () => this.close())
    addEventListener("pageshow", e => { if (e.persisted) this.open() })
    document.addEventListener("berth:back", () => this.again())
  }

  open() {
    if (this.source || this.ended || document.hidden) return
    clearTimeout(this.retry)
    const source = this.source = new EventSource(`${this.url}?since=${encodeURIComponent(this.fleet.id)}`)
    const heard = () => {
      clearTimeout(this.silence)
      this.silence = setTimeout(() => this.failed(source), SILENCE)
    }
    heard()
    source.onopen = () => { this.failures = 0; heard(); this.on.state("live") }
    source.onerror = () => this.failed(source)
    source.addEventListener("everything", e => { heard(); this.on.news(this.fleet.everything(JSON.parse(e.data))) })
    source.addEventListener("change", e => { heard(); this.on.news(this.fleet.change(e.lastEventId, JSON.parse(e.data))) })
    source.addEventListener("beat", heard)
    source.addEventListener("end", e => {
      if (JSON.parse(e.data).why !== "signed-out") return this.failed(source)
      this.ended = true
      this.close()
      this.on.state("off")
      toSignIn()
    })
  }

  close() {
    clearTimeout(this.silence)
    clearTimeout(this.retry)
    this.source?.close()
    this.source = null
  }

  again() {
    this.close()
    this.failures = 0
    this.open()
  }

  // failed waits a little longer each time. From the second time on it asks for
  // the data itself: that tells a lapsed session from a server that is away,
  // and keeps the page current where streams are refused.
  async failed(source) {
    if (source !== this.source) return
    this.close()
    if (document.hidden || this.ended) return
    this.failures++
    this.on.state("waiting")
    let wait = Math.min(FIRST * 2 ** this.failures, MOST)
    if (this.failures > 1) {
      try {
        this.on.news(this.fleet.everything(await getJSON(this.dataUrl)))
      } catch {
        this.on.state("off")
        offline()
        wait = MOST // "berth:back" comes first
      }
    }
    if (!this.source && !document.hidden) this.retry = setTimeout(() => this.open(), wait * (0.8 + 0.4 * Math.random()))
  }
}
