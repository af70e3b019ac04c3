// The chart of the best rated films: asked again and again while somebody looks, and moved, not redrawn.
import { element, get, note } from "./dom.js";

const SHOWN = 10;
const ASKED = 100; // as many as the chart holds, since it tells the ratings of the cards too
const EVERY = 10_000; // milliseconds

const list = document.getElementById("chart");
const remark = document.getElementById("chart-note");
const computed = document.getElementById("computed");
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Follows the chart for as long as the page is open; calls `heard` with each state of it. */
export function follow(heard) {
  let timer;
  const ask = async () => {
    clearTimeout(timer);
    try {
      const chart = await get(`/charts/top?limit=${ASKED}`);
      show(chart);
      heard({ ratings: new Map(chart.items.map((row) => [row.movie_id, row])), whole: chart.items.length < ASKED });
    } catch (error) {
      list.setAttribute("aria-busy", "false");
      note(remark, `${error.message} The chart is asked for again in a few seconds.`);
    }
    if (!document.hidden) timer = setTimeout(ask, EVERY);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
  ask();
}

function show(chart) {
  const before = new Map([...list.children].map((row) => [row.dataset.movie, row.getBoundingClientRect()]));
  const rows = chart.items.slice(0, SHOWN).map(entry);
  list.replaceChildren(...rows);
  list.setAttribute("aria-busy", "false");
  if (!still.matches) rows.forEach((row) => move(row, before.get(row.dataset.movie)));
  computed.replaceChildren(...(chart.computed_at ? [", as of ", moment(chart.computed_at)] : []));
  if (rows.length) remark.hidden = true;
  else note(remark, "Nobody has reviewed a film yet. The first review puts its film here within a minute.");
}

function entry(row) {
  const bar = element("span", { className: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", row.average / 5);
  const made = element("li", {},
    element("a", { href: `#/films/${row.movie_id}` }, row.title),
    element("span", { className: "score" },
      element("span", { "aria-hidden": "true" }, `★ ${row.average.toFixed(1)}`),
      element("span", { className: "unseen" }, `Rated ${row.average.toFixed(1)} of 5`)),
    bar);
  made.dataset.movie = row.movie_id;
  return made;
}

function move(row, from) {
  const to = row.getBoundingClientRect();
  const [x, y] = from ? [from.left - to.left, from.top - to.top] : [0, 12];
  if (!x && !y) return;
  row.animate([{ transform: `translate(${x}px, ${y}px)`, opacity: from ? 1 : 0 }, { transform: "none", opacity: 1 }],
    { duration: 350, easing: "ease-out" });
}

function moment(text) {
  const time = new Date(text);
  return element("time", { dateTime: text }, time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
}
