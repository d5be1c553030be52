/** Two built gateways on one PostgreSQL: what was accepted survives, one sends, the other takes over. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemsOf } from '../../src/prove/prove.ts';
import { proveStandby } from '../chaos/standby.ts';
import { ChatClient, type ChatIdentity } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { Postgres, postgresPrograms } from '../support/postgres.ts';

const missing = postgresPrograms() === undefined;

describe.skipIf(missing)(
  `a store in PostgreSQL${missing ? ' (skipped: PostgreSQL is not installed)' : ''}`,
  () => {
    const folders = [temporaryFolder(), temporaryFolder()] as const;
    const running = new Set<GatewayProcess>();
    let postgres: Postgres;
    let leader: GatewayProcess;
    let standby: GatewayProcess;
    let port = 0;
    let identity: ChatIdentity;

    const start = (which: 0 | 1): GatewayProcess => {
      const args = ['--no-tui', '--agent', 'scripted', '--port', '0', '--data-dir', folders[which].path];
      const gateway = new GatewayProcess(args, { STORE_URL: postgres.url });
      running.add(gateway);
      void gateway.exited.then(() => running.delete(gateway));
      return gateway;
    };
    const configure = (path: string, more: object): void =>
      writeConfig(path, { security: { allowAll: true }, ...more });
    const waiting = async (gateway: GatewayProcess): Promise<number> => {
      await expect
        .poll(() => gateway.records.some(({ msg }) => msg === 'standby'), { timeout: 20_000 })
        .toBe(true);
      return gateway.records.find(({ msg }) => msg === 'standby')?.port ?? 0;
    };
    const get = async (at: number, path: string): Promise<{ status: number; body: unknown }> => {
      const answer = await fetch(`http://127.0.0.1:${at}${path}`);
      return { status: answer.status, body: await answer.json() };
    };
    const say = async (id: string, text: string): Promise<string> => {
      const client = await ChatClient.connect(port, identity);
      identity ??= client.identity;
      try {
        client.prompt(id, text);
        const answered = () => client.frames.find((frame) => frame.id === id && frame.type !== 'event');
        await expect.poll(answered, { timeout: 15_000 }).toBeDefined();
        return String(answered()?.data?.['text'] ?? answered()?.data?.['code']);
      } finally {
        client.close();
      }
    };

    beforeAll(async () => {
      postgres = await Postgres.start();
      for (const { path } of folders) configure(path, { store: { url: '$STORE_URL' } });
    }, 60_000);

    afterAll(async () => {
      await Promise.all([...running].map((gateway) => gateway.kill()));
      await postgres.stop();
      for (const folder of folders) folder.remove();
    });

    it('begins with what was in files, and moves them aside', async () => {
      const [{ path }] = folders;
      configure(path, {});
      leader = start(0);
      port = await leader.ready();
      expect(await say('p1', 'one')).toBe('You said: one');
      await leader.kill();
      configure(path, { store: { url: '$STORE_URL' } });
      leader = start(0);
      port = await leader.ready();
      expect(await say('p1', 'one')).toBe('You said: one'); // the stored answer: the id is known
      expect(readdirSync(path).filter((name) => /\.(db|log)$/.test(name))).toEqual([]);
      expect(readdirSync(join(path, 'before-postgres'))).toContain('gateway-sessions.db');
    });

    it('keeps what was accepted over kill -9', async () => {
      expect(await say('p1b', 'one again')).toBe('You said: one again');
      await leader.kill();
      leader = start(0);
      port = await leader.ready();
      expect(await say('p1b', 'one again')).toBe('You said: one again');
      const last = "SELECT max(last) FROM pi_gateway_log WHERE database = 'gateway-sessions'";
      expect(Number(postgres.sql(last))).toBeGreaterThan(5);
      expect(leader.records.find(({ msg }) => msg === 'leading the store')?.['because']).toBe('own');
    });

    it('lets a second start wait: it says so, and refuses work with a sentence', async () => {
      standby = start(1);
      const at = await waiting(standby);
      expect(await get(at, '/healthz')).toEqual({
        status: 200,
        body: { ok: true, service: 'pi-gateway-tui', role: 'standby' },
      });
      const ready = await get(at, '/readyz');
      expect(ready.status).toBe(503);
      expect(ready.body).toMatchObject({
        ready: false,
        role: 'standby',
        reason: expect.stringMatching(/^standby: the gateway on .* leads$/),
      });
      expect(await get(at, '/api/status')).toMatchObject({
        status: 503,
        body: { error: expect.stringMatching(/ leads$/), code: 'standby', hint: expect.any(String) },
      });
      expect((await get(port, '/healthz')).body).toMatchObject({ role: 'leader' });
      const refused = await runCli(['status', '--data-dir', folders[1].path], { STORE_URL: postgres.url });
      expect(refused.code).toBe(75);
      expect(refused.stderr).toMatch(/: a standby is running here \(pid \d+\): the gateway on .* leads\n/);
      expect(refused.stderr).toContain(`kill ${standby.child.pid}`);
      expect(refused.stderr).not.toContain('gateway.lock');
    });

    it('takes over from a leader that is frozen, which sends nothing when it goes on and ends with 75', async () => {
      mkdirSync(join(folders[0].path, 'gateway/adapters/whatsapp'), { recursive: true });
      writeFileSync(join(folders[0].path, 'gateway/adapters/whatsapp/session'), 'linked');
      await expect.poll(() => postgres.sql('SELECT path FROM pi_gateway_file')).toContain('whatsapp');
      // Frozen at once: its turn must not end before.
      const client = await ChatClient.connect(port, identity);
      client.prompt('p2', 'two [sleep 3000]');
      await client.next(({ id }) => id === 'p2', 10_000);
      const before = client.frames.length;
      leader.child.kill('SIGSTOP');
      port = await standby.ready(15_000);
      leader.child.kill('SIGCONT');
      expect(await leader.exited).toEqual({ code: 75, signal: null });
      expect(leader.stderr).toContain('another gateway leads the store now');
      expect(
        client.frames.slice(before).filter(({ type }) => type === 'response' || type === 'error'),
      ).toEqual([]);
      client.close();
      expect(readFileSync(join(folders[1].path, 'gateway/adapters/whatsapp/session'), 'utf8')).toBe('linked');
      // The prompt was accepted: its outcome comes from the new leader.
      expect(await say('p2', 'two [sleep 3000]')).toMatch(/You said: two|interrupted/);
      leader = standby;
    });

    it('takes over from a leader that stops, at once', async () => {
      standby = start(0);
      await waiting(standby);
      expect(await leader.stop()).toBe(0);
      port = await standby.ready(10_000);
      leader = standby;
      expect(leader.records.find(({ msg }) => msg === 'leading the store')?.['because']).toBe('released');
      expect(await say('p1', 'one')).toBe('You said: one');
    });

    it('accepts nothing while the database is down, says so, and goes on when it is back', async () => {
      await postgres.down('immediate');
      const reason = async (): Promise<unknown> => (await get(port, '/readyz')).body;
      await expect.poll(reason, { timeout: 10_000 }).toMatchObject({
        ready: false,
        reason: 'the database does not answer: no messages can be stored or sent',
      });
      const client = await ChatClient.connect(port, identity);
      client.prompt('p3', 'three');
      await expect
        .poll(() => client.frames.find(({ id }) => id === 'p3')?.data?.['code'], { timeout: 15_000 })
        .toBe('storage_unreachable');
      client.close();
      await postgres.up();
      await expect
        .poll(reason, { timeout: 10_000 })
        .toEqual({ ready: true, role: 'leader', service: 'pi-gateway-tui' });
      expect(await say('p3', 'three')).toBe('You said: three');
    });

    it('loses and doubles nothing when a leader is killed under load', { timeout: 120_000 }, async () => {
      const proof = await proveStandby({
        rounds: 1,
        clients: 3,
        faults: ['kill'],
        faultMs: [0, 0],
        aliveMs: [300, 600],
        returnsOfTen: 0,
        print: () => {},
      });
      expect(problemsOf(proof)).toEqual([]);
      expect(proof.chats.prompts).toBeGreaterThan(5);
      expect(proof.platforms.map(({ platform }) => platform)).toEqual(['telegram', 'slack']);
      expect(proof).toMatchObject({ faults: { kill: 1 }, takeovers: { count: 1 } });
    });

    it('never shows the address of the database', async () => {
      const other = await runCli(['sessions', '--data-dir', folders[1].path], { STORE_URL: postgres.url });
      expect(other).toMatchObject({
        code: 75,
        stderr: expect.stringMatching(/^pi-gateway-tui: the gateway on .* leads 127/),
      });
      const unreachable = await runCli(['--no-tui', '--port', '0', '--data-dir', folders[1].path], {
        STORE_URL: 'postgres://gateway:secret-of-the-store@127.0.0.1:1/postgres',
      });
      expect(unreachable).toMatchObject({ code: 75, stderr: expect.stringContaining('does not answer') });
      const output = [...running].map(({ stdout, stderr }) => stdout + stderr).join('\n');
      for (const text of [output, other.stdout + other.stderr, unreachable.stdout + unreachable.stderr])
        expect(text).not.toContain('secret-of-the-store');
    });
  },
);
