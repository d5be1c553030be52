import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseTelegramHtml } from './telegram-html.ts';
import { TelegramServer } from './telegram-server.ts';

const TOKEN = '1:token';
let server: TelegramServer;

beforeEach(async () => {
  server = new TelegramServer(TOKEN);
  await server.start();
});
afterEach(() => server.stop());

interface Answer {
  readonly ok: boolean;
  readonly error_code?: number;
  readonly description?: string;
  readonly result?: unknown;
  readonly parameters?: unknown;
}

async function call(method: string, body: unknown = {}, token = TOKEN): Promise<Answer & { status: number }> {
  const response = await fetch(`${server.url}/bot${token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...((await response.json()) as Answer) };
}

const ids = (answer: Answer): number[] => (answer.result as { update_id: number }[]).map((u) => u.update_id);

describe('the local Telegram server', () => {
  it('holds a poll until there is an update', async () => {
    const poll = call('getUpdates', { timeout: 30 });
    await vi.waitFor(() => expect(server.polling).toBe(true), 10_000);
    server.say('hello');
    expect(ids(await poll)).toHaveLength(1);
  });

  it('ends a poll without updates after its timeout', async () => {
    const started = performance.now();
    expect((await call('getUpdates', { timeout: 1 })).result).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(900);
  });

  it('delivers an update again until the offset confirms it', async () => {
    server.say('a');
    server.say('b');
    const [first, second] = ids(await call('getUpdates'));
    expect(ids(await call('getUpdates', { offset: first }))).toEqual([first, second]);
    expect(ids(await call('getUpdates', { offset: (first ?? 0) + 1 }))).toEqual([second]);
    expect(ids(await call('getUpdates', { offset: (second ?? 0) + 1 }))).toEqual([]);
  });

  it('ends the older of two polls with a conflict', async () => {
    const older = call('getUpdates', { timeout: 30 });
    await vi.waitFor(() => expect(server.polling).toBe(true), 10_000);
    const newer = call('getUpdates', { timeout: 0 });
    expect(await older).toMatchObject({ status: 409, ok: false });
    expect((await newer).ok).toBe(true);
  });

  it('refuses polls while a webhook is set', async () => {
    await call('setWebhook', { url: 'http://127.0.0.1:9/x' });
    expect(await call('getUpdates')).toMatchObject({ status: 409 });
    await call('deleteWebhook');
    expect(await call('getUpdates')).toMatchObject({ status: 200 });
  });

  it.each([
    [{ text: '' }, 'message text is empty'],
    [{ text: 'x'.repeat(4097) }, 'message is too long'],
    [{ text: '<b>open', parse_mode: 'HTML' }, "can't parse entities"],
    [{ text: '<h1>no</h1>', parse_mode: 'HTML' }, "can't parse entities"],
    [{ text: 'a < b', parse_mode: 'HTML' }, "can't parse entities"],
  ])('refuses the text %#', async (body, reason) => {
    const answer = await call('sendMessage', { chat_id: 1, ...body });
    expect(answer).toMatchObject({ status: 400, error_code: 400 });
    expect(answer.description).toContain(reason);
  });

  it('counts the limit after the entities were parsed', async () => {
    const text = `<b>${'&amp;'.repeat(4096)}</b>`;
    expect((await call('sendMessage', { chat_id: 1, text, parse_mode: 'HTML' })).ok).toBe(true);
  });

  it('refuses an edit that changes nothing', async () => {
    const sent = (await call('sendMessage', { chat_id: 1, text: 'a' })).result as { message_id: number };
    const edit = { chat_id: 1, message_id: sent.message_id, text: 'a' };
    expect((await call('editMessageText', edit)).description).toContain('message is not modified');
    expect((await call('editMessageText', { ...edit, text: 'b' })).ok).toBe(true);
  });

  it('takes an upload and serves a file', async () => {
    const form = new FormData();
    form.set('chat_id', '1');
    form.set('document', new File(['abc'], 'a.txt'));
    const response = await fetch(`${server.url}/bot${TOKEN}/sendDocument`, { method: 'POST', body: form });
    expect(response.status).toBe(200);
    expect(Buffer.from(server.state.messages[0]?.file?.bytes ?? []).toString()).toBe('abc');
    const id = server.file('b.txt', Buffer.from('def'));
    const { file_path: path } = (await call('getFile', { file_id: id })).result as { file_path: string };
    expect(await (await fetch(`${server.url}/file/bot${TOKEN}/${path}`)).text()).toBe('def');
  });

  it('answers 401 everywhere once the token is revoked', async () => {
    const poll = call('getUpdates', { timeout: 30 });
    await vi.waitFor(() => expect(server.polling).toBe(true), 10_000);
    server.revoke();
    expect(await poll).toMatchObject({ status: 401 });
    expect(await call('getMe')).toMatchObject({ status: 401 });
    expect(await call('getMe', {}, '2:other')).toMatchObject({ status: 401 });
  });

  it('applies a fault once, before or after it acts', async () => {
    server.faults.push({ method: 'sendMessage', reply: { status: 502 } });
    server.faults.push({ method: 'sendMessage', when: 'after', reply: 'cut' });
    const send = () =>
      fetch(`${server.url}/bot${TOKEN}/sendMessage`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"chat_id":1,"text":"x"}',
      });
    expect((await send()).status).toBe(502);
    expect(server.state.messages).toHaveLength(0);
    await expect(send()).rejects.toThrow();
    expect(server.state.messages).toHaveLength(1);
    expect((await send()).status).toBe(200);
  });
});

describe("Telegram's HTML", () => {
  it('shows what a reader sees', () => {
    expect(
      parseTelegramHtml('<b>a</b> &lt;i&gt; <a href="https://x.y/?a=1&amp;b=2">l</a> &#128512;&amp;'),
    ).toBe('a <i> l 😀&');
    expect(parseTelegramHtml('<pre><code class="language-js">1 &lt; 2</code></pre>')).toBe('1 < 2');
  });
});
