// Lists: tables on a wide screen, cards on a narrow one, read from the API as they are looked at.

import { Problem } from "./api.js";
import { element, newId } from "./element.js";
import { keepFocus } from "./heading.js";

const ROWS = 25;

/**
 * @template Thing
 * @typedef {object} Column
 * @property {string} label
 * @property {(thing: Thing) => import("./element.js").Child} cell
 * @property {string} [kind]
 */

/**
 * A button of a row.
 * @param {string} verb
 * @param {string} what Which row, to somebody who sees the button alone.
 * @param {() => void} click
 * @param {string} [kind]
 */
export function rowButton(verb, what, click, kind = "") {
  return element("button", { type: "button", class: `small ${kind}`, "aria-label": `${verb} ${what}`, click }, verb);
}

/**
 * A list.
 * @template Thing
 * @param {object} parts
 * @param {string} parts.caption
 * @param {Column<Thing>[]} parts.columns
 * @param {() => AsyncGenerator<Thing>} parts.read
 * @param {() => HTMLElement} parts.empty What stands there when there is nothing.
 */
export function list({ caption, columns, read, empty }) {
  const rows = element("tbody", { role: "rowgroup" });
  const count = element("p", { class: "count", role: "status" });
  const more = element("button", { type: "button", hidden: true, click: showMore }, "Show more");
  const captionId = newId("caption");
  const table = element(
    "div",
    { class: "scroller" },
    element(
      "table",
      { role: "table", "aria-labelledby": captionId },
      element("caption", { id: captionId, class: "unseen" }, caption),
      element(
        "thead",
        { role: "rowgroup" },
        element("tr", { role: "row" }, ...columns.map((column) => heading(column))),
      ),
      rows,
    ),
  );
  const instead = element("div");
  const made = element("div", { class: "list" }, table, instead, element("div", { class: "list-foot" }, count, more));

  /** @type {AsyncGenerator<Thing>} */
  let source;
  /** @type {Thing[]} */
  let ahead = [];
  let shown = 0;

  async function reload() {
    source = read();
    ahead = [];
    shown = 0;
    instead.replaceChildren();
    count.textContent = "";
    more.hidden = true;
    table.hidden = false;
    if (rows.childElementCount === 0) rows.replaceChildren(...[1, 2, 3].map(() => waitingRow(columns)));
    await showMore();
  }

  async function showMore() {
    if (more.classList.contains("busy") && shown > 0) return;
    const mine = source;
    made.setAttribute("aria-busy", "true");
    more.classList.add("busy");
    try {
      // One more than is shown tells whether there are more.
      while (ahead.length <= ROWS) {
        const { done, value } = await mine.next();
        if (mine !== source) return;
        if (done) break;
        ahead.push(value);
      }
      const next = ahead.splice(0, ROWS).map((thing) => row(columns, thing));
      if (shown === 0) rows.replaceChildren(...next);
      else rows.append(...next);
      shown += next.length;
      more.hidden = ahead.length === 0;
      table.hidden = shown === 0;
      count.textContent = shown === 0 ? "" : `${shown} shown${more.hidden ? "" : ", there are more"}`;
      if (shown === 0) instead.replaceChildren(empty());
      else if (next.length < shown) focusOn(next[0]);
      keepFocus();
    } catch (problem) {
      if (mine !== source) return;
      if (!(problem instanceof Problem)) throw problem;
      if (shown === 0) rows.replaceChildren();
      table.hidden = shown === 0;
      // What failed can't be read on, only anew.
      more.hidden = true;
      instead.replaceChildren(failed(problem, reload));
      keepFocus();
    } finally {
      if (mine === source) {
        made.setAttribute("aria-busy", "false");
        more.classList.remove("busy");
      }
    }
  }
  return { element: made, reload };
}

/** @param {HTMLElement | undefined} row */
function focusOn(row) {
  row?.setAttribute("tabindex", "-1");
  row?.focus();
}

/** @param {Column<any>} column */
function heading({ label, kind = "" }) {
  const text = kind === "actions" ? element("span", { class: "unseen" }, label) : label;
  return element("th", { role: "columnheader", scope: "col", class: kind }, text);
}

/**
 * @template Thing
 * @param {Column<Thing>[]} columns
 * @param {Thing} thing
 */
function row(columns, thing) {
  const cells = columns.map(({ label, cell, kind = "" }) =>
    element(
      "td",
      { role: "cell", class: kind },
      // Beside each value on a card, where there is no head. Screen readers hear the head.
      element("span", { class: "cell-label", "aria-hidden": "true" }, label),
      element("div", { class: "cell-value" }, cell(thing)),
    ),
  );
  return element("tr", { role: "row" }, ...cells);
}

/** @param {Column<any>[]} columns */
function waitingRow(columns) {
  const cells = columns.map(({ kind = "" }) => element("td", { role: "cell", class: kind }, element("span", { class: "waiting" })));
  return element("tr", { role: "row", "aria-hidden": "true" }, ...cells);
}

/**
 * @param {Problem} problem
 * @param {() => void} again
 */
function failed(problem, again) {
  return element(
    "div",
    { class: "problem", role: "alert" },
    element("p", {}, problem.message),
    element("button", { type: "button", click: again }, "Try again"),
  );
}
