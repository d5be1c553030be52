import { afterEach, describe, expect, it, vi } from 'vitest';
import { baileysLogger } from '../../../src/adapters/whatsapp/baileys.ts';
import type { LogFields, Logger } from '../../../src/base/log.ts';
import { WhatsAppRig } from './rig.ts';

afterEach(() => vi.restoreAllMocks());

describe('the console of the process', () => {
  it('stays silent when Signal sessions are closed and messages cannot be decrypted', async () => {
    const printed: unknown[] = [];
    for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const)
      vi.spyOn(console, method).mockImplementation(
        (...args: unknown[]) => void printed.push([method, ...args]),
      );
    const rig = await WhatsAppRig.connected();
    const { ada, bot } = rig.server;
    await rig.server.dm(ada, { conversation: 'first' });
    const { chat } = await rig.message('first');
    await rig.send(chat, 'answer');
    // A new phone: its first message opens a new session, and the old one is closed.
    await ada.repository.deleteSession([bot.lidDevice]);
    await rig.server.dm(ada, { conversation: 'from a new phone' });
    await rig.message('from a new phone');
    // Once more from the wire: the key was used already.
    const again = await rig.server.dm(ada, { conversation: 'twice' });
    await rig.message('twice');
    rig.server.replay(again);
    await rig.server.dm(ada, { conversation: 'last' });
    await rig.message('last');
    expect(printed).toEqual([]);
    expect(rig.server.problems).toEqual([]);
  });
});

describe('log lines', () => {
  it('contain neither keys nor words, from linking to logout', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'a very private question' });
    const { chat } = await rig.message('a very private question');
    await rig.send(chat, 'a very private answer');
    rig.server.drop();
    await rig.until(() => expect(rig.server.logins).toBe(2));
    await rig.state('connected');
    await rig.adapter.stop();
    const lines = rig.host.lines.join('\n');
    expect(lines).not.toContain('very private');
    expect(rig.secrets.length).toBeGreaterThan(3);
    for (const secret of rig.secrets) {
      expect(rig.host.secrets).toContain(secret);
      expect(lines.includes(secret)).toBe(false);
    }
  });

  it("pass on baileys' harmless fields and no others", () => {
    const lines: [string, LogFields | undefined][] = [];
    const write = (message: string, fields?: LogFields): void => void lines.push([message, fields]);
    const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
    const logger = baileysLogger(log).child({ class: 'x' });
    logger.info(
      { count: 5, ok: true, msgId: 'A', creds: 'c', nested: { a: 1 }, mediaKey: 'k', xml: '<x/>' },
      'm',
    );
    logger.error({ err: new Error('broken'), error: new Error('too'), buffer: Buffer.from('secret') }, 'e');
    logger.warn('just text');
    logger.debug({ anything: 1 }, 'noise');
    logger.trace({ anything: 1 }, 'noise');
    logger.info({}, 'x'.repeat(1000));
    expect(lines).toEqual([
      ['m', { level: 'info', count: 5, ok: true, msgId: 'A' }],
      ['e', { level: 'error', err: 'broken', error: 'too' }],
      ['just text', { level: 'warn' }],
      ['x'.repeat(200), { level: 'info' }],
    ]);
  });
});
