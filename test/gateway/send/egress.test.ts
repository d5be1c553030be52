import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/base/errors.ts';
import { egressText, errorSentence, Redactor } from '../../../src/gateway/send/egress.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { tries } from '../../support/tries.ts';

function redactorOf(...secrets: string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

describe('Redactor', () => {
  it('hides registered secrets wherever they stand', () => {
    const redactor = redactorOf('hunter2secret');
    expect(redactor.redact('a hunter2secret, hunter2secrethunter2secret.')).toBe('a [redacted], [redacted].');
  });

  it('hides them URL-encoded as well', () => {
    const redactor = redactorOf('p@ss w/rd+é');
    for (const form of ['p%40ss%20w%2Frd%2B%C3%A9', 'p%40ss+w%2Frd%2B%C3%A9', 'p%40ss%20w%2frd%2b%c3%a9'])
      expect(redactor.redact(`?key=${form}&x`)).toBe('?key=[redacted]&x');
  });

  it('leaves nothing of secrets that overlap', () => {
    const redactor = redactorOf('abcdefgh', 'efghijkl', 'abcdefghijklmnop');
    expect(redactor.redact('-abcdefghijkl-')).toBe('-[redacted]-');
    expect(redactor.redact('-abcdefghijklmnop-')).toBe('-[redacted]-');
  });

  it('ignores secrets that are too short to be one', () => {
    expect(redactorOf('', 'hello', '  abc  ').redact('hello abc')).toBe('hello abc');
  });

  const letters = 'AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefghijklmnopqrstuvwxyz';
  it.each([
    ['a Telegram token', `123456789:AA${letters.slice(0, 33)}`],
    ['a Slack bot token', 'xoxb-1234567890-abcdefGHIJ'],
    ['a Slack app token', 'xapp-1-A012345-6789-abcdef0123456789'],
    ['a Discord token', `MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.${letters.slice(0, 38)}`],
    ['an OpenAI key', `sk-proj-${letters.slice(0, 48)}`],
    ['an Anthropic key', 'sk-ant-api03-AbCdEfGh1234567890'],
    ['a GitHub token', `ghp_${letters.slice(0, 36)}`],
    ['a fine-grained GitHub token', `github_pat_${letters.slice(0, 40)}`],
    ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE'],
    ['a Google key', `AIza${letters.slice(0, 35)}`],
    ['a web token', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${letters.slice(0, 30)}`],
  ])('knows %s by its shape', (_title, token) => {
    const redactor = redactorOf();
    expect(redactor.redact(token)).toBe('[redacted]');
    expect(redactor.redact(`key: ${token}.`)).toContain('[redacted]');
    expect(redactor.redact(`key: "${token}", next`)).toBe('key: "[redacted]", next');
  });

  it('knows tokens by what stands before them', () => {
    const redactor = redactorOf();
    expect(redactor.redact('Authorization: Bearer abcdef0123456789xyz')).toBe(
      'Authorization: Bearer [redacted]',
    );
    expect(redactor.redact('Authorization: Basic dXNlcjpwYXNz')).toBe('Authorization: Basic [redacted]');
    expect(redactor.redact('https://me:passw0rd@host/x')).toBe('https://me:[redacted]@host/x');
    expect(redactor.redact('oauth:abcdefghijklmnopqrstuvwxyz0123')).toBe('oauth:[redacted]');
    expect(
      redactor.redact('https://api.telegram.org/bot12345678:abcdefghijklmnopqrstuvwxyz012345678/getMe'),
    ).toBe('https://api.telegram.org/bot[redacted]/getMe');
  });

  it('hides private keys, also one that is still being written', () => {
    const body = 'MIIEowIBAAKCAQEA\nabc+/=\n';
    expect(
      redactorOf().redact(`a\n-----BEGIN RSA PRIVATE KEY-----\n${body}-----END RSA PRIVATE KEY-----\nb`),
    ).toBe('a\n[redacted]\nb');
    expect(redactorOf().redact(`a -----BEGIN OPENSSH PRIVATE KEY-----\n${body}`)).toBe('a [redacted]\n');
  });

  it('leaves ordinary text alone', () => {
    const text =
      'Bearer authentication is fine. The sk-learn-like-hyphenated-class-name stays. Ratio 12345678:9. ' +
      'See https://example.com/a:b@c and commit 3f786850e387550fdab836ed7e6dc881de23001b; npm_config_registry too.';
    expect(redactorOf().redact(text)).toBe(text);
  });

  it.each([
    ['heads of keys', '-----BEGIN PRIVATE KEY-----!'],
    ['digits', '1'],
    ['letters of a Discord token', 'M'],
    ['web tokens without end', 'eyJaaaaaaaaa.'],
    ['prefixes', 'sk-'],
    ['headers', 'Bearer '],
    ['addresses', '://a:'],
  ])('takes no longer than the text is long: %s', (_title, unit) => {
    const redactor = redactorOf('hunter2secret');
    const small = unit.repeat(Math.ceil(50_000 / unit.length));
    const time = (text: string) => cpuMs(() => redactor.redact(text));
    time(small);
    const once = Math.max(2, time(small));
    expect(time(small.repeat(16))).toBeLessThan(once * 100 + 500);
  });
});

describe('egressText', () => {
  it('makes Unicode well-formed and never throws', () => {
    const redactor = redactorOf('hunter2secret');
    expect(egressText('a\ud83d hunter2secret', redactor)).toBe('a\ufffd [redacted]');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, secret) => {
        redactor.add(secret);
        const clean = egressText(`${text}${secret}${text}`, redactor);
        expect(clean.isWellFormed()).toBe(true);
        const kept = secret.trim().toWellFormed();
        if (kept.length >= 6 && !'[redacted]'.includes(kept) && !'\ufffd'.includes(kept))
          expect(clean).not.toContain(secret.trim());
      }),
      { numRuns: tries(1_000) },
    );
  });
});

describe('errorSentence', () => {
  const coded = (code: string) => Object.assign(new Error('raw'), { code });
  it.each([
    ['a system error', coded('ECONNREFUSED'), 'The connection was refused.'],
    ['a full disk', coded('ENOSPC'), 'The disk is full.'],
    [
      'the cause behind "fetch failed"',
      new TypeError('fetch failed', { cause: coded('ENOTFOUND') }),
      "The server's name could not be resolved.",
    ],
    ['the first of several', new AggregateError([coded('ECONNRESET')]), 'The connection was cut off.'],
    ['a cancelled wait', new DOMException('x', 'AbortError'), 'It was cancelled.'],
    [
      'a code in words',
      new Error("ENOENT: no such file or directory, open '/home/u/x'"),
      'A file or program was not found.',
    ],
    ['an error of ours', new GatewayError('x', 'the model is overloaded'), 'The model is overloaded.'],
    [
      'an API body',
      new Error('400 {"type":"error","error":{"message":"credit balance too low"}}'),
      'Credit balance too low.',
    ],
    ['a text', 'no luck', 'No luck.'],
    ['a stack', 'boom\n    at foo (/a/b/c.js:1:2)', 'Boom.'],
    ['a stack on one line', 'boom at foo (/a/b/c.js:1:2)', 'Boom.'],
    ['a path', new Error('cannot read /home/me/.pi/key.json: denied'), 'Cannot read a file: denied.'],
    ['a Windows path', new Error('cannot read C:\\Users\\me\\key.txt'), 'Cannot read a file.'],
    ['a file address', new Error('in file:///opt/x/y.js failed'), 'In a file failed.'],
    [
      'a place in the source',
      new Error('failed in src/gateway/foo.ts:10:5 badly'),
      'Failed in a file badly.',
    ],
    [
      'an address with a token',
      new Error('GET https://u:p@api.x.org/bot1:2/getMe?k=v failed'),
      'GET https://api.x.org failed.',
    ],
    ['nothing', undefined, 'Something went wrong.'],
    ['null', null, 'Something went wrong.'],
    ['an object', {}, 'Something went wrong.'],
    ['an empty error', new Error(''), 'Something went wrong.'],
    ['a message that is no text', { message: Object.create(null) }, 'Something went wrong.'],
    [
      'a getter that throws',
      {
        get message(): string {
          throw new Error('no');
        },
      },
      'Something went wrong.',
    ],
  ])('has one sentence for %s', (_title, error, sentence) => {
    expect(errorSentence(error)).toBe(sentence);
  });

  it('is short, on one line and a sentence, whatever was thrown', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.string({ unit: 'binary' }).map((text) => new Error(text)),
        ),
        (thrown) => {
          const sentence = errorSentence(thrown);
          expect(sentence).toMatch(/[.!?…。]["')\]]?$/);
          expect(sentence).not.toMatch(/[\n\r]/);
          expect(sentence.length).toBeLessThan(260);
        },
      ),
      { numRuns: tries(2_000) },
    );
    expect(errorSentence(new Error('word '.repeat(1000))).length).toBeLessThan(260);
  });
});
