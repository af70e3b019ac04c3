// One film, in a dialog over the list: what the catalogue knows, and what people say.
import { element, get, note, stars } from "./dom.js";
import { poster } from "./posters.js";

const REVIEWS = 5;
const dialog = document.getElementById("film");
let asked = 0;
let under = "";

// The address tells which film is open, so the browser's own Back closes it too.
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#/films/")) history.pushState(null, "", location.pathname + location.search + under);
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

/** Closes what is open. */
export function hide() {
  if (dialog.open) dialog.close();
}

/** Opens the film with this id over the list that has the address `behind`. */
export async function show(id, behind) {
  under = behind;
  const mine = (asked += 1);
  fill(element("p", { className: "quiet", role: "status" }, "Reading what is known of this film…"), "Film");
  if (!dialog.open) dialog.showModal();
  try {
    const [movie, rating, reviews] = await Promise.all([
      get(`/movies/${id}`),
      get(`/movies/${id}/rating`).catch(() => null),
      get(`/movies/${id}/reviews?limit=${REVIEWS}`).catch((error) => error),
    ]);
    if (mine === asked) fill(body(movie, rating, reviews), movie.title);
  } catch (error) {
    if (mine !== asked) return;
    const place = element("div", { className: "note" });
    note(place, error.status === 404 ? "There is no such film in the catalogue." : error.message, error.status === 404 ? null : () => show(id, behind));
    fill(place, "Film");
  }
}

function fill(content, heading) {
  dialog.replaceChildren(
    element("header", {},
      element("h2", { id: "film-title" }, heading),
      element("button", { type: "button", className: "close", onclick: () => dialog.close(), "aria-label": "Close" }, "×")),
    content);
}

function body(movie, rating, reviews) {
  const director = movie.director_id
    ? element("a", { href: `#/directors/${movie.director_id}` }, movie.director)
    : movie.director;
  return element("div", { className: "about" },
    poster(movie),
    element("div", {},
      element("p", {}, "Directed by ", director),
      element("p", { className: "quiet" }, [movie.year, length(movie.runtime_minutes)].filter(Boolean).join(" · ")),
      element("p", {}, rating ? stars(rating) : element("span", { className: "quiet" }, "The rating cannot be read now.")),
      element("h3", {}, "What people say"),
      opinions(reviews)));
}

function opinions(reviews) {
  if (reviews instanceof Error) return element("p", { className: "quiet" }, `The reviews cannot be read now. ${reviews.message}`);
  if (!reviews.items.length) return element("p", { className: "quiet" }, "Nobody has said anything yet.");
  return element("ul", { className: "reviews" }, reviews.items.map((review) =>
    element("li", {},
      element("p", { className: "quiet" },
        element("span", { className: "given", role: "img", "aria-label": `${review.stars} of 5 stars` }, "★".repeat(review.stars) + "☆".repeat(5 - review.stars)),
        " ", element("time", { dateTime: review.created_at }, new Date(review.created_at).toLocaleDateString())),
      review.text ? element("p", { className: "words" }, review.text) : null)));
}

function length(minutes) {
  if (!minutes) return "";
  const hours = Math.floor(minutes / 60);
  return [hours ? `${hours} h` : "", minutes % 60 ? `${minutes % 60} min` : ""].filter(Boolean).join(" ");
}
