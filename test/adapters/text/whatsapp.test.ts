import { describe, expect, it } from 'vitest';
import { formatWhatsapp } from '../../../src/adapters/text/whatsapp.ts';

const written = (markdown: string) => formatWhatsapp(markdown).map(({ text }) => text);

describe('formatWhatsapp', () => {
  it.each([
    ['writes emphasis', '**a** *b* ~~c~~ `d`', '*a* _b_ ~c~ `d`'],
    ['shows addresses behind labels', '[a](https://x.y) https://z.w', 'a (https://x.y) https://z.w'],
    ['keeps markers off bare addresses', '**see https://x.y now**', '*see* https://x.y *now*'],
    ['writes fences', '```ts\na < b\n```', '```\na < b\n```'],
    ['writes lists and quotes', '- a\n- b\n\n> c\n> d', '• a\n• b\n\n> c\n> d'],
    ['lets no address open a fence', '[a](<x```>)', 'a (x%60%60%60)'],
    ['makes headings bold', '## a', '*a*'],
  ])('%s', (_title, markdown, expected) => {
    expect(written(markdown)).toEqual([expected]);
  });

  it('shows the address once, behind the end of a label that is cut', () => {
    const parts = written(`[${'word '.repeat(1_000)}end](https://x.y)`);
    expect(parts).toHaveLength(2);
    expect(parts[0]).not.toContain('https://x.y');
    expect(parts[1]?.endsWith('end (https://x.y)')).toBe(true);
  });
});
