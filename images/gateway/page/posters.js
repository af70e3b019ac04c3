// A poster for a film: the picture that somebody uploaded, else one drawn from its title and year, always the same.
import { element } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 360;

// ground, two shapes, ink: cut paper, as posters were printed before photographs
const PALETTES = [
  ["#f2e6cf", "#d1482b", "#1f4e5f", "#1d2b33"],
  ["#16324a", "#f2a541", "#e8604c", "#fbf3e4"],
  ["#e9ded0", "#2a6f6b", "#e0a526", "#20302f"],
  ["#33203f", "#e2725b", "#f3c969", "#fdf1e3"],
  ["#dfe7e4", "#c8553d", "#2d3a5a", "#1b2436"],
  ["#0f3b3a", "#e9c46a", "#d9805f", "#f6f1e4"],
  ["#f4d9b8", "#7a2e3b", "#2f5d62", "#2c1a1d"],
  ["#22252b", "#c94f3d", "#d9cfc1", "#f7f2ea"],
];

const SCENES = [sun, arcs, stripes, circles, stairs, eye, hills];

/** Returns the poster of a movie as the catalogue describes it. */
export function poster(movie) {
  const frame = element("div", { className: "poster" }, drawn(movie));
  if (movie.poster) {
    const picture = element("img", {
      src: movie.poster, alt: `Poster of ${movie.title}`, width: WIDTH, height: HEIGHT, loading: "lazy", decoding: "async",
    });
    picture.addEventListener("load", () => frame.replaceChildren(picture));
    picture.addEventListener("error", () => picture.remove());
    frame.append(picture);
  }
  return frame;
}

function drawn(movie) {
  const random = randomOf(`${movie.title} ${movie.year}`);
  const [ground, first, second, ink] = PALETTES[Math.floor(random() * PALETTES.length)];
  const scene = SCENES[Math.floor(random() * SCENES.length)];
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", focusable: "false" },
    shape("rect", { width: WIDTH, height: HEIGHT, fill: ground }),
    scene({ random, ground, first, second, ink }),
    shape("rect", { y: 248, width: WIDTH, height: HEIGHT - 248, fill: ground }),
    title(movie, ink));
}

function title(movie, ink) {
  const lines = wrapped(movie.title.toUpperCase(), 12).slice(0, 4);
  const longest = Math.max(...lines.map((line) => line.length));
  const size = Math.min(28, Math.floor(200 / (longest * 0.78)));
  const top = 342 - lines.length * size * 1.08;
  const write = (x, y, text, more) => shape("text", { x, y, fill: ink, ...more }, text);
  return [
    ...lines.map((line, index) => write(20, top + index * size * 1.08, line, { "font-size": size, class: "lettering" })),
    write(20, 345, String(movie.year), { "font-size": 14, class: "lettering year" }),
  ];
}

function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines.map((line) => (line.length > 20 ? `${line.slice(0, 19)}…` : line));
}

function sun({ random, first, second }) {
  const x = 70 + random() * 100;
  const waves = [0, 1, 2, 3].map((row) => {
    const y = 165 + row * 22;
    return shape("path", {
      d: `M0 ${y} q30 ${-14 - row * 2} 60 0 t60 0 t60 0 t60 0 V${y + 14} q-30 -14 -60 0 t-60 0 t-60 0 t-60 0 z`,
      fill: second, opacity: 1 - row * 0.2,
    });
  });
  return [shape("circle", { cx: x, cy: 105, r: 58, fill: first }), ...waves];
}

function arcs({ random, first, second }) {
  const x = random() < 0.5 ? 0 : WIDTH;
  return [190, 152, 114, 76, 38].map((r, index) =>
    shape("circle", { cx: x, cy: 60, r, fill: "none", stroke: index % 2 ? first : second, "stroke-width": 20 }));
}

function stripes({ random, first, second }) {
  const turn = random() < 0.5 ? 32 : -32;
  return shape("g", { transform: `rotate(${turn} 120 120)` },
    [0, 1, 2, 3, 4, 5, 6].map((index) =>
      shape("rect", { x: -60 + index * 52, y: -80, width: 14 + random() * 26, height: 310, fill: index % 3 ? first : second })));
}

function circles({ random, first, second, ink }) {
  const y = 95 + random() * 40;
  return [
    shape("circle", { cx: 88, cy: y, r: 66, fill: first }),
    shape("circle", { cx: 152, cy: y, r: 66, fill: second, opacity: 0.88 }),
    shape("path", { d: `M120 ${y - 58} a66 66 0 0 1 0 116 a66 66 0 0 1 0 -116 z`, fill: ink, opacity: 0.85 }),
  ];
}

function stairs({ random, first, second }) {
  const up = random() < 0.5;
  const steps = [0, 1, 2, 3, 4].map((index) => {
    const place = up ? index : 4 - index;
    return shape("rect", { x: index * 48, y: 200 - place * 36, width: 48, height: 40 + place * 36 - 8, fill: index % 2 ? second : first });
  });
  return [...steps, shape("circle", { cx: up ? 60 : 180, cy: 62, r: 24, fill: second })];
}

function eye({ random, first, second, ink }) {
  const look = (random() - 0.5) * 40;
  return [
    shape("path", { d: "M14 125 Q120 20 226 125 Q120 230 14 125 z", fill: second }),
    shape("circle", { cx: 120 + look, cy: 125, r: 44, fill: first }),
    shape("circle", { cx: 120 + look, cy: 125, r: 19, fill: ink }),
    shape("circle", { cx: 132 + look, cy: 113, r: 6, fill: second }),
  ];
}

function hills({ random, first, second, ink }) {
  const peak = 60 + random() * 120;
  return [
    shape("circle", { cx: WIDTH - peak, cy: 60, r: 22, fill: second }),
    shape("path", { d: `M0 225 L${peak} 70 L${WIDTH} 225 z`, fill: first }),
    shape("path", { d: `M0 225 L${WIDTH - peak} 125 L${WIDTH} 225 z`, fill: second, opacity: 0.9 }),
    shape("path", { d: `M${peak} 70 l-18 28 l12 -6 l8 10 l10 -12 l10 8 z`, fill: ink, opacity: 0.85 }),
  ];
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat(Infinity));
  return made;
}

/** Numbers from 0 to 1 that follow from a text (FNV-1a, then Mulberry32). */
function randomOf(text) {
  let state = 0x811c9dc5;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
