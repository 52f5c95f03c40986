// The colours of what is drawn on a canvas; style.css has them as custom
// properties, for light and dark.

const dark = matchMedia("(prefers-color-scheme: dark)");
const known = new Map();
dark.addEventListener("change", () => known.clear());

/** colour returns a custom property of the style sheet, such as "--road". */
export function colour(name) {
  if (!known.has(name)) known.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return known.get(name);
}

export function onThemeChange(fn) {
  dark.addEventListener("change", fn);
}
