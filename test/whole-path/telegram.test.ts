import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTelegramAdapter } from '../../src/adapters/telegram/index.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { ADA, type Json, type TelegramUser } from '../platforms/telegram-state.ts';
import { WholePath } from './whole-path.ts';

const TOKEN = '12345:whole-path';
const EVE: TelegramUser = { id: 1999, is_bot: false, first_name: 'Eve' };
let server: TelegramServer;
let path: WholePath;

beforeAll(async () => {
  server = new TelegramServer(TOKEN);
  await server.start();
  path = await WholePath.start({
    platform: 'telegram',
    createAdapter: () =>
      createTelegramAdapter({ token: TOKEN, mode: 'polling', apiRoot: server.url, sendLimits: false }),
    probe: (text) => server.say(text, EVE),
  });
}, 90_000);

afterAll(async () => {
  await path.stop();
  await server.stop();
});

const DM = '⟦Telegram direct message, <time>⟧';

interface Row {
  readonly what: string;
  /** Fields of the message beside id, date, sender and chat. */
  readonly fields: () => Json;
  readonly text: string;
  readonly images?: number;
}

const DIRECT: readonly Row[] = [{ what: 'a text', fields: () => ({ text: 'hello' }), text: `${DM}\nhello` }];

describe('a direct message of Telegram reaches the model', () => {
  it.each(DIRECT)('$what', async ({ fields, text, images = 0 }) => {
    const asked = await path.asked(() =>
      server.message({ from: ADA, chat: server.state.dm(ADA), ...fields() }),
    );
    expect(asked.text).toBe(text);
    expect(asked.images).toBe(images);
  });
});
