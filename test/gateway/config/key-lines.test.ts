import { expect, it } from 'vitest';
import { keyLines } from '../../../src/gateway/config/edits.ts';

it('says in which line each key is', () => {
  const text = `{
  "port": 1, "host": "a,{\\"[",
  "empty": {}, "none": [],
  "platforms": {
    "telegram": { "enabled": true,
      "allowFrom": [
        "1",
        ["x", { "deep": null }]
      ], "token": "t" }
  },
  "agent": {
    "cwd": "/x"
  }
}`;
  expect(Object.fromEntries(keyLines(text))).toEqual({
    port: 2,
    host: 2,
    empty: 3,
    none: 3,
    platforms: 4,
    'platforms.telegram': 5,
    'platforms.telegram.enabled': 5,
    'platforms.telegram.allowFrom': 6,
    'platforms.telegram.allowFrom.0': 7,
    'platforms.telegram.allowFrom.1': 8,
    'platforms.telegram.allowFrom.1.0': 8,
    'platforms.telegram.allowFrom.1.1': 8,
    'platforms.telegram.allowFrom.1.1.deep': 8,
    'platforms.telegram.token': 9,
    agent: 11,
    'agent.cwd': 12,
  });
});

it('takes a text without keys', () => {
  expect([...keyLines('{}')]).toEqual([]);
  expect([...keyLines('')]).toEqual([]);
});
