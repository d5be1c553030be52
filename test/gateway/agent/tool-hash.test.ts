import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readReply, readRequest, writeApproval } from '../../../src/agents/approval/approval.ts';
import { canonicalJson, freezeDeep, toolHash } from '../../../src/gateway/agent/question.ts';

describe('what an approval is bound to', () => {
  it('is the same for equal arguments, whatever their order', () => {
    expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
    expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
  });

  it('differs for different calls', () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), fc.string(), fc.json(), (toolA, a, toolB, b) => {
        const [left, right] = [canonicalJson(JSON.parse(a)), canonicalJson(JSON.parse(b))];
        expect(toolHash(toolA, left) === toolHash(toolB, right)).toBe(toolA === toolB && left === right);
      }),
    );
  });

  it('cannot be changed any more, however deep', () => {
    const args = freezeDeep({ edits: [{ newText: 'a' }], nothing: null });
    const [edit] = args.edits;
    expect(() => Object.assign(edit ?? {}, { newText: 'b' })).toThrow(TypeError);
    expect(() => args.edits.push({ newText: 'c' })).toThrow(TypeError);
  });

  it('is checked on the way: a call whose hash is not its own is not heard', () => {
    const call = {
      tool: 'bash',
      argumentsJson: '{"command":"ls"}',
      hash: toolHash('bash', '{"command":"ls"}'),
      dangerous: true,
      reason: 'r',
      groupKey: 'k',
      group: 'g',
    };
    expect(readRequest(writeApproval({ type: 'call', call }))).toEqual({ type: 'call', call });
    const forged = { ...call, argumentsJson: '{"command":"rm"}' };
    expect(readRequest(writeApproval({ type: 'call', call: forged }))).toBeUndefined();
    for (const text of ['', '{', 'null', '[]', '{"type":"call"}', '{"type":"call","call":{}}'])
      expect(readRequest(text)).toBeUndefined();
    for (const text of [undefined, 'once', '{"hash":"x"}', '{"hash":"x","decision":"yes"}'])
      expect(readReply(text)).toBeUndefined();
  });
});
