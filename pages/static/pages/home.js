"use strict";

/* A control that moves changes the list at once. Without this script its form has a button. */

const PAUSE_MS = 120; // Between the places that a slider passes on its way.
const FOLLOWING = ["recommended", "opinions"]; // What the controls change, by id.

const controls = document.getElementById("controls");
let waiting, asking;

/* Whether a control stands where it changes nothing: a slider in its middle, a choice of all. */
function idle(control, value) {
  return value === (control.type === "range" ? "0" : "");
}

/* The address of the list as the controls have it, those that are not set left out. */
function address() {
  const set = [...new FormData(controls)].filter(([of, value]) => !idle(controls.elements[of], value));
  const query = new URLSearchParams(set).toString();
  return controls.action + (query && `?${query}`);
}

/* The slider's place in words, for screen readers. */
function name(slider) {
  const place = [...slider.list.options].find((each) => Number(each.value) === Number(slider.value));
  slider.setAttribute("aria-valuetext", place.label);
}

/* Ask for the list and put it in place of the one that is shown; the controls keep the focus. */
async function show() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const wanted = address();
  const list = document.getElementById("recommended");
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(wanted, { signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = FOLLOWING.map((id) => page.getElementById(id));
    if (signal.aborted) return;
    // Not the page that was asked for: the session has ended, say. It is for the browser to show.
    if (!answer.ok || parts.includes(null)) return location.assign(wanted);
    for (const part of parts) document.getElementById(part.id).replaceWith(part);
    history.replaceState(null, "", wanted);
    const first = document.querySelector("#recommended strong");
    document.getElementById("changed").textContent = first ? `First now: ${first.textContent}` : "No song";
  } catch (error) {
    if (error.name !== "AbortError") location.assign(wanted);
  }
}

if (controls) {
  controls.classList.add("at-once");
  controls.addEventListener("input", ({ target }) => {
    if (target.type === "range") name(target);
    clearTimeout(waiting);
    waiting = setTimeout(show, PAUSE_MS);
  });
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
}
