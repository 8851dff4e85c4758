// Menus of actions, which a button with three dots opens. They follow the menu button pattern of the ARIA Authoring Practices Guide.

import { element } from "./element.js";

const GAP_PX = 4;

/**
 * @typedef {object} Action
 * @property {string} label
 * @property {() => void} start
 * @property {boolean} [isDestructive]
 */

/**
 * Creates a button that opens a menu.
 * @param {string} target What the actions apply to.
 * @param {Action[]} actions
 */
export function menuButton(target, actions) {
  const name = `Actions for ${target}`;
  const button = element(
    "button",
    { type: "button", class: "icon", "aria-label": name, "aria-haspopup": "menu", "aria-expanded": "false", click: toggle, mousedown: keepFocus, keydown: handleButtonKey },
    "⋯",
  );
  /** @type {(() => void) | null} */
  let close = null;

  /** @param {number} focusedItem Index of the item that gets the focus. -1 is the last one. */
  function open(focusedItem) {
    const listeners = new AbortController();
    const items = actions.map(({ label, start, isDestructive }) =>
      element("button", { type: "button", role: "menuitem", tabindex: -1, class: isDestructive ? "danger-subtle" : "", click: () => choose(start) }, label),
    );
    // Manual, because a click on the button would close and reopen an automatic popover.
    const menu = element("div", { role: "menu", class: "menu", popover: "manual", "aria-label": name, keydown: handleMenuKey, focusout: handleFocusOut }, ...items);
    button.after(menu);
    menu.showPopover();
    place();
    addEventListener("scroll", place, { capture: true, passive: true, signal: listeners.signal });
    addEventListener("resize", place, { signal: listeners.signal });
    button.setAttribute("aria-expanded", "true");
    close = () => {
      close = null;
      listeners.abort();
      button.setAttribute("aria-expanded", "false");
      menu.remove();
    };
    items.at(focusedItem)?.focus();

    /** Places the menu below the button, or above it if there is no room below. */
    function place() {
      const { top, bottom, right } = button.getBoundingClientRect();
      const fitsBelow = bottom + GAP_PX + menu.offsetHeight <= innerHeight;
      menu.style.top = `${fitsBelow ? bottom + GAP_PX : top - GAP_PX - menu.offsetHeight}px`;
      menu.style.left = `${Math.max(GAP_PX, right - menu.offsetWidth)}px`;
    }

    /** @param {KeyboardEvent} event */
    function handleMenuKey(event) {
      const current = items.findIndex((item) => item === document.activeElement);
      const next = {
        ArrowDown: (current + 1) % items.length,
        ArrowUp: current - 1,
        Home: 0,
        End: -1,
      }[event.key];
      if (next !== undefined) items.at(next)?.focus();
      else if (event.key === "Escape") closeAndFocusButton();
      else if (event.key === "Tab") return closeAndFocusButton();
      else if (event.key.length === 1 && event.key !== " ") focusItemWithInitial(event.key, current);
      else return;
      event.preventDefault();
    }

    /**
     * @param {string} initial
     * @param {number} current
     */
    function focusItemWithInitial(initial, current) {
      const following = [...items.slice(current + 1), ...items.slice(0, current + 1)];
      following.find((item) => item.textContent?.toLowerCase().startsWith(initial.toLowerCase()))?.focus();
    }

    /** @param {FocusEvent} event */
    function handleFocusOut({ relatedTarget }) {
      if (!(relatedTarget instanceof Node && menu.contains(relatedTarget))) close?.();
    }
  }

  /** @param {() => void} start */
  function choose(start) {
    closeAndFocusButton();
    start();
  }

  function closeAndFocusButton() {
    // First the focus, so that it does not get lost with the menu.
    button.focus();
    close?.();
  }

  function toggle() {
    if (close) closeAndFocusButton();
    else open(0);
  }

  /**
   * Keeps the focus in the open menu, so that the click on the button closes it.
   * @param {MouseEvent} event
   */
  function keepFocus(event) {
    if (close) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  function handleButtonKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    open(event.key === "ArrowDown" ? 0 : -1);
  }
  return button;
}
