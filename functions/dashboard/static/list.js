// Lists: tables on wide screens, cards on narrow ones. Items are read from the API as the user pages through them.

import { ApiError } from "./api.js";
import { element, uniqueId } from "./element.js";
import { restoreFocus } from "./heading.js";

const PAGE_SIZE = 25;
const PLACEHOLDER_ROWS = 3;
/** How often a list that takes long to read shows what was found so far. */
const PROGRESS_INTERVAL_MS = 500;

/**
 * @template Item
 * @typedef {object} Column
 * @property {string} label
 * @property {(item: Item) => import("./element.js").Child} cell
 * @property {string} [kind] CSS class of the column's cells.
 */

/**
 * Creates a button for the actions of a row.
 * @param {string} label
 * @param {string} target What the action applies to. Screen readers read it after the label.
 * @param {() => void} onClick
 * @param {string} [kind]
 */
export function rowButton(label, target, onClick, kind = "") {
  return element("button", { type: "button", class: `small ${kind}`, "aria-label": `${label} ${target}`, click: onClick }, label);
}

/**
 * @template Item
 * @param {object} options
 * @param {string} options.caption
 * @param {Column<Item>[]} options.columns
 * @param {() => AsyncGenerator<Item>} options.read
 * @param {() => HTMLElement} options.emptyState Creates the content to show if there are no items.
 * @param {(shown: number, hasMore: boolean) => string} [options.countText] Returns the text below the list.
 */
export function list({ caption, columns, read, emptyState, countText = shownText }) {
  const rows = element("tbody", { role: "rowgroup" });
  const count = element("p", { class: "count", role: "status" });
  const moreButton = element("button", { type: "button", hidden: true, click: showMore }, "Show more");
  const captionId = uniqueId("caption");
  const table = element(
    "div",
    { class: "table-wrapper" },
    element(
      "table",
      { role: "table", "aria-labelledby": captionId },
      element("caption", { id: captionId, class: "visually-hidden" }, caption),
      element(
        "thead",
        { role: "rowgroup" },
        element("tr", { role: "row" }, ...columns.map((column) => columnHeader(column))),
      ),
      rows,
    ),
  );
  const message = element("div");
  const listElement = element("div", { class: "list" }, table, message, element("div", { class: "list-footer" }, count, moreButton));

  /** @type {AsyncGenerator<Item>} */
  let items;
  /** @type {Item[]} Items that were read but are not shown yet. */
  let buffer = [];
  let shownCount = 0;

  async function reload() {
    items = read();
    buffer = [];
    shownCount = 0;
    message.replaceChildren();
    count.textContent = "";
    moreButton.hidden = true;
    table.hidden = false;
    if (rows.childElementCount === 0) showPlaceholders();
    await showMore();
  }

  async function showMore() {
    if (moreButton.classList.contains("busy") && shownCount > 0) return;
    const currentItems = items;
    const before = shownCount;
    listElement.setAttribute("aria-busy", "true");
    moreButton.classList.add("busy");
    // Pages of a filtered list can be empty, so it may take many requests to find the next item.
    const progress = setInterval(showProgress, PROGRESS_INTERVAL_MS);
    try {
      // Reads one item more than a page, to know whether there are more.
      while (shownCount - before + buffer.length <= PAGE_SIZE) {
        const { done, value } = await currentItems.next();
        if (currentItems !== items) return;
        if (done) break;
        buffer.push(value);
      }
      showFound();
      moreButton.hidden = buffer.length === 0;
      table.hidden = shownCount === 0;
      count.textContent = shownCount === 0 ? "" : countText(shownCount, buffer.length > 0);
      if (shownCount === 0) message.replaceChildren(emptyState());
      else if (before > 0 && before < shownCount) focusRow(rows.children[before]);
      restoreFocus();
    } catch (error) {
      if (currentItems !== items) return;
      if (!(error instanceof ApiError)) throw error;
      showFound();
      if (shownCount === 0) rows.replaceChildren();
      table.hidden = shownCount === 0;
      count.textContent = shownCount === 0 ? "" : countText(shownCount, true);
      // A generator that failed can't continue, so the user can only reload.
      moreButton.hidden = true;
      message.replaceChildren(errorMessage(error, reload));
      restoreFocus();
    } finally {
      clearInterval(progress);
      if (currentItems === items) {
        listElement.setAttribute("aria-busy", "false");
        moreButton.classList.remove("busy");
      }
    }

    function showFound() {
      const newRows = buffer.splice(0, PAGE_SIZE - (shownCount - before)).map((item) => row(columns, item));
      if (shownCount === 0) rows.replaceChildren(...newRows);
      else rows.append(...newRows);
      shownCount += newRows.length;
    }

    function showProgress() {
      if (currentItems !== items) return;
      if (buffer.length > 0) showFound();
      else if (shownCount === 0) showPlaceholders();
      count.textContent = shownCount === 0 ? "Searching…" : `${shownCount} found so far. Searching…`;
    }
  }

  function showPlaceholders() {
    rows.replaceChildren(...Array.from({ length: PLACEHOLDER_ROWS }, () => placeholderRow(columns)));
  }
  return { element: listElement, reload };
}

/**
 * @param {number} shown
 * @param {boolean} hasMore
 */
function shownText(shown, hasMore) {
  return hasMore ? `First ${shown} shown` : `${shown} shown`;
}

/** @param {Element | undefined} row */
function focusRow(row) {
  if (!(row instanceof HTMLElement)) return;
  row.setAttribute("tabindex", "-1");
  row.focus();
}

/** @param {Column<any>} column */
function columnHeader({ label, kind = "" }) {
  const content = kind === "actions" || kind === "select" ? element("span", { class: "visually-hidden" }, label) : label;
  return element("th", { role: "columnheader", scope: "col", class: kind }, content);
}

/**
 * @template Item
 * @param {Column<Item>[]} columns
 * @param {Item} item
 */
function row(columns, item) {
  const cells = columns.map(({ label, cell, kind = "" }) =>
    element(
      "td",
      { role: "cell", class: kind },
      // Cards show this label. Screen readers read the column header instead.
      element("span", { class: "cell-label", "aria-hidden": "true" }, label),
      element("div", { class: "cell-value" }, cell(item)),
    ),
  );
  return element("tr", { role: "row" }, ...cells);
}

/** @param {Column<any>[]} columns */
function placeholderRow(columns) {
  const cells = columns.map(({ kind = "" }) => element("td", { role: "cell", class: kind }, element("span", { class: "placeholder" })));
  return element("tr", { role: "row", "aria-hidden": "true" }, ...cells);
}

/**
 * @param {ApiError} error
 * @param {() => void} onRetry
 */
export function errorMessage(error, onRetry) {
  return element(
    "div",
    { class: "alert", role: "alert" },
    element("p", {}, error.message),
    element("button", { type: "button", click: onRetry }, "Try again"),
  );
}
