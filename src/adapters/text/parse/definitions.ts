import type { Node, NodeOf } from '../tree.ts';
import { DEFINITION, isFence } from './lines.ts';

/** What `[label]` and `[^label]` refer to in a whole document. */
export class Definitions {
  readonly links: Map<string, NodeOf<'definition'>> = new Map();
  readonly #labels = new Set<string>();

  /** Takes over every definition among `nodes` and inside them; the first of a label wins. */
  collect(nodes: readonly Node[]): void {
    const waiting: Node[] = [...nodes].reverse();
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.type === 'definition') {
        if (!this.links.has(node.identifier)) this.links.set(node.identifier, node);
        this.#labels.add(normalise(node.label ?? node.identifier));
      } else if (node.type === 'footnoteDefinition') {
        this.#labels.add(normalise(`^${node.label ?? node.identifier}`));
      }
      if ('children' in node) waiting.push(...[...node.children].reverse());
    }
  }

  /** Labels in `text` that are defined somewhere, as they are written there. */
  usedIn(text: string): readonly string[] {
    if (this.#labels.size === 0) return [];
    const found = new Map<string, string>();
    for (const [, label = ''] of text.matchAll(/\[([^[\]]{1,999})\](?!:)/g)) {
      const name = normalise(label);
      if (this.#labels.has(name)) found.set(name, label);
    }
    return [...found.values()];
  }
}

/** True when a piece of a document may hold definitions. */
export function mayDefine(lines: readonly string[]): boolean {
  return !isFence(lines[0] ?? '') && lines.some((line) => line.includes(']:') && DEFINITION.test(line));
}

/** Labels are compared without case, with white space collapsed (CommonMark, link reference definitions). */
function normalise(label: string): string {
  return label.trim().replace(/\s+/g, ' ').toLowerCase().toUpperCase();
}
