// The stream of what changes in the fleet; it comes back to where it was.
import {getJSON} from "../../kit/src/js/reach.js"
import {Stream} from "../../kit/src/js/stream.js"

// live keeps a fleet current. on.news is called after each change with what it
// touched, on.state with "live", "waiting" or "off". Where streams are refused
// the data itself is asked for.
export function live(url, dataUrl, fleet, on) {
  return new Stream(() => `${url}?since=${encodeURIComponent(fleet.id)}`, {
    events: {
      everything: data => on.news(fleet.everything(data)),
      change: (data, id) => on.news(fleet.change(id, data)),
    },
    state: on.state,
    again: async () => on.news(fleet.everything(await getJSON(dataUrl))),
  })
}
