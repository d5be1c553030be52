import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { ownText } from '../../../src/base/text.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { cleanMessage } from '../../../src/gateway/receive/receiver.ts';
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

it('a title and a name of long messages do not keep the messages in memory', () => {
  expect(keptBy((text) => text.slice(0, 59))).toBeGreaterThan(30); // what it is about
  expect(keptBy((text) => ownText(text.slice(0, 59)))).toBeLessThan(2);
  expect(keptBy((text) => sessionTitle(text))).toBeLessThan(2);
  expect(keptBy((text) => cleanMessage(named(text)).sender.name)).toBeLessThan(2);
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
