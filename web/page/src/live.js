// The connection to /v1/live; see docs/live-protocol.md.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20000;
const TOPICS_PER_MESSAGE = 200;
const RETRY_TOPIC_MS = 5000;

/**
 * Live follows topics over one WebSocket and comes back when it breaks, after a
 * random and growing wait, going on from the last id seen of each topic.
 */
export class Live {
  /**
   * @param {(frame: {topic?: string, id?: string, type: string, data: any}) => void} onFrame
   * @param {(state: "connecting" | "live" | "waiting" | "refused") => void} onState
   */
  constructor(onFrame, onState) {
    this.onFrame = onFrame;
    this.onState = onState;
    this.topics = new Map(); // topic → last id seen, or null
    this.pending = { subscribe: new Set(), unsubscribe: new Set() };
    this.failures = 0;
    this.connections = 0;
    this.connect();
  }

  /** follow subscribes a topic, from after an id if one is given. */
  follow(topic, since = null) {
    if (this.topics.has(topic)) return;
    this.topics.set(topic, since);
    this.pending.unsubscribe.delete(topic);
    this.pending.subscribe.add(topic);
    this.flushSoon();
  }

  unfollow(topic) {
    if (!this.topics.delete(topic)) return;
    if (!this.pending.subscribe.delete(topic)) this.pending.unsubscribe.add(topic);
    this.flushSoon();
  }

  connect() {
    this.onState("connecting");
    const url = new URL("/v1/live", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.connections++;
      this.pending = { subscribe: new Set(this.topics.keys()), unsubscribe: new Set() };
      this.flush();
      this.onState("live");
    };
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = (event) => this.closed(event.code);
  }

  closed(code) {
    if (code >= 4500 && code <= 4999) {
      this.onState("refused"); // coming back would end alike
      return;
    }
    this.onState("waiting");
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
    setTimeout(() => this.connect(), most * (0.5 + Math.random() / 2));
  }

  receive(frame) {
    this.failures = 0; // it does not only open, it works
    if (frame.id !== undefined && this.topics.has(frame.topic)) this.topics.set(frame.topic, frame.id);
    if (frame.type === "error" && frame.data.code === "unavailable") this.retry(frame.topic);
    this.onFrame(frame);
  }

  retry(topic) {
    setTimeout(() => {
      if (!this.topics.has(topic)) return;
      this.pending.subscribe.add(topic);
      this.flush();
    }, RETRY_TOPIC_MS * (0.5 + Math.random()));
  }

  // What is followed and left in one turn of the event loop goes in one message.
  flushSoon() {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.flush();
    });
  }

  flush() {
    if (this.socket.readyState !== WebSocket.OPEN) return; // onopen subscribes all
    const subscribe = [...this.pending.subscribe];
    const unsubscribe = [...this.pending.unsubscribe];
    this.pending = { subscribe: new Set(), unsubscribe: new Set() };
    while (subscribe.length + unsubscribe.length > 0) {
      const message = {};
      const leave = unsubscribe.splice(0, TOPICS_PER_MESSAGE);
      if (leave.length > 0) message.unsubscribe = leave;
      const join = subscribe.splice(0, TOPICS_PER_MESSAGE);
      if (join.length > 0) {
        message.subscribe = join;
        const since = join.filter((t) => this.topics.get(t) !== null).map((t) => [t, this.topics.get(t)]);
        if (since.length > 0) message.since = Object.fromEntries(since);
      }
      this.socket.send(JSON.stringify(message));
    }
  }
}
