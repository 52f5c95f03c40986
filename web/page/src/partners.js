import L from "leaflet";
import { serverNow } from "./api.js";
import { freshness, placeOf } from "./fleet.js";
import { colour, onThemeChange } from "./theme.js";

const FRAME_MS = 1000 / 30;
const MARGIN_PX = 20;
// From this zoom on, a partner has a tip that shows where it is heading.
const HEADING_ZOOM = 14;
// How far the tip is from the dot's centre, in radii.
const TIP = 1.9;

/**
 * PartnersLayer draws all partners on a canvas, as many times a second as eyes
 * need, and those singled out on another above the stores. Dots are stamped from small pictures, one for each freshness and
 * size, so that a thousand of them cost little.
 */
export const PartnersLayer = L.Layer.extend({
  initialize(fleet) {
    this.fleet = fleet;
    this.ringed = new Map(); // driver → label
    this.chosen = null; // the followed order's partner
    this.drawn = 0;
  },

  onAdd(map) {
    this.canvases = ["partners", "highlights"].map((pane) => L.DomUtil.create("canvas", "partners leaflet-zoom-hide", map.getPane(pane)));
    [this.below, this.above] = this.canvases.map((canvas) => canvas.getContext("2d"));
    this.stamp = stamps();
    onThemeChange(() => (this.stamp = stamps()));
    map.on("resize", this.resize, this);
    this.resize();
    let last = 0;
    const frame = (now) => {
      this.request = requestAnimationFrame(frame);
      if (now - last < FRAME_MS) return;
      last = now;
      this.draw(now);
    };
    this.request = requestAnimationFrame(frame);
  },

  onRemove(map) {
    cancelAnimationFrame(this.request);
    map.off("resize", this.resize, this);
    for (const canvas of this.canvases) canvas.remove();
  },

  resize() {
    const { x, y } = this._map.getSize();
    this.ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of this.canvases) {
      canvas.width = x * this.ratio;
      canvas.height = y * this.ratio;
      canvas.style.width = `${x}px`;
      canvas.style.height = `${y}px`;
    }
  },

  draw(now) {
    const map = this._map;
    const size = map.getSize();
    for (const context of [this.below, this.above]) {
      // The pane moves with the map while it is dragged; the canvas does not.
      L.DomUtil.setPosition(context.canvas, map.containerPointToLayerPoint([0, 0]));
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      context.clearRect(0, 0, size.x, size.y);
    }
    const clock = serverNow();
    const close = map.getZoom() >= HEADING_ZOOM;
    const radius = close ? 6 : map.getZoom() >= 12.5 ? 4.5 : 3.5;
    const front = [];
    this.drawn = 0;
    for (const p of this.fleet.partners.values()) {
      const at = map.latLngToContainerPoint(toLatLng(placeOf(p, now)));
      if (at.x < -MARGIN_PX || at.y < -MARGIN_PX || at.x > size.x + MARGIN_PX || at.y > size.y + MARGIN_PX) continue;
      this.drawn++;
      if (p.driver_id === this.chosen || this.ringed.has(p.driver_id)) {
        front.push([p, at]);
        continue;
      }
      this.dot(p, at, radius, clock, close);
    }
    // The first in the list, and the order's partner, above the others.
    front.sort(([a], [b]) => this.rank(b) - this.rank(a));
    for (const [p, at] of front) this.highlight(p, at, now, close);
  },

  rank(p) {
    return p.driver_id === this.chosen ? 0 : Number(this.ringed.get(p.driver_id));
  },

  dot(p, at, radius, clock, close) {
    const shade = freshness(p, clock);
    if (close && p.bearing_deg !== undefined) {
      drop(this.below, at, radius, p.bearing_deg, colour(SHADES[shade]), 1.5);
      return;
    }
    const picture = this.stamp(shade, radius, this.ratio);
    const width = picture.width / this.ratio;
    this.below.drawImage(picture, at.x - width / 2, at.y - width / 2, width, width);
  },

  highlight(p, at, now, close) {
    const c = this.above;
    const chosen = p.driver_id === this.chosen;
    const shade = colour(chosen ? "--order" : "--near");
    if (chosen) {
      const wave = (now % 1800) / 1800;
      c.beginPath();
      c.arc(at.x, at.y, 9 + 16 * wave, 0, 2 * Math.PI);
      c.globalAlpha = 0.45 * (1 - wave);
      c.fillStyle = shade;
      c.fill();
      c.globalAlpha = 1;
    }
    const radius = chosen || close ? 10 : 8;
    drop(c, at, radius, close ? p.bearing_deg : undefined, shade, 2);
    c.fillStyle = "#fff";
    c.font = `600 ${radius + 1}px 'Inter Variable', system-ui, sans-serif`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(chosen ? "★" : this.ringed.get(p.driver_id), at.x, at.y + 0.5);
  },
});

const SHADES = ["--fresh", "--ageing", "--old"];

/** stamps returns a function that gives the picture of a dot, drawn once. */
function stamps() {
  const made = new Map();
  return (shade, radius, ratio) => {
    const key = `${shade} ${radius} ${ratio}`;
    if (!made.has(key)) made.set(key, stamp(colour(SHADES[shade]), radius, ratio));
    return made.get(key);
  };
}

function stamp(fill, radius, ratio) {
  const picture = document.createElement("canvas");
  const half = radius + 3;
  picture.width = picture.height = Math.ceil(2 * half * ratio);
  const c = picture.getContext("2d");
  c.scale(ratio, ratio);
  c.beginPath();
  c.arc(half, half, radius, 0, 2 * Math.PI);
  c.fillStyle = fill;
  c.shadowColor = "rgba(0, 0, 0, 0.35)";
  c.shadowBlur = 2 * ratio;
  c.fill();
  c.shadowBlur = 0;
  c.lineWidth = 1.5;
  c.strokeStyle = colour("--halo");
  c.stroke();
  return picture;
}

/** drop draws a dot with a tip towards a bearing; without one it is round. */
function drop(c, at, radius, bearing, shade, halo) {
  c.beginPath();
  if (bearing === undefined) {
    c.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  } else {
    const turn = ((bearing - 90) * Math.PI) / 180;
    const tip = radius * TIP;
    const tangent = Math.acos(1 / TIP);
    c.moveTo(at.x + tip * Math.cos(turn), at.y + tip * Math.sin(turn));
    c.arc(at.x, at.y, radius, turn + tangent, turn - tangent);
    c.closePath();
  }
  c.lineJoin = "round";
  c.lineWidth = 2 * halo; // the inner half is painted over
  c.strokeStyle = colour("--halo");
  c.stroke();
  c.fillStyle = shade;
  c.fill();
}

export function toLatLng(place) {
  return L.latLng(place.lat, place.lon);
}
