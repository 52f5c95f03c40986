// A connection may follow 500 topics; stores and orders need a few of them.
const MOST_ZONES = 250;
const SETTLE_MS = 150;

/** ZonesInView follows the zones that the map shows, or all if they are few. */
export class ZonesInView {
  /** known are those with an area: id → {bounds}. */
  constructor(map, live, known) {
    this.map = map;
    this.live = live;
    this.known = known;
    this.outside = []; // those in use without one
    this.followed = new Set();
    map.on("moveend", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.update(), SETTLE_MS);
    });
  }

  wanted() {
    const all = [...this.known.keys(), ...this.outside];
    if (all.length <= MOST_ZONES) return new Set(all);
    const view = this.map.getBounds().pad(0.2);
    const inView = [...this.known].filter(([, zone]) => view.intersects(zone.bounds)).map(([id]) => id);
    return new Set([...inView, ...this.outside].slice(0, MOST_ZONES));
  }

  update() {
    const wanted = this.wanted();
    for (const id of this.followed) if (!wanted.has(id)) this.live.unfollow(`zone:${id}`);
    for (const id of wanted) if (!this.followed.has(id)) this.live.follow(`zone:${id}`);
    this.followed = wanted;
  }
}
