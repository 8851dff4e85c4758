// The projects that a key is to reach: every one, or those that are chosen.

import { Problem, things } from "./api.js";
import { element, newId } from "./element.js";
import { choice, group, Wrong } from "./form.js";

/** @typedef {import("../types/contract").Project} Project */

const MOST = 100;

/** @param {import("../types/contract").Me} me */
export function projectsField(me) {
  const every = element("input", { type: "radio", name: "scope", change: chosen });
  const some = element("input", { type: "radio", name: "scope", change: chosen });
  every.checked = true;
  const known = element("datalist", { id: newId("projects") });
  const text = element("input", {
    type: "text",
    list: known.id,
    "aria-label": "Project to add",
    placeholder: "proj_… or its name",
    autocomplete: "off",
    spellcheck: "false",
    keydown: pressed,
    input: picked,
  });
  const chips = element("ul", { class: "chips", "aria-label": "Chosen projects" });
  const picker = element(
    "div",
    { class: "picker", hidden: true },
    chips,
    element("div", { class: "copyable" }, text, element("button", { type: "button", click: addOrComplain }, "Add")),
    known,
  );
  const made = group("Projects", [
    choice(every, "Every project", "Those too that are made later."),
    choice(some, "Only some", "It reaches nothing else."),
    picker,
  ]);

  /** @type {Map<string, string>} Names by id. */
  let names = new Map();
  /** @type {Set<string>} */
  const ids = new Set();
  /** @type {import("../types/contract").Environment} */
  let environment = "live";
  setEnvironment(environment);

  /** @param {import("../types/contract").Environment} to Whose projects are offered: live and test data have none in common. */
  async function setEnvironment(to) {
    environment = to;
    names = new Map();
    ids.clear();
    show();
    // Who may not see projects can still name them.
    if (!me.permissions.includes("read")) return;
    try {
      /** @type {AsyncGenerator<Project>} */
      const projects = things("/projects", { environment: to });
      for await (const project of projects) {
        if (environment !== to) return;
        names.set(project.id, project.name);
      }
      known.replaceChildren(...[...names].map(([id, name]) => element("option", { value: id }, name)));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      // Their ids can be typed all the same.
    }
  }

  function chosen() {
    picker.hidden = every.checked;
    made.complain(null);
    if (some.checked) text.focus();
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.key !== "Enter" && event.key !== ",") return;
    event.preventDefault();
    addOrComplain();
  }

  /** What is chosen from the list is whole; what is typed may not be yet. */
  function picked(/** @type {Event} */ event) {
    const typed = event instanceof InputEvent && event.inputType.startsWith("insertText");
    if (!typed && names.has(text.value)) addOrComplain();
  }

  function addOrComplain() {
    try {
      add();
      made.complain(null);
    } catch (wrong) {
      if (!(wrong instanceof Wrong)) throw wrong;
      made.complain(wrong.message);
    }
    text.focus();
  }

  function add() {
    const wanted = text.value.trim();
    if (wanted === "") return;
    const named = [...names].filter(([, name]) => name.toLowerCase() === wanted.toLowerCase());
    const id = named.length === 1 && !names.has(wanted) ? named[0][0] : wanted;
    if (!/^proj_[A-Za-z0-9]{1,64}$/.test(id)) throw new Wrong("scope", `“${wanted}” is neither a project’s id nor the name of one.`);
    if (ids.size === MOST && !ids.has(id)) throw new Wrong("scope", `A key has at most ${MOST} projects.`);
    ids.add(id);
    text.value = "";
    show();
  }

  function show() {
    chips.replaceChildren(...[...ids].map(chip));
    chips.hidden = ids.size === 0;
  }

  /** @param {string} id */
  function chip(id) {
    const name = names.get(id);
    return element(
      "li",
      { class: "chip", title: id },
      name ?? element("code", {}, id),
      element("button", { type: "button", "aria-label": `Remove ${name ?? id}`, click: () => remove(id) }, "×"),
    );
  }

  /** @param {string} id */
  function remove(id) {
    ids.delete(id);
    show();
    text.focus();
  }

  /** What the API takes for the choice. What is typed and not yet added counts, so that no key reaches less or more than is seen. */
  function scope() {
    if (every.checked) return null;
    add();
    if (ids.size === 0) throw new Wrong("scope", "Add at least one, or choose every project.");
    return { projects: [...ids] };
  }
  return { ...made, input: text, scope, setEnvironment };
}
