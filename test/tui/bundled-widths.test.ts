import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import stringWidth from 'string-width';
import { expect, it } from 'vitest';
import { emojiOnDemand, emojiTables } from '../../scripts/emoji-on-demand.ts';

it('the bundled string-width measures every emoji and its neighbors as the package does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'string-width-'));
  const outfile = join(folder, 'width.mjs');
  await build({
    stdin: { contents: "export { default } from 'string-width'", resolveDir: import.meta.dirname },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    plugins: [emojiTables],
  });
  const { default: bundled } = (await import(pathToFileURL(outfile).href)) as { default: typeof stringWidth };
  rmSync(folder, { recursive: true });
  const signs = Array.from({ length: 0x20000 }, (_, code) => code)
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
    .filter((sign) => /[\p{Emoji}\p{Emoji_Component}\u2500-\u259f]/u.test(sign));
  expect(signs.length).toBeGreaterThan(1_400);
  const texts = signs.flatMap((sign) => [
    sign,
    `─${sign}`,
    `${sign}\ufe0f`,
    `${sign}\u{1f3fd}`,
    `${sign}\u20e3`,
  ]);
  texts.push('1\ufe0f\u20e3', '─ 12 #*', '🇩🇪🇫', '👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'नमस्ते', 'ﾊﾞ', '한글', 'e\u0301');
  expect(texts.filter((text) => bundled(text) !== stringWidth(text))).toEqual([]);
});

it('a string-width that is written otherwise stops the build', () => {
  expect(() => emojiOnDemand('const segmenter = new Intl.Segmenter();')).toThrow('emoji another way');
});
