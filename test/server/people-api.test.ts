import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import type { LocalOperator } from '../../src/gateway/operator/operations/table.ts';
import { temporaryFolder } from '../support/gateway-process.ts';

const folder = temporaryFolder();
let running: RunningGateway;
let operator: LocalOperator;

beforeAll(async () => {
  running = await composeGateway({ dataDir: folder.path, port: 0, agent: createScriptedAgent() });
  operator = running.operator({ name: 'olga', surface: 'cli' });
  for (const userId of ['8100', '8200', '8300'])
    await operator.run({ type: 'allow', platform: 'telegram', userId, note: '' });
});
afterAll(async () => {
  await running.stop(0);
  folder.remove();
});

async function call(path: string, method = 'GET', token = running.operatorToken) {
  const response = await fetch(`http://127.0.0.1:${running.port}${path}`, {
    method,
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as unknown };
}

describe('people and the audit log over HTTP', () => {
  it('are for the operator token only', async () => {
    for (const [method, path] of [
      ['GET', '/api/audit'],
      ['GET', '/api/audit/verify'],
      ['POST', '/api/people/telegram/8100/show'],
      ['POST', '/api/people/telegram/8100/export'],
      ['DELETE', '/api/people/telegram/8100'],
    ] as const)
      for (const token of ['', 'wrong'])
        expect((await call(path, method, token)).status, `${method} ${path}`).toBe(401);
    expect(running.gateway.access.people.list()).toHaveLength(3);
  });

  it('hand the audit log out in pages, newest first, each line once', async () => {
    const before = (await operator.query('audit', {})).map(({ seq }) => seq);
    const seen: unknown[] = [];
    for (let path: string | undefined = '/api/audit?limit=1'; path !== undefined; ) {
      const { json, headers } = await call(path);
      expect(json).toHaveLength(1);
      seen.push(...(json as { seq: number }[]).map(({ seq }) => seq));
      path = /<(.+)>/.exec(headers.get('link') ?? '')?.[1];
      // What is written meanwhile moves no line to another page.
      if (seen.length === 1) await operator.run({ type: 'revoke', platform: 'telegram', userId: '8300' });
    }
    expect(seen).toEqual(before);
    expect(seen.length).toBeGreaterThan(2);
    expect((await call('/api/audit?limit=none')).status).toBe(400);
  });

  it('show and erase one person, say so in the log, and know nothing of them then', async () => {
    const shown = await call('/api/people/telegram/8100/show', 'POST');
    expect([shown.status, shown.json]).toMatchObject([200, { data: { ids: ['8100'] } }]);
    expect((await call('/api/people/telegram/8100', 'DELETE')).status).toBe(200);
    const again = await call('/api/people/telegram/8100', 'DELETE');
    expect([again.status, again.json]).toMatchObject([404, { code: 'person_unknown' }]);
    expect((await call('/api/audit?limit=1')).json).toMatchObject([
      { action: 'person.erase', subject: expect.stringContaining('telegram 8100') },
    ]);
    expect((await call('/api/audit/verify')).json).toMatchObject({ ok: true });
  });
});
