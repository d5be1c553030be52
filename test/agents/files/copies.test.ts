import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FilesReply,
  type FilesRequest,
  readFilesReply,
  readFilesRequest,
  writeFiles,
} from '../../../src/agents/files/carrier.ts';
import { Follower, makeReady } from '../../../src/agents/files/follower.ts';
import {
  type CopyClaim,
  type CopyFacts,
  type FileChunk,
  placeChunk,
  SessionCopies,
  sha256,
} from '../../../src/store/session-copies.ts';
import { tries } from '../../support/tries.ts';

const NAME = 's1.jsonl';
const LIMIT = 1_000_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'copies-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const piece = (from: number, text: string, of: number, whole?: string): FileChunk => {
  const data = Buffer.from(text);
  return { name: NAME, from, data, sha256: sha256(data), of, ...(whole === undefined ? {} : { whole }) };
};

describe('a piece of a session file', () => {
  const part = (whole: string, size: number) => ({ size: 8, part: { whole, size } });
  it.each([
    ['continues the copy', { size: 4 }, piece(4, 'efgh', 8), 'append'],
    ['comes twice', { size: 8 }, piece(4, 'efgh', 8), 'elsewhere'],
    ['comes before the one in front of it', { size: 0 }, piece(4, 'efgh', 8), 'elsewhere'],
    ['begins the file anew', { size: 8 }, piece(0, 'abcd', 8, 'w'), 'begin'],
    ['continues a file that is sent anew', part('w', 4), piece(4, 'e', 8, 'w'), 'more'],
    ['belongs to another time the file was sent', part('w', 4), piece(4, 'e', 8, 'v'), 'elsewhere'],
    ['would leave a gap', part('w', 2), piece(4, 'e', 8, 'w'), 'elsewhere'],
    ['is of a file that is too large', { size: 4 }, piece(4, 'e', 101), 'too_large'],
    ['is longer than its file', { size: 4 }, piece(4, 'efgh', 6), 'damaged'],
    [
      'is not what its hash says',
      { size: 4 },
      { ...piece(4, 'efgh', 8), sha256: sha256(Buffer.from('x')) },
      'damaged',
    ],
  ] as const)('that %s is placed', (_what, state, chunk, place) => {
    expect(placeChunk(state, chunk, 100)).toBe(place);
  });
});

/** The gateway's end without a link. */
class End {
  copies = new SessionCopies(join(folder, 'gateway'), LIMIT);
  claim: CopyClaim = this.copies.claim(NAME);
  /** What the host said last about its copy. */
  told: string | undefined = 'nothing yet';

  restart(): void {
    this.copies = new SessionCopies(join(folder, 'gateway'), LIMIT);
    this.claim = this.copies.claim(NAME);
  }

  async answer(request: FilesRequest): Promise<FilesReply | undefined> {
    const { copies } = this;
    switch (request.type) {
      case 'waits': {
        const directory = join(folder, 'other');
        return { wanted: { ...(await this.facts()), directory, name: NAME, behind: false } };
      }
      case 'get':
        return { data: (await copies.read(NAME, request.from, 1000)).toString('base64') };
      case 'follows':
        return { copy: await this.facts() };
      case 'put': {
        const taken = await copies.put(this.claim, request.chunk);
        if ('size' in taken) return taken;
        return 'differs' in taken ? { copy: taken.differs } : { refused: taken.refused };
      }
      case 'copied':
        this.told = request.problem;
        return undefined;
      case 'ready':
        return undefined;
    }
  }

  async facts(): Promise<CopyFacts> {
    const facts = await this.copies.facts(this.claim);
    if (facts === undefined) throw new Error('asked too often');
    return facts;
  }

  /** Over the wire, as text. */
  async carried(request: FilesRequest): Promise<FilesReply | undefined> {
    const read = readFilesRequest(writeFiles(request));
    const reply = read === undefined ? undefined : await this.answer(read);
    return reply === undefined ? undefined : readFilesReply(writeFiles(reply));
  }

  get bytes(): Buffer {
    const path = this.copies.path(NAME);
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  }
}

type Fault = 'none' | 'request lost' | 'answer lost' | 'twice' | 'old one again' | 'gateway restarts';
type Step =
  | { readonly do: 'append'; readonly bytes: number; readonly fault: Fault }
  | { readonly do: 'rewrite'; readonly bytes: number; readonly fault: Fault }
  | { readonly do: 'sync'; readonly fault: Fault }
  | { readonly do: 'reopen'; readonly fault: Fault };

const fault = fc.constantFrom<Fault>(
  'none',
  'request lost',
  'answer lost',
  'twice',
  'old one again',
  'gateway restarts',
);
const bytes = fc.oneof({ weight: 4, arbitrary: fc.nat(5000) }, fc.integer({ min: 100_000, max: 300_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), bytes, fault }),
  fc.record({ do: fc.constant('rewrite' as const), bytes, fault }),
  fc.record({ do: fc.constant('sync' as const), fault }),
  fc.record({ do: fc.constant('reopen' as const), fault }),
);

it('has the file, or says that it lacks something, whatever becomes of the pieces', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      const file = join(folder, NAME);
      const end = new End();
      const sent: FilesRequest[] = [];
      let now: Fault = 'none';
      const ask = async (request: FilesRequest): Promise<FilesReply | undefined> => {
        const what = now;
        now = 'none';
        if (what === 'request lost') return undefined;
        if (request.type === 'put') sent.push(request);
        if (what === 'old one again' && sent[0] !== undefined) await end.carried(sent[0]);
        const reply = await end.carried(request);
        if (what === 'gateway restarts') end.restart();
        if (what === 'twice') await end.carried(request);
        return what === 'answer lost' || what === 'gateway restarts' ? undefined : reply;
      };
      let seed = 0;
      const text = (length: number): string => `${String(seed++).padEnd(length, 'x')}\n`;
      let follower = new Follower(file, ask);
      await follower.begin();
      for (const each of steps) {
        if (each.do === 'append') appendFileSync(file, text(each.bytes));
        else if (each.do === 'rewrite') writeFileSync(file, text(each.bytes));
        else if (each.do === 'reopen') follower = new Follower(file, ask);
        now = each.fault;
        end.told = 'it has not said anything';
        if (each.do === 'reopen') await follower.begin();
        else await follower.sync();
        now = 'none';
        const here = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
        if (end.told === undefined) expect(end.bytes.equals(here)).toBe(true);
      }
      // Once nothing is lost anymore, nothing is missing.
      follower = new Follower(file, ask);
      await follower.begin();
      expect(end.told).toBeUndefined();
      expect(end.bytes.equals(existsSync(file) ? readFileSync(file) : Buffer.alloc(0))).toBe(true);
    }),
    { numRuns: tries(150) },
  );
});

describe('a copy', () => {
  const lines = (n: number): string =>
    Array.from({ length: n }, (_, i) => `{"type":"message","n":${i}}\n`).join('');

  it('gives another host the same file, readable for its user only, and one that has lost a part the whole', async () => {
    const end = new End();
    const ask = (request: FilesRequest) => end.carried(request);
    writeFileSync(join(folder, NAME), lines(500));
    await new Follower(join(folder, NAME), ask).begin();
    const there = join(folder, 'other', NAME);
    await makeReady(ask);
    expect(readFileSync(there, 'utf8')).toBe(lines(500));
    expect(statSync(there).mode & 0o777).toBe(0o600);
    expect(statSync(end.copies.path(NAME)).mode & 0o777).toBe(0o600);
    writeFileSync(there, lines(3));
    await makeReady(ask);
    expect(readFileSync(there, 'utf8')).toBe(lines(500));
    // A host that has more keeps it.
    writeFileSync(there, lines(510));
    await makeReady(ask);
    expect(readFileSync(there, 'utf8')).toBe(lines(510));
  });

  it('takes nothing from the host that the session has left', async () => {
    const end = new End();
    const former = end.claim;
    expect(await end.copies.put(former, piece(0, 'ab', 2))).toEqual({ size: 2 });
    end.copies.claim(NAME);
    expect(await end.copies.put(former, piece(2, 'cd', 4))).toEqual({ refused: 'late' });
    expect(end.bytes.toString()).toBe('ab');
  });

  it('is whole on a disk that takes only a part of what it is given', async () => {
    const end = new End();
    const file = join(folder, NAME);
    writeFileSync(file, lines(10));
    const probe = await open(file, 'r');
    type Write = (data: Buffer, at: number, length: number, to: number) => Promise<unknown>;
    const handles: { write: Write } = Object.getPrototypeOf(probe);
    const { write } = handles;
    handles.write = function (data, at, length, to) {
      return write.call(this, data, at, Math.min(length, 7), to);
    };
    try {
      await new Follower(file, (request) => end.carried(request)).begin();
    } finally {
      handles.write = write;
      await probe.close();
    }
    expect(end.told).toBeUndefined();
    expect(end.bytes.toString()).toBe(lines(10));
  });

  it('says that it is too large, or cannot be stored, and is whole again when it can', async () => {
    const end = new End();
    const file = join(folder, NAME);
    writeFileSync(file, lines(10));
    const follower = new Follower(file, (request) => end.carried(request));
    // The directory cannot be made: a file is in its place.
    writeFileSync(join(folder, 'gateway'), '');
    end.told = undefined;
    await follower.begin();
    expect(end.told).toBeUndefined(); // nothing could be compared, and the gateway did not answer
    rmSync(join(folder, 'gateway'));
    mkdirSync(join(folder, 'gateway'));
    await follower.begin();
    expect(end.bytes.toString()).toBe(lines(10));
    // The copy itself cannot be written.
    rmSync(end.copies.path(NAME));
    mkdirSync(end.copies.path(NAME));
    appendFileSync(file, lines(1));
    await follower.sync();
    expect(end.told).toBe('full');
    rmSync(end.copies.path(NAME), { recursive: true });
    await follower.sync();
    expect(end.told).toBeUndefined();
    expect(end.bytes.toString()).toBe(lines(10) + lines(1));
    appendFileSync(file, 'x'.repeat(LIMIT));
    await follower.sync();
    expect(end.told).toBe('too_large');
    expect(end.bytes.toString()).toBe(lines(10) + lines(1));
  });

  it.each(['../s1.jsonl', '/etc/s1.jsonl', 'a/b.jsonl', '.s1.jsonl', 's1.json', ''])(
    'is not one of a name like %j',
    (name) => {
      expect(readFilesRequest(JSON.stringify({ type: 'follows', name }))).toBeUndefined();
      const chunk = { ...piece(0, 'ab', 2), name, data: 'YWI=' };
      expect(readFilesRequest(JSON.stringify({ type: 'put', chunk }))).toBeUndefined();
    },
  );
});
