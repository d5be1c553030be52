import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { ownText } from '../../../src/base/own-text.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { cleanMessage } from '../../../src/gateway/receive/reception.ts';
import { Transcripts } from '../../../src/gateway/sessions/session-feed.ts';
import { sessionTitle } from '../../../src/gateway/sessions/session-view.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const MB = 1_000_000;

function named(name: string): InboundMessage {
  return {
    dedupeKey: 'u1',
    messageId: 'm1',
    chat: { platform: 'telegram', accountId: 'bot', chatId: 'c1' },
    chatKind: 'dm',
    sender: { id: '1', name, isBot: false },
    text: 'hi',
    mentioned: false,
  };
}

/** What `keep` leaves in memory after 40 texts of a million characters, in MB. */
function keptBy(keep: (text: string, n: number) => unknown): number {
  const kept: unknown[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 40; n++) {
    // As from a frame: a text that no other shares.
    const text = Buffer.alloc(MB, `${n} words `).toString('latin1');
    kept.push(keep(text, n));
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  expect(kept).toHaveLength(40);
  return grown / MB;
}

it('a title, a name and a transcript of long messages do not keep the messages in memory', () => {
  const transcripts = new Transcripts();
  expect(keptBy((text) => text.slice(0, 59))).toBeGreaterThan(30); // what it is about
  expect(keptBy((text) => ownText(text.slice(0, 59)))).toBeLessThan(2);
  expect(keptBy((text) => sessionTitle(text))).toBeLessThan(2);
  expect(keptBy((text) => cleanMessage(named(text)).sender.name)).toBeLessThan(2);
  expect(keptBy((text, n) => transcripts.add(`s${n}`, { at: 0, role: 'user', text }))).toBeLessThan(4);
});

it.each([
  '',
  'short',
  'a line that is long enough',
  '你好 🎉 and more of it',
  'half a pair: \ud83c and so on',
])('an own text says the same: %j', (text) => {
  expect(ownText(text)).toBe(text);
});

it('transcripts of all sessions together are bounded; those used least lately give way', () => {
  const transcripts = new Transcripts();
  const text = 'x'.repeat(16_000);
  for (let session = 0; session < 30; session++)
    for (let n = 0; n < 100; n++) transcripts.add(`s${session}`, { at: n, role: 'user', text });
  const chars = (session: number): number =>
    transcripts.last(`s${session}`, 1000).reduce((sum, entry) => sum + entry.text.length, 0);
  expect(chars(29)).toBe(400_000);
  expect(chars(0)).toBe(0);
  const all = Array.from({ length: 30 }, (_, session) => chars(session)).reduce((sum, each) => sum + each);
  expect(all).toBeLessThanOrEqual(4_000_000);
  expect(all).toBeGreaterThan(3_500_000);
});
