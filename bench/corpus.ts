/** Markdown the way coding agents write it, made up from a seed: no two paragraphs are the same. */

/** A small generator of numbers in [0, 1) (mulberry32): the same seed gives the same document. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const WORDS =
  `the a session gateway message queue when after before adapter retry store journal token chat user operator reply
  approve pairing stream edit limit chunk parse render test code file function error returns value which should because
  works fails however instead commit snapshot replay restart connection timeout handler update delivery outbox sequence
  naïve café über 日本語 テスト сообщение مرحبا 🚀 ✅ 👩‍💻`
    .split(/\s+/)
    .filter((word) => word !== '');

const CODE = [
  'const result = await store.commit(batch);',
  'if (size > limit && !done) return [];',
  'for (const item of items) total += item.weight ?? 0;',
  '  return { ok: true, text: "<name>" };',
  'export function cut(text: string, at: number): string {',
  '}',
  '',
  '  // a comment with "quotes" & <angles>',
];

export function agentMarkdown(length: number, seed = 1): string {
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[], fallback: Item): Item =>
    items[Math.floor(random() * items.length)] ?? fallback;
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const words = (count: number) => Array.from({ length: count }, () => pick(WORDS, 'word')).join(' ');
  const span = (): string => {
    const roll = random();
    if (roll < 0.78) return words(between(3, 9));
    if (roll < 0.86) return `\`${pick(CODE, 'x').trim().replaceAll('`', '') || 'x'}\``;
    if (roll < 0.92) return `**${words(between(1, 3))}**`;
    if (roll < 0.95) return `*${words(between(1, 2))}*`;
    if (roll < 0.97) return `[${words(2)}](https://example.com/${between(1, 9999)}?a=1&b=2)`;
    if (roll < 0.99) return `https://example.org/docs/${between(1, 9999)}/index.html`;
    return `snake_case_name < ${between(1, 99)} & more`;
  };
  const sentence = () => `${Array.from({ length: between(2, 4) }, span).join(' ')}.`;
  const paragraph = () => Array.from({ length: between(1, 4) }, sentence).join(random() < 0.2 ? '\n' : ' ');
  const fence = () =>
    `\`\`\`${pick(['ts', 'bash', 'json', ''], '')}\n${Array.from({ length: between(3, 18) }, () => pick(CODE, '')).join('\n')}\n\`\`\``;
  const list = () => {
    const ordered = random() < 0.4;
    return Array.from({ length: between(2, 7) }, (_, index) => {
      const marker = ordered ? `${index + 1}.` : random() < 0.1 ? `- [${random() < 0.5 ? 'x' : ' '}]` : '-';
      const nested = random() < 0.2 ? `\n   - ${sentence()}\n   - ${sentence()}` : '';
      return `${marker} ${sentence()}${nested}`;
    }).join('\n');
  };
  const table = () => {
    const columns = between(2, 4);
    const row = () => `| ${Array.from({ length: columns }, () => words(between(1, 3))).join(' | ')} |`;
    return [row(), `|${' --- |'.repeat(columns)}`, ...Array.from({ length: between(2, 6) }, row)].join('\n');
  };
  const block = (): string => {
    const roll = random();
    if (roll < 0.5) return paragraph();
    if (roll < 0.62) return `${'#'.repeat(between(1, 4))} ${words(between(2, 6))}`;
    if (roll < 0.75) return fence();
    if (roll < 0.91) return list();
    if (roll < 0.95) return table();
    if (roll < 0.98) return `> ${sentence()}\n> ${sentence()}`;
    return '---';
  };
  const blocks: string[] = [];
  for (let size = 0; size < length; ) {
    const next = block();
    blocks.push(next);
    size += next.length + 2;
  }
  return blocks.join('\n\n').slice(0, length);
}
