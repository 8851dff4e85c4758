/**
 * Calls `work` for each item. At most `limit` calls run at the same time.
 * @template Item
 * @param {Item[]} items
 * @param {number} limit
 * @param {(item: Item) => Promise<void>} work
 */
export async function inParallel(items, limit, work) {
  const remaining = items.values();
  async function workOnRemaining() {
    for (const item of remaining) await work(item);
  }
  await Promise.all(Array.from({ length: limit }, workOnRemaining));
}
