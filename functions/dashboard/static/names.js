// Names of keys and members: texts with an id in them are written at once, and anew when its name is known.

/** @typedef {(id: string | undefined) => string | undefined} NameOf The name of an id, or the id while that is unknown. */

export class Names {
  /** @type {Map<string, string>} By id. */
  #known = new Map();
  /** @type {Map<string, (() => void)[]>} What writes the texts that lack a name, by its id. */
  #lacking = new Map();

  /**
   * @param {string} id
   * @param {string} name
   */
  learn(id, name) {
    this.#known.set(id, name);
    const writers = this.#lacking.get(id) ?? [];
    this.#lacking.delete(id);
    for (const write of writers) write();
  }

  /**
   * Writes a text into `element`, now and whenever a name becomes known that it lacks.
   * @template {HTMLElement} Element
   * @param {Element} element
   * @param {(nameOf: NameOf) => string | undefined} text
   */
  write(element, text) {
    const write = () => {
      element.textContent = text((id) => {
        if (id === undefined) return undefined;
        const name = this.#known.get(id);
        if (name === undefined) this.#lacking.set(id, [...(this.#lacking.get(id) ?? []), write]);
        return name ?? id;
      }) ?? "";
    };
    write();
    return element;
  }
}
