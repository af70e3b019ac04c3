// The two things that every part of the page does: make elements, and ask the services.

/** Returns an element; members of `given` are its properties, names with a hyphen its attributes. */
export function element(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

/** Returns the JSON at `path`. Raises an Error whose message is a sentence for people. */
export async function get(path, { signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, { headers: { Accept: "application/json" }, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The services cannot be reached. Is this machine online?");
  }
  if (answer.ok) return answer.json();
  if (answer.status === 429) throw new Error("Too many requests at once. Wait a few seconds.");
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(sentence(problem.detail || problem.title || `The answer was ${answer.status}.`)), { status: answer.status });
}

function sentence(text) {
  const begun = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Fills a note with a sentence and, where something can be done about it, a button that does it. */
export function note(place, text, again) {
  place.replaceChildren(text);
  if (again) place.append(" ", element("button", { type: "button", onclick: again }, "Try again"));
  place.hidden = false;
}

/** A rating as people read it: "★ 4.5" and, for who listens, whose opinion it is. */
export function stars(rating) {
  if (!rating || !rating.count) return element("span", { className: "stars none" }, "No reviews yet");
  const average = rating.average.toFixed(1);
  const people = rating.count === 1 ? "1 review" : `${rating.count} reviews`;
  return element("span", { className: "stars" },
    element("span", { "aria-hidden": "true" }, `★ ${average}`),
    element("span", { className: "unseen" }, `Rated ${average} of 5, `),
    element("span", { className: "people" }, people));
}
