// The review queue by keyboard. Without this file every form works as a plain form.
"use strict";

(() => {
  document.documentElement.classList.add("scripted");
  const cards = () => Array.from(document.querySelectorAll("[data-card]"));
  const current = () => document.activeElement && document.activeElement.closest("[data-card]");
  const say = (text) => {
    const line = document.createElement("p");
    line.className = "notice";
    line.textContent = text;
    document.getElementById("said").replaceChildren(line);
  };

  const move = (by) => {
    const all = cards();
    if (!all.length) return;
    const at = all.indexOf(current());
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const within = (selector, act) => {
    const found = (current() || cards()[0] || document).querySelector(selector);
    if (found) act(found);
  };

  // Of a card's editors one is open, and its field has the focus.
  const enter = (details) => {
    const field = details.querySelector("[data-field]");
    if (!details.open || !field) return;
    details.closest("[data-card]").querySelectorAll("details.act[open]").forEach((other) => {
      if (other !== details) other.open = false;
    });
    field.focus();
    field.select();
  };
  const reveal = (summary) => {
    summary.parentElement.open = true;
    enter(summary.parentElement);
  };
  document.addEventListener("click", (event) => {
    const summary = event.target.closest("[data-edit], [data-reject]");
    if (summary) setTimeout(() => enter(summary.parentElement));
  });

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    a: () => within("[data-approve]", (button) => button.click()),
    e: () => within("[data-edit]", reveal),
    r: () => within("[data-reject]", reveal),
    u: () => within("[data-undo]", (button) => button.click()),
    x: () => within("input[name=pick]", (box) => box.click()),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape") {
      const card = current(), open = event.target.closest("details.act[open]");
      if (open) open.open = false;
      if (card) card.focus();
      return;
    }
    if (typing || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // A decided card takes the place of the one that was there, and so does the focus.
  let at = -1;
  document.addEventListener("htmx:beforeSwap", (event) => {
    at = event.detail.target.matches("[data-card]") ? cards().indexOf(event.detail.target) : -1;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const card = cards()[at];
    at = -1;
    if (!card) return;
    count();
    card.focus();
    const fault = card.querySelector("[role=alert]");
    const state = card.querySelector(".state");
    say(fault ? fault.textContent : `This title is ${state.textContent.trim()}.`);
  });
  document.addEventListener("htmx:responseError", (event) => {
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    const told = page.querySelector("[role=alert]");
    say(told ? told.textContent : "That did not work. Open the page again.");
  });
  document.addEventListener("htmx:sendError", () => say("The service cannot be reached. Nothing was changed."));

  // What is decided for many shows once one is chosen.
  const boxes = () => Array.from(document.querySelectorAll("input[name=pick]"));
  const bulk = document.getElementById("bulk");
  const count = () => {
    if (!bulk) return;
    const chosen = boxes().filter((box) => box.checked).length;
    bulk.hidden = chosen === 0;
    const told = bulk.querySelector("[data-chosen]");
    told.hidden = false;
    told.textContent = `${chosen} chosen`;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[name=pick]")) count();
  });
  const choose = document.querySelector("[data-choose]");
  if (choose) {
    choose.hidden = false;
    choose.addEventListener("click", () => {
      const all = boxes().every((box) => box.checked);
      boxes().forEach((box) => { box.checked = !all; });
      count();
    });
  }
  count();
})();
