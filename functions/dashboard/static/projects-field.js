import { ApiError, listItems } from "./api.js";
import { element, uniqueId } from "./element.js";
import { choice, group, ValidationError } from "./form.js";

/** @typedef {import("../types/contract").Environment} Environment */
/** @typedef {import("../types/contract").Project} Project */

const MAX_PROJECTS = 100;

/**
 * Creates a field for the project scope of an API key: all projects, or selected ones.
 * @param {import("../types/contract").Me} me
 * @param {Environment} [environment]
 * @param {{ projects: string[] } | null} [initial] The scope that is selected at first.
 */
export function projectsField(me, environment = "live", initial = null) {
  const all = element("input", { type: "radio", name: "scope", change: handleChoice });
  const selected = element("input", { type: "radio", name: "scope", change: handleChoice });
  all.checked = initial === null;
  selected.checked = initial !== null;
  const suggestions = element("datalist", { id: uniqueId("projects") });
  const input = element("input", {
    type: "text",
    list: suggestions.id,
    "aria-label": "Project to add",
    placeholder: "Project name or ID",
    autocomplete: "off",
    spellcheck: "false",
    keydown: handleKeydown,
    input: handleInput,
  });
  const chips = element("ul", { class: "chips", "aria-label": "Selected projects" });
  const picker = element(
    "div",
    { class: "picker", hidden: initial === null },
    chips,
    element("div", { class: "input-with-button" }, input, element("button", { type: "button", click: addOrShowError }, "Add")),
    suggestions,
  );
  const projects = group("Projects", [
    choice(all, "All projects", "Includes projects created later."),
    choice(selected, "Selected projects", "The key can’t access other projects."),
    picker,
  ]);

  /** @type {Map<string, string>} */
  let nameById = new Map();
  /** @type {Set<string>} */
  const selectedIds = new Set();
  setEnvironment(environment);
  for (const id of initial?.projects ?? []) selectedIds.add(id);
  renderChips();

  /**
   * Clears the selection and suggests the projects of another environment. Live and test data share no projects.
   * @param {Environment} newEnvironment
   */
  async function setEnvironment(newEnvironment) {
    environment = newEnvironment;
    nameById = new Map();
    selectedIds.clear();
    renderChips();
    // Without the `read` permission the user can't list projects, but can still enter IDs.
    if (!me.permissions.includes("read")) return;
    try {
      /** @type {AsyncGenerator<Project>} */
      const items = listItems("/projects", { environment: newEnvironment });
      for await (const { id, name } of items) {
        if (environment !== newEnvironment) return;
        nameById.set(id, name);
      }
      renderChips();
      suggestions.replaceChildren(...[...nameById].map(([id, name]) => element("option", { value: id }, name)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Suggestions are optional: the user can still enter IDs.
    }
  }

  function handleChoice() {
    picker.hidden = all.checked;
    projects.setError(null);
    if (selected.checked) input.focus();
  }

  /** @param {KeyboardEvent} event */
  function handleKeydown(event) {
    if (event.key !== "Enter" && event.key !== ",") return;
    event.preventDefault();
    addOrShowError();
  }

  /**
   * Adds a project that was selected from the suggestions. Typed text may be incomplete, so it is not added yet.
   * @param {Event} event
   */
  function handleInput(event) {
    const isTyped = event instanceof InputEvent && event.inputType.startsWith("insertText");
    if (!isTyped && nameById.has(input.value)) addOrShowError();
  }

  function addOrShowError() {
    try {
      add();
      projects.setError(null);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      projects.setError(error.message);
    }
    input.focus();
  }

  function add() {
    const text = input.value.trim();
    if (text === "") return;
    const matches = [...nameById].filter(([, name]) => name.toLowerCase() === text.toLowerCase());
    const id = matches.length === 1 && !nameById.has(text) ? matches[0][0] : text;
    if (!/^proj_[A-Za-z0-9]{1,64}$/.test(id)) throw new ValidationError("scope", `“${text}” is not a project name or ID.`);
    if (selectedIds.size === MAX_PROJECTS && !selectedIds.has(id)) throw new ValidationError("scope", `You can select at most ${MAX_PROJECTS} projects.`);
    selectedIds.add(id);
    input.value = "";
    renderChips();
  }

  function renderChips() {
    chips.replaceChildren(...[...selectedIds].map(chip));
    chips.hidden = selectedIds.size === 0;
  }

  /** @param {string} id */
  function chip(id) {
    const name = nameById.get(id);
    return element(
      "li",
      { class: "chip", title: id },
      name ?? element("code", {}, id),
      element("button", { type: "button", "aria-label": `Remove ${name ?? id}`, click: () => remove(id) }, "×"),
    );
  }

  /** @param {string} id */
  function remove(id) {
    selectedIds.delete(id);
    renderChips();
    input.focus();
  }

  /** Returns the scope for the API. It includes text that was typed but not added yet, because the user sees it as part of the selection. */
  function scope() {
    if (all.checked) return null;
    add();
    if (selectedIds.size === 0) throw new ValidationError("scope", "Add at least one project, or select “All projects”.");
    return { projects: [...selectedIds] };
  }
  return { ...projects, input, scope, setEnvironment };
}
