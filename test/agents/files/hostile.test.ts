/** A host that was taken over and says whatever it likes about session files. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CHUNK_BYTES, FILES_TITLE, FileCarrier } from '../../../src/agents/files/carrier.ts';
import { CopyWatch } from '../../../src/agents/files/copy-watch.ts';
import type { LinkEnd, PiLink } from '../../../src/agents/pi/backend.ts';
import { PiDialogs } from '../../../src/agents/pi/live-session.ts';
import { CallMeter } from '../../../src/agents/spending/spending.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { SessionCopies, sha256 } from '../../../src/store/session-copies.ts';
import { tries } from '../../support/tries.ts';

const OWN = 'own.jsonl';
const OTHER = 'other.jsonl';
const FORK = '2026-12-01T02-00-00-000Z_0b54be63.jsonl';
const LIMIT = 400_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The way to the host: what the gateway sends is counted, and nothing else becomes of it. */
class Link implements PiLink {
  readonly #ended = Promise.withResolvers<LinkEnd>();
  readonly ended = this.#ended.promise;
  readonly mark = undefined;
  heard = 0;
  unanswered = 0;
  sent: { id: string; value?: string }[] = [];
  killed: string | undefined;
  request = (): Promise<unknown> => Promise.resolve({});
  send(record: Readonly<Record<string, unknown>>): void {
    this.sent.push({
      id: String(record['id']),
      ...(typeof record['value'] === 'string' ? { value: record['value'] } : {}),
    });
  }
  listen(): void {}
  giveUp(): void {}
  async close(): Promise<void> {
    this.end('closed');
  }
  terminate(): void {}
  kill(why = 'killed'): void {
    this.killed ??= why;
    this.end(why);
  }
  end(detail: string): void {
    this.#ended.resolve({ cause: 'exited', detail, stderr: '' });
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !holds(); ) {
    if (performance.now() > end) throw new Error('it does not happen');
    await new Promise(setImmediate);
  }
}

class Host {
  readonly copies = new SessionCopies(join(folder, 'copies'), LIMIT);
  readonly link = new Link();
  readonly carrier = new FileCarrier(this.link, {
    copies: this.copies,
    directory: '/on/the/host',
    name: OWN,
  });
  #asked = 0;

  /** Does not wait for an answer. */
  says(request: unknown): void {
    const placeholder = typeof request === 'string' ? request : JSON.stringify(request);
    this.carrier.take({
      ...{ type: 'extension_ui_request', id: `q${++this.#asked}`, method: 'input' },
      ...{ title: FILES_TITLE, placeholder },
    });
  }

  /** All of it was answered. */
  async quiet(): Promise<void> {
    await until(() => this.link.killed !== undefined || this.link.sent.length === this.#asked);
  }

  async asks(request: unknown): Promise<unknown> {
    this.says(request);
    await this.quiet();
    return JSON.parse(this.link.sent.at(-1)?.value ?? 'null');
  }
}

const put = (name: unknown, from: unknown, text: string, more: object = {}) => {
  const data = Buffer.from(text);
  const chunk = {
    name,
    from,
    data: data.toString('base64'),
    sha256: sha256(data),
    of: Number(from) + data.length,
  };
  return { type: 'put', chunk: { ...chunk, ...more } };
};

const name = fc.constantFrom(
  ...[
    OWN,
    OWN,
    OTHER,
    FORK,
    'new.jsonl',
    `${OTHER}.part`,
    'other.m0a1b2c3d.jsonl',
    'OTHER.jsonl',
    'link.jsonl',
  ],
  ...['../outside.jsonl', '..', '/tmp/x.jsonl', 'marks/other.jsonl', 'other.jsonl\0.jsonl', 'nul.jsonl', ''],
);
const number = fc.constantFrom(0, 0, 3, 6, 100, -1, 1.5, 2 ** 53, Number.NaN, LIMIT);
const text = fc.constantFrom(
  'abc',
  'x'.repeat(5000),
  'y'.repeat(CHUNK_BYTES),
  'z'.repeat(CHUNK_BYTES + 1),
  '',
);
const whole = fc.constantFrom({}, {}, { whole: 'w' }, { whole: 'v' }, { whole: 'w'.repeat(9000) });
const lie = fc.constantFrom(
  {},
  {},
  {},
  { of: 0 },
  { of: LIMIT * 2 },
  { of: 10 },
  { sha256: 'no' },
  { data: '%%%' },
);
const frame: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ type: fc.constantFrom('waits', 'ready', 'rename', 'forget') }),
  fc.record({ type: fc.constantFrom('follows', 'copied'), name }),
  fc.record({ type: fc.constant('get'), from: number }),
  fc.tuple(name, number, text, whole, lie).map(([n, from, t, w, l]) => put(n, from, t, { ...w, ...l })),
  fc.record({ type: fc.constant('copied'), name, problem: fc.constantFrom('full', 'p'.repeat(100_000)) }),
  fc.constantFrom('', '{', 'null', '[]', `"${'x'.repeat(1_000_000)}"`),
);

it('changes the file of no session but its own, whatever it says and when', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(frame, fc.boolean()), { maxLength: 40 }),
      fc.boolean(),
      async (frames, undoes) => {
        rmSync(folder, { recursive: true, force: true });
        const directory = join(folder, 'copies');
        mkdirSync(directory, { recursive: true });
        writeFileSync(join(directory, OTHER), 'of another person\n');
        writeFileSync(join(directory, OWN), 'before');
        writeFileSync(join(folder, 'target'), 'outside\n');
        await symlink(join(folder, 'target'), join(directory, 'link.jsonl'));
        const host = new Host();
        const undone = undoes ? host.carrier.renamed(async () => {}, 50) : Promise.resolve();
        for (const [each, waits] of frames) {
          host.says(each);
          if (waits) await host.quiet();
        }
        await host.quiet();
        await undone;
        host.link.end('gone');
        await host.link.ended;
        const late = host.link.sent.length;
        host.says(put(OWN, 0, 'after the end', { whole: 'late' }));
        await host.copies.facts(host.copies.claim(OWN));
        expect(host.link.sent.length).toBe(late);

        expect(readFileSync(join(directory, OTHER), 'utf8')).toBe('of another person\n');
        expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('outside\n');
        expect(readdirSync(folder).sort()).toEqual(['copies', 'target']);
        const mine = [OWN, OTHER, 'link.jsonl', ...(undoes ? [FORK] : [])];
        await until(() => readdirSync(directory).every((file) => mine.includes(file)));
        const own = readFileSync(join(directory, OWN), 'utf8');
        expect(own).not.toContain('after the end');
        expect(own.length).toBeLessThanOrEqual(LIMIT);
        expect((host.carrier.problem ?? '').length).toBeLessThanOrEqual(300);
      },
    ),
    { numRuns: tries(100) },
  );
}, 60_000);

it('gets one new name for one undo, of those that pi makes, and no name that is known', async () => {
  mkdirSync(join(folder, 'copies'));
  const known = FORK.replace('02-00', '01-00');
  writeFileSync(join(folder, 'copies', known), 'of another person');
  const host = new Host();
  const follows = (to: string) => host.asks({ type: 'follows', name: to });
  const refused = { refused: 'pi has opened another session' };
  expect(await follows(FORK)).toEqual(refused);
  for (const taken of [OTHER, 'new.jsonl', known]) {
    const undone = host.carrier.renamed(() => follows(taken), 20);
    expect(await undone).toEqual({ done: refused, name: undefined });
  }
  const undone = await host.carrier.renamed(async () => {
    expect(await follows(FORK)).toMatchObject({ copy: { size: 0 } });
    expect(await host.asks(put(FORK, 0, 'branch'))).toEqual({ size: 6 });
    expect(await follows(FORK.replace('02-00', '03-00'))).toEqual(refused);
    host.says({ type: 'copied', name: FORK });
  }, 1000);
  expect(undone.name).toBe(FORK);
  // What it has left is not its own anymore, and free for the next use of the session.
  expect(await host.asks(put(OWN, 0, 'late'))).toEqual({ refused: 'another session is open' });
  expect(await host.copies.claimNew(OWN)).toBeDefined();
});

it('cannot have an undo continue in the file of another session', async () => {
  const { carrier, link, copies } = new Host();
  const watch = new CopyWatch({ copies, log: silentLogger }, 's');
  const session = {
    carrier,
    link,
    dialogs: new PiDialogs(link, undefined),
    meter: new CallMeter(link, undefined),
  };
  const undone = watch.inNewFile(session, async () => ({ file: `/on/the/host/${OTHER}`, text: '' }));
  carrier.take({
    type: 'extension_ui_request',
    id: 'q',
    title: FILES_TITLE,
    placeholder: JSON.stringify({ type: 'copied', name: OWN }),
  });
  expect(await undone).toBeUndefined();
});

it('is ended, with the reason, when it sends more at once than the gateway answers', async () => {
  const host = new Host();
  const turn = host.carrier.ready(60_000);
  for (let i = 0; i < 100; i++) host.says(put(OWN, 0, 'x'.repeat(CHUNK_BYTES), { whole: `w${i}` }));
  await expect(turn).rejects.toThrow(
    'its host sent more about the session file than the gateway takes at once',
  );
  expect(host.link.killed).toBe('its host sent more about the session file than the gateway takes at once');
  expect(host.carrier.problem).toBe(host.link.killed);
  expect(host.link.sent.length).toBeLessThanOrEqual(16);
  await until(() => !existsSync(join(folder, 'copies', `${OWN}.part`)));
});

it('has the copy read and sent so often, and no more', async () => {
  mkdirSync(join(folder, 'copies'));
  writeFileSync(join(folder, 'copies', OWN), 'x'.repeat(300_000));
  const host = new Host();
  const often = { refused: 'it is compared too often' };
  const answers: unknown[] = [];
  for (let i = 0; i < 40; i++) answers.push(await host.asks({ type: 'follows', name: OWN }));
  expect(answers.filter((each) => JSON.stringify(each).includes('too often')).length).toBeGreaterThanOrEqual(
    5,
  );
  expect(await host.asks({ type: 'waits' })).toEqual(often);
  expect(await host.asks(put(OWN, 5, 'elsewhere'))).toEqual(often);

  const next = new Host();
  expect(await next.asks({ type: 'get', from: 0 })).toEqual({ refused: 'it was sent already' });
  for (let i = 0; i < 4; i++) expect(await next.asks({ type: 'waits' })).toHaveProperty('wanted');
  expect(await next.asks({ type: 'waits' })).toEqual(often);
  let sent = 0;
  for (let i = 0; i < 20; i++)
    sent += String(Object(await next.asks({ type: 'get', from: 0 }))['data'] ?? '').length;
  expect(sent * 0.75).toBeLessThanOrEqual(2 * 300_000 + 2 * CHUNK_BYTES);
});

it('does not keep a turn waiting by asking for the same piece again and again', async () => {
  mkdirSync(join(folder, 'copies'));
  writeFileSync(join(folder, 'copies', OWN), 'x'.repeat(300_000));
  const host = new Host();
  await host.asks({ type: 'waits' });
  const asking = setInterval(() => host.says({ type: 'get', from: 0 }), 10);
  await expect(host.carrier.ready(60)).rejects.toThrow('it stopped taking the file');
  clearInterval(asking);
  await host.quiet();
});
