// The list of films, and what connects the parts of the page.
import { follow } from "./chart.js";
import { element, get, note, stars } from "./dom.js";
import * as film from "./film.js";
import { poster } from "./posters.js";

const PAGE = 24;
const TYPING = 250; // milliseconds without a key, and the search begins

const list = document.getElementById("films");
const heading = document.getElementById("films-title");
const remark = document.getElementById("films-note");
const count = document.getElementById("count");
const more = document.getElementById("more");
const field = document.getElementById("title");

let chart = { ratings: new Map(), whole: false };
let wanted = { title: "", director: null };
let following = null; // the cursor of the page that comes next
let behind = ""; // the address of the list that a film is opened over
let running = new AbortController();

async function load({ from = null } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  waiting(from);
  try {
    const found = await get(`/movies?${query(from)}`, { signal });
    show(found, from);
  } catch (error) {
    if (error.name === "AbortError") return;
    [...list.querySelectorAll(".waiting")].forEach((card) => card.remove());
    list.setAttribute("aria-busy", "false");
    count.textContent = "";
    note(remark, error.message, () => load({ from }));
  }
}

function query(from) {
  const asked = new URLSearchParams({ limit: PAGE });
  if (wanted.title) asked.set("title", wanted.title);
  if (wanted.director) asked.set("director", wanted.director);
  if (from) asked.set("cursor", from);
  return asked;
}

function waiting(from) {
  remark.hidden = true;
  more.hidden = true;
  list.setAttribute("aria-busy", "true");
  const blanks = Array.from({ length: from ? 6 : 12 }, () =>
    element("li", { className: "waiting", "aria-hidden": "true" }, element("div", { className: "poster" })));
  if (from) list.append(...blanks);
  else list.replaceChildren(...blanks);
}

function show(found, from) {
  [...list.querySelectorAll(".waiting")].forEach((card) => card.remove());
  const cards = found.items.map(card);
  list.append(...cards);
  list.setAttribute("aria-busy", "false");
  following = found.next;
  more.hidden = !following;
  if (from) cards[0]?.querySelector("a").focus();
  const shown = list.children.length;
  count.textContent = shown ? `${shown} ${shown === 1 ? "film" : "films"}${following ? ", and more" : ""}` : "";
  if (!shown) note(remark, wanted.title ? `No film has “${wanted.title}” in its title.` : "There are no films here yet.");
}

function card(movie) {
  const rating = element("p", { className: "rating" });
  const made = element("li", { className: "card" },
    poster(movie),
    element("h3", {}, element("a", { href: `#/films/${movie.id}` }, movie.title)),
    element("p", { className: "quiet" }, `${movie.year} · ${movie.director}`),
    rating);
  made.dataset.movie = movie.id;
  rate(made);
  return made;
}

// The chart holds the rating of every reviewed film, until there are more of them than it has places.
function rate(card) {
  const id = Number(card.dataset.movie);
  const place = card.querySelector(".rating");
  const known = chart.ratings.get(id);
  if (known || chart.whole) place.replaceChildren(stars(known));
  else if (chart.ratings.size) seen.observe(card);
}

const seen = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
    seen.unobserve(target);
    get(`/movies/${target.dataset.movie}/rating`)
      .then((rating) => target.querySelector(".rating").replaceChildren(stars(rating)))
      .catch(() => {}); // a card without its rating is still a card
  }
});

function open() {
  if (location.hash && !location.hash.startsWith("#/")) return; // a place within the page
  const [, kind, id] = location.hash.match(/^#\/(films|directors)\/(\d{1,15})$/) || [];
  if (kind === "films") {
    film.show(id, behind);
    return;
  }
  behind = location.hash;
  film.hide();
  const director = kind === "directors" ? id : null;
  if (director === wanted.director && list.children.length) return;
  wanted = { title: "", director };
  field.value = "";
  heading.textContent = "Films";
  load();
  if (director) name(director);
}

async function name(director) {
  const known = await get(`/directors/${director}`).catch(() => ({ name: "this director" }));
  heading.replaceChildren(`Films by ${known.name} `, element("a", { className: "all", href: "#/" }, "All films"));
  heading.focus();
}

async function tellWhere() {
  const known = await get("/environment.json").catch(() => ({}));
  for (const place of document.querySelectorAll("#environment [data-of]")) {
    place.textContent = known[place.dataset.of] || "unknown";
  }
  if (known.environment) document.title = `Films · ${known.environment}`;
}

let typing;
field.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, TYPING);
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  search();
});
function search() {
  const title = field.value.trim();
  if (title === wanted.title) return;
  wanted = { ...wanted, title };
  load();
}

more.addEventListener("click", () => load({ from: following }));
addEventListener("popstate", open);
tellWhere();
follow((now) => {
  chart = now;
  list.querySelectorAll(".card").forEach(rate);
});
open();
if (!list.children.length) load(); // a film was opened by its address: the list behind it
