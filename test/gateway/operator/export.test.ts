import { describe, expect, it } from 'vitest';
import type { TranscriptEntry } from '../../../src/gateway/model.ts';
import { EXPORT_FORMATS, exported, wholeTranscript } from '../../../src/gateway/operator/export.ts';

const AT = Date.parse('2026-11-30T10:00:00Z');
const HOSTILE = '\u001b[31mred\u001b[0m <script>alert(1)</script> ```\n# not a title';

describe('an exported transcript', () => {
  const entries: readonly TranscriptEntry[] = [
    { at: AT, role: 'user', name: '[Mallory](x) <b>', text: HOSTILE, mark: 'dropped' },
    { at: AT + 1, role: 'agent', text: `${HOSTILE}\n\`<b>\`\n\n~~~\n<pre>\n~~~` },
    { at: AT + 2, role: 'tool', name: 'bash', text: HOSTILE },
  ];

  it('has no sequence that steers a terminal and no tag that a browser would take', () => {
    const [markdown = '', json = '', html = ''] = EXPORT_FORMATS.map((format) =>
      exported(entries, { id: 's1', title: HOSTILE }, format),
    );
    for (const text of [markdown, html, json]) expect(text).not.toContain('\u001b');
    expect(html).not.toMatch(/<script|<b>/u);
    expect(html).toContain('&lt;script&gt;');
    expect(html).toContain("default-src 'none'");
    // In a fence and in code it shows as it is; elsewhere a reader of Markdown would run it.
    expect(markdown.replaceAll(/^(`{3,})\n[\s\S]*?^\1$/gmu, '')).not.toMatch(/<script/u);
    expect(markdown).toContain('`<b>`');
    expect(markdown).toContain('> # not a title');
    expect(markdown).toContain('\\[Mallory\\](x) &lt;b>, 2026-11-30 10:00:00 UTC, dropped');
    expect(JSON.parse(json)).toEqual({ session: { id: 's1', title: HOSTILE }, entries });
  });

  it('is read page by page to the first entry', async () => {
    const all = Array.from(
      { length: 4_500 },
      (_, n): TranscriptEntry => ({ at: n, role: 'user', text: String(n) }),
    );
    const query = async (_name: string, p: { limit?: number; before?: number }) =>
      all.filter(({ at }) => at < (p.before ?? Number.POSITIVE_INFINITY)).slice(-(p.limit ?? 200));
    const operator = { query } as unknown as Parameters<typeof wholeTranscript>[0];
    expect(await wholeTranscript(operator, 's1')).toEqual(all);
  });
});
