import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readArchive } from '../../../src/gateway/backup/archive.ts';
import { scrubber } from '../../../src/gateway/operator/debug-bundle.ts';
import { Rig } from '../rig.ts';

let rig: Rig;
afterEach(async () => {
  vi.unstubAllEnvs();
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

/** What must not be in it, wherever it was said. */
const CANARIES = {
  botToken: '123456789:AAF0secretSecretSecretSecretSecret012',
  apiKey: 'zq-canary-9f8e7d6c5b4a39281706',
  password: 'correct horse battery staple',
  phone: '4915123456789',
  user: '81234567',
  name: 'Ada Lovelace-Canary',
  text: 'my secret plan with canaries',
  prompt: 'look for canaries at nine',
  email: 'ada@canary.example',
  host: 'canary-host.example',
} as const;

/** As it is, as a part of an address, and in base 64 wherever it begins. */
function forms(text: string): string[] {
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${text}`)
      .toString('base64')
      .replace(/=+$/u, '')
      .slice(shift === 0 ? 0 : 4, -2),
  );
  // A shorter piece of base 64 says nothing.
  const coded = shifted.filter((form) => form.length >= 16);
  return [text, encodeURIComponent(text), encodeURIComponent(text).replaceAll('%20', '+'), ...coded];
}

describe('debug bundle', () => {
  it('has what helps, and no secret, person or message in any form', async () => {
    const { botToken, apiKey, password, phone, user, name, text, prompt, host } = CANARIES;
    vi.stubEnv('ANTHROPIC_API_KEY', apiKey);
    vi.stubEnv('MAIL_PASSWORD', password);
    rig = await Rig.start({
      config: {
        security: { allowAll: true },
        platforms: { telegram: { enabled: true, token: botToken, allowFrom: [phone] } },
        owners: [{ chat: `telegram:${user}`, may: [] }],
        agent: { systemPrompt: text },
      },
    });
    mkdirSync(join(rig.folder, 'gateway'), { recursive: true });
    writeFileSync(
      join(rig.folder, 'gateway', 'config.json'),
      JSON.stringify({
        port: 4123,
        platforms: { telegram: { token: botToken, allowFrom: [phone] } },
        agent: { systemPrompt: text },
      }),
    );
    // Sessions of pi, and the copies of those of hosts.
    const sessions = join(rig.folder, 'gateway', 'agent-sessions');
    mkdirSync(join(sessions, 'marks'), { recursive: true });
    for (const copy of ['s1.jsonl', 's1.jsonl.part', 'marks/s1.jsonl'])
      writeFileSync(join(sessions, copy), Object.values(CANARIES).join('\n'));
    rig.redactor.add(botToken);
    await rig.say(text, { from: user, sender: { id: user, name } });
    await rig.pass(2_000);
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: user, note: name });
    await rig.say(`/every weekday 09:00 ${prompt}`, { from: user, sender: { id: user, name } });
    const log = rig.gateway.deps.logs.logger('test');
    for (const canary of Object.values(CANARIES))
      for (const form of forms(canary)) {
        // Texts of people are in no log. Everything else may come in an error of a library.
        if (canary === text || canary === prompt) continue;
        log.warn(`could not reach https://${host}/x?q=${form} as <${form}>`, {
          error: form,
          chatId: form,
          code: 'failed',
        });
        log.error(`${form} was refused`, { state: 'parked' });
      }
    const file = join(rig.folder, 'debug.tar.gz');
    const { message } = await rig.operator.run({ type: 'debug.bundle', file });
    expect(message).toContain(file);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    const { entries } = await readArchive(file);
    expect(entries.map((entry) => entry.name)).toEqual([
      'versions.json',
      'config.json',
      'doctor.txt',
      'status.json',
      'decisions.json',
      'log.txt',
      'metrics.txt',
      'process.json',
    ]);
    const whole = gunzipSync(readFileSync(file)).toString('utf8');
    for (const [what, canary] of Object.entries(CANARIES))
      for (const form of forms(canary)) expect(whole.includes(form), `${what}: ${form}`).toBe(false);
    // It is of use all the same.
    for (const helps of [
      process.version,
      '"sessions"',
      'code=failed',
      'telegram',
      '"heapUsed"',
      '"port"',
      'set (file)',
      'was refused',
    ])
      expect(whole, helps).toContain(helps);
  });

  it('keeps words and codes, and takes names, numbers, addresses and long runs out', async () => {
    rig = await Rig.start();
    const scrub = scrubber((text) => text, ['Ada', 'Ada Byron']);
    expect(
      scrub('Ada Byron wrote from +49 151 2345678 to @bot about storage_failed in 250 ms on port 3847'),
    ).toBe('<name> wrote from <number> to <name> about storage_failed in 250 ms on port 3847');
    expect(scrub('mail ada@example.org or https://user:pw@host/x?token=1 now')).toBe(
      'mail <address> or <url> now',
    );
    expect(scrub('key dGhpcyBpcyBhIHZlcnkgbG9uZyBzZWNyZXQ= gone')).toBe('key <long> gone');
  });
});
