import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChatClient, type ChatIdentity } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder } from '../support/gateway-process.ts';

/** What the built program makes of files that a crash cut short, or that something else has changed. */
describe('after kill -9, with files that are not whole', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let copy: ReturnType<typeof temporaryFolder>;
  let identity: ChatIdentity;

  beforeAll(async () => {
    folder = temporaryFolder();
    const gateway = start(folder.path);
    const client = await ChatClient.connect(await gateway.ready());
    identity = client.identity;
    client.prompt('p1', 'the first question');
    const { data } = await client.next((frame) => frame.type === 'pairing_required');
    await runCli(['pair', String(data?.['code']), '--data-dir', folder.path]);
    await client.outcome('p1');
    for (const id of ['p2', 'p3', 'p4']) {
      client.prompt(id, `question ${id}`);
      await client.outcome(id);
    }
    await gateway.kill();
    client.close();
  });
  afterAll(() => folder.remove());

  beforeEach(() => {
    copy = temporaryFolder();
    cpSync(folder.path, copy.path, { recursive: true });
  });
  afterEach(() => copy.remove());

  const start = (path: string): GatewayProcess =>
    new GatewayProcess(['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', path]);

  const journal = (path: string, store: string): string => {
    const names = readdirSync(path).filter((name) => name.startsWith(`gateway-${store}-`));
    const last = names.sort().at(-1);
    if (last === undefined) throw new Error(`no journal of ${store}`);
    return join(path, last);
  };

  /** The segment with the most records: one of a start that wrote nothing holds its header alone. */
  const largest = (path: string, store: string): string =>
    readdirSync(path)
      .filter((name) => name.startsWith(`gateway-${store}-`) && name.endsWith('.log'))
      .map((name) => join(path, name))
      .sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';

  it('starts with a journal that was cut anywhere in its end, and still knows who is let in', {
    timeout: 180_000,
  }, async () => {
    const whole = readFileSync(journal(folder.path, 'sessions'));
    // Every other place is cut in the tests of the store.
    for (const cut of [1, 16, 150]) {
      cpSync(folder.path, copy.path, { recursive: true });
      copyFileSync(journal(folder.path, 'sessions'), journal(copy.path, 'sessions'));
      truncateSync(journal(copy.path, 'sessions'), whole.byteLength - cut);
      const gateway = start(copy.path);
      const client = await ChatClient.connect(await gateway.ready(), identity);
      client.prompt(`after-${cut}`, 'still there?');
      expect(await client.outcome(`after-${cut}`), `cut by ${cut} bytes`).toMatchObject({
        type: 'response',
        data: { text: 'You said: still there?' },
      });
      client.close();
      expect(await gateway.stop()).toBe(0);
    }
  });

  it('does not start when a byte within a journal is another, and says which file and what to do', async () => {
    // Give every journal a record that is not its last.
    const again = start(copy.path);
    await again.ready();
    await runCli(['allow', 'telegram', '1', '--data-dir', copy.path]);
    await again.kill();
    for (const store of ['security', 'sessions', 'background-tasks']) {
      const file = largest(copy.path, store);
      const whole = readFileSync(file);
      const bytes = Buffer.from(whole);
      const at = 40;
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      writeFileSync(file, bytes);
      const gateway = start(copy.path);
      const { code } = await gateway.exited;
      expect(code, store).not.toBe(0);
      expect(gateway.stdout).not.toContain('"msg":"ready"');
      expect(gateway.stderr).toContain(file);
      expect(gateway.stderr).toMatch(/damaged/);
      expect(readFileSync(file).equals(bytes)).toBe(true);
      writeFileSync(file, whole);
    }
  });
});
