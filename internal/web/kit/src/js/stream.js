// A stream of server-sent events, open only while the page can be seen. It
// comes back by itself after it broke off.
import { offline, toSignIn } from "./reach.js";

const SILENCE = 25000; // the server sends a beat every 10 s
const FIRST = 500;
const MOST = 15000;

export class Stream {
  // url makes the address, anew each time. events has what to do with each kind
  // of event. state hears "live", "waiting" or "off". again, where given, is
  // tried from the second failure on: it asks for the same without a stream,
  // and so tells a lapsed session from a server that is away.
  constructor(url, { events, state, again }) {
    Object.assign(this, { url, events, state, again, source: null, failures: 0, retry: 0, silence: 0, ended: false });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (e) => {
      if (e.persisted) this.open();
    });
    document.addEventListener("berth:back", () => this.anew());
  }

  open() {
    if (this.source || this.ended || document.hidden) return;
    clearTimeout(this.retry);
    const source = (this.source = new EventSource(this.url()));
    const heard = () => {
      clearTimeout(this.silence);
      this.silence = setTimeout(() => this.failed(source), SILENCE);
    };
    heard();
    source.onopen = () => {
      this.failures = 0;
      heard();
      this.state("live");
    };
    source.onerror = () => this.failed(source);
    source.addEventListener("beat", heard);
    for (const [name, take] of Object.entries(this.events)) {
      source.addEventListener(name, (e) => {
        heard();
        take(JSON.parse(e.data), e.lastEventId);
      });
    }
    source.addEventListener("end", (e) => {
      if (JSON.parse(e.data).why !== "signed-out") return this.failed(source);
      this.ended = true;
      this.close();
      this.state("off");
      toSignIn();
    });
  }

  close() {
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  anew() {
    this.close();
    this.failures = 0;
    this.open();
  }

  // failed waits a little longer each time.
  async failed(source) {
    if (source !== this.source) return;
    this.close();
    if (document.hidden || this.ended) return;
    this.failures++;
    this.state("waiting");
    let wait = Math.min(FIRST * 2 ** this.failures, MOST);
    if (this.failures > 1) {
      try {
        await this.again?.();
      } catch {
        this.state("off");
        offline();
        wait = MOST; // "berth:back" comes first
      }
    }
    if (!this.source && !document.hidden) this.retry = setTimeout(() => this.open(), wait * (0.8 + 0.4 * Math.random()));
  }
}
