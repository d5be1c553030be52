import { describe, expect, it } from 'vitest';
import { oneLine, Tail, tellingLine } from '../../../src/agents/pi/child.ts';
import { modelError } from '../../../src/agents/pi/failures.ts';

describe('an error of the model', () => {
  it.each([
    ['401: {"error":{"message":"Incorrect API key provided"}}', 'credentials'],
    ['authentication_error: invalid x-api-key', 'credentials'],
    ['402: payment required', 'no credit'],
    ['429: {"error":{"message":"You exceeded your current quota, please check your plan"}}', 'no credit'],
    ['429: {"error":{"message":"Rate limit reached"}}', 'limiting requests'],
    ['404: {"error":{"message":"The model `gpt-9` does not exist"}}', 'does not know'],
    ['Connection error. connect ECONNREFUSED 127.0.0.1:1', 'could not be reached'],
    ['529 overloaded_error', 'has a problem right now'],
    ['400: prompt is too long: 210000 tokens', 'too long'],
    ['something new', 'reported an error'],
  ])('says of "%s": %s', (said, sentence) => {
    const end = modelError(said);
    expect(end).toMatchObject({
      status: 'failed',
      code: 'model_error',
      reachedModel: true,
      retryable: false,
    });
    if (end.status !== 'failed') return;
    expect(end.message).toContain(sentence);
    expect(end.message).not.toMatch(/[{}"]|\d{3}/);
    expect(end.hint).toContain(said.slice(0, 20));
  });
});

describe('diagnosis', () => {
  it('puts foreign text on one clean line', () => {
    expect(oneLine('\u001b[31mred\u001b[0m\n\tnext\u0007 \u001b]8;;http://x\u0007link\u202e')).toBe(
      'red next link',
    );
    expect(oneLine('x'.repeat(400))).toHaveLength(300);
  });

  it('finds the line that tells the reason', () => {
    expect(tellingLine('warming up\nTypeError: boom\n    at a (b.js:1)\n\nNode.js v24.0.0\n')).toBe(
      'TypeError: boom',
    );
    expect(tellingLine('one\ntwo\n')).toBe('two');
    expect(tellingLine('')).toBe('');
  });

  it('keeps only the end of a flood', () => {
    const tail = new Tail(10);
    for (let i = 0; i < 100; i++) tail.add(`line ${i} `);
    expect(tail.toString()).toBe(' 98 line 99 '.slice(-10));
  });
});
