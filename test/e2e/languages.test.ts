/** The whole path: what Telegram says of a person's language, and what that person then reads. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createTelegramAdapter } from '../../src/adapters/telegram/definition.ts';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { ADA, type TelegramUser } from '../platforms/telegram-state.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { PATIENT } from '../support/platform-gateway.ts';

const TOKEN = '12345:languages';
const UTE: TelegramUser = { id: 2001, is_bot: false, first_name: 'Ute', language_code: 'de-AT' };
const folder = temporaryFolder();
const server = new TelegramServer(TOKEN);
let running: RunningGateway;

async function start(): Promise<void> {
  running = await composeGateway({
    dataDir: folder.path,
    agent: createScriptedAgent(),
    createAdapter: async (platform) =>
      platform === 'telegram'
        ? createTelegramAdapter({ token: TOKEN, mode: 'polling', apiRoot: server.url, sendLimits: false })
        : undefined,
  });
  await running.connect();
}

beforeAll(async () => {
  await server.start();
  writeConfig(folder.path, {
    port: 0,
    platforms: {
      telegram: { enabled: true, chats: { '3001': { language: 'de' } } },
      websocket: { enabled: false },
    },
  });
  await start();
}, 60_000);

afterAll(async () => {
  await running.stop(0);
  await server.stop();
  folder.remove();
});

/** What the bot has written to a person, the newest last. */
const read = (user: TelegramUser): string[] =>
  server.state.messages
    .filter((message) => message.chatId === user.id && !message.deleted)
    .map(({ text }) => text ?? '');

async function answer(text: string, from: TelegramUser): Promise<string> {
  const before = read(from).length;
  server.say(text, from);
  await vi.waitFor(() => expect(read(from).length).toBeGreaterThan(before), PATIENT);
  return read(from).at(-1) ?? '';
}

it('greets a new person in their language, keeps to it, and changes it when they ask', async () => {
  const asked = await answer('hallo', UTE);
  expect(asked).toMatch(/^Hallo! Für diesen Bot benötigen Sie eine Freigabe\. .*Er läuft in 60 Minuten ab\./);
  const code = /[A-Z2-9]{4}-[A-Z2-9]{4}/.exec(asked)?.[0] ?? '';
  const operator = running.operator({ name: 'test', surface: 'api' });
  await operator.run({ type: 'pairing.approve', code });
  await vi.waitFor(() => expect(read(UTE)).toContain('Sie sind freigeschaltet. Willkommen!'), PATIENT);
  await vi.waitFor(() => expect(read(UTE).at(-1)).toContain('You said: hallo'), PATIENT);
  expect(await answer('/status', UTE)).toMatch(/^Sitzung: hallo\nZustand: bereit/);
  expect(await answer('/nope', UTE)).toBe('Unbekannter Befehl /nope. /help zeigt die Liste der Befehle.');
  // The console and the logs stay in English.
  expect(JSON.stringify(operator.snapshot())).not.toContain('freigeschaltet');

  await running.stop(0);
  await start();
  expect(await answer('/usage', UTE)).toMatch(/^Diese Sitzung: /);
  expect(await answer('/language klingon', UTE)).toContain('„klingon“ ist keine verfügbare Sprache.');
  expect(await answer('/language en', UTE)).toBe('From now on I write to you in English.');
  expect(await answer('/status', UTE)).toMatch(/^Session: hallo/);
  expect(await answer('/language 日本語', UTE)).toBe('これからは日本語で書きます。');
  expect(await answer('/nope', UTE)).toBe('/nope は不明なコマンドです。/help でコマンドの一覧を表示します。');
  expect(await answer('/language ru', UTE)).toBe('Теперь я пишу Вам по-русски.');
  expect(await answer('/at', UTE)).toContain('Не указано, когда и что сделать. Примеры: /at 18:30 <text>');
  expect(await answer('/language auto', UTE)).toContain('Deutsch');
}, 90_000);

it('writes English where the platform says nothing, and what the configuration says for a chat', async () => {
  expect(await answer('hi', { ...ADA, id: 3002 })).toMatch(/^Hi! You need approval to use this bot\./);
  expect(await answer('hi', { ...ADA, id: 3001 })).toMatch(/^Hallo! Für diesen Bot/);
}, 60_000);
