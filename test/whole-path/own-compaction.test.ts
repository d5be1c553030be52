/** pi compacts by itself when a conversation has become long: chats may write meanwhile, ask, and stop it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTelegramAdapter } from '../../src/adapters/telegram/definition.ts';
import type { ModelRequest } from '../agents/model-server.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { BOB } from '../platforms/telegram-state.ts';
import { WholePath } from './whole-path.ts';

const SOON = { timeout: 15_000 };
const server = new TelegramServer('1234567:whole-path');
let path: WholePath;

beforeAll(async () => {
  await server.start();
  path = await WholePath.start({
    platform: 'telegram',
    createAdapter: () =>
      createTelegramAdapter({ token: server.token, mode: 'polling', apiRoot: server.url, sendLimits: false }),
    probe: (text) => void server.say(text, BOB),
    // Of the model's 128,000 tokens pi leaves 2,000 to the conversation.
    piSettings: { compaction: { enabled: true, reserveTokens: 126_000, keepRecentTokens: 200 } },
  });
}, 90_000);

afterAll(async () => {
  await path.stop();
  await server.stop();
});

const LONG = 'word '.repeat(6_000);
const summarizes = ({ system }: ModelRequest): boolean => system.includes('summarization');
const texts = (): string[] =>
  server.state.messages.filter((each) => each.chatId === person.id && !each.deleted).map(({ text }) => text);
/** Each test, also one that is repeated, has a conversation of its own. */
let person = BOB;
/** What the model was asked for answers, without what went before. */
const asked = (): string[] =>
  path.model.requests.filter((each) => !summarizes(each)).map(({ text }) => text.split('\n').at(-1) ?? '');

describe('while pi compacts by itself', () => {
  let finish: () => void = () => {};
  beforeEach(() => {
    person = { ...BOB, id: person.id + 1_000 };
  });
  afterEach(async () => {
    finish();
    await path.quiet();
    path.model.reply(() => ({ text: 'Fine.' }));
  });

  /** Two long messages: with the answer to the second one pi begins to compact, which lasts until `finish`. */
  async function compacting(): Promise<void> {
    const summary = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    finish = summary.resolve;
    path.model.reply(async (request) => {
      if (!summarizes(request)) return { text: `Heard ${request.text.split('\n').at(-1)?.slice(0, 12)}.` };
      begun.resolve();
      await summary.promise;
      return { text: 'They sent words.' };
    });
    const from = texts().length;
    server.say(`one ${LONG}`, person);
    await expect.poll(() => texts().slice(from), SOON).toContain('Heard one word wor.');
    await path.quiet();
    server.say(`two ${LONG}`, person);
    await begun.promise;
  }

  it('messages wait their turn and are answered once, in order, and /status says what happens', async () => {
    await compacting();
    server.say('/queue three', person);
    server.say('four', person);
    server.say('/status', person);
    // The answer to the second message may come after it.
    await expect.poll(() => texts().join('\n'), SOON).toContain('State: compacting');
    await expect
      .poll(() => path.running.gateway.conversations.views().some(({ waiting }) => waiting > 0))
      .toBe(true);
    expect(asked().slice(-1)).toEqual([expect.stringMatching(/^two /)]);
    finish();
    await expect.poll(() => asked().slice(-2).sort(), SOON).toEqual(['four', 'three']);
    await path.quiet();
    const said = texts();
    for (const word of ['one word wor', 'two word wor', 'three', 'four'])
      expect(said.filter((text) => text.includes(`Heard ${word}.`))).toHaveLength(1);
  });

  it('/stop ends it at once, loses no answer, and the next message is answered', async () => {
    await compacting();
    const from = texts().length;
    server.say('/stop', person);
    await expect.poll(() => texts().slice(from).join('\n'), SOON).toContain('Stopped');
    await path.quiet();
    expect(texts().some((text) => text.includes('Heard two word wor.'))).toBe(true);
    expect(
      texts()
        .slice(from)
        .filter((text) => /stopped/i.test(text)),
    ).toHaveLength(1);
    finish();
    server.say('five', person);
    await expect.poll(() => texts().at(-1), SOON).toBe('Heard five.');
  });
});
