// Names of API keys and members by ID. Texts show the ID until the name is known.

/** @typedef {(id: string | undefined) => string | undefined} NameOf Returns the name for an ID, or the ID if its name is unknown. */

export class Names {
  /** @type {Map<string, string>} */
  #nameById = new Map();
  /** @type {Map<string, (() => void)[]>} Functions that update the texts that show this ID. */
  #updatesById = new Map();

  /**
   * Sets a name and updates the texts that show its ID.
   * @param {string} id
   * @param {string} name
   */
  set(id, name) {
    this.#nameById.set(id, name);
    const updates = this.#updatesById.get(id) ?? [];
    this.#updatesById.delete(id);
    for (const update of updates) update();
  }

  /**
   * Returns the name for an ID, or undefined if it is unknown.
   * @param {string} id
   */
  get(id) {
    return this.#nameById.get(id);
  }

  /**
   * Sets the text of `element`, and updates it when a missing name becomes known.
   * @template {HTMLElement} Element
   * @param {Element} element
   * @param {(nameOf: NameOf) => string | undefined} text
   */
  bindText(element, text) {
    const update = () => {
      element.textContent = text((id) => {
        if (id === undefined) return undefined;
        const name = this.#nameById.get(id);
        if (name === undefined) this.#updatesById.set(id, [...(this.#updatesById.get(id) ?? []), update]);
        return name ?? id;
      }) ?? "";
    };
    update();
    return element;
  }
}
