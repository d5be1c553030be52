import { describe, expect, it } from 'vitest';
import { scrubbedLogger, scrubber } from '../../../src/adapters/kit/run-adapter.ts';
import { RecordingHost } from '../contract.ts';

describe('scrubbing', () => {
  it('takes a secret out of a text wherever it stands, also URL-encoded', () => {
    const scrub = scrubber('123:AA/BB', undefined, '');
    expect(scrub('GET /bot123:AA/BB/x and 123%3AAA%2FBB')).toBe('GET /bot[secret]/x and [secret]');
  });

  it('leaves nothing of a secret that contains another', () => {
    expect(scrubber('abc', 'abcdef')('abcdef')).toBe('[secret]');
  });

  it('keeps secrets out of messages, fields and errors of a log', () => {
    const host = new RecordingHost('/nowhere');
    const log = scrubbedLogger(host.log, scrubber('hunter2')).child('deep');
    log.warn('login with hunter2', { url: 'http://hunter2@x', error: new Error('hunter2 is wrong') });
    expect(host.lines).toHaveLength(1);
    expect(host.output()).not.toContain('hunter2');
  });
});
