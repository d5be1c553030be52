import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { operatorSession } from '../../src/cli/one-shot.ts';
import { readArguments } from '../../src/cli/views.ts';

const root = mkdtempSync(join(tmpdir(), 'debug-bundle-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('debug bundle works with a configuration that no start takes, says where it is wrong, and not what stands there', async () => {
  mkdirSync(join(root, 'gateway'));
  for (const [config, where] of [
    ['{ "platforms": {\n "telegram": { "botToken": "canary" ', 'is not valid JSON: the error is at line'],
    ['{ "port": "canary" }', '"invalid": "port"'],
  ] as const) {
    writeFileSync(join(root, 'gateway', 'config.json'), config);
    const file = join(root, `${where.length}.tar.gz`);
    const session = await operatorSession(readArguments(['debug', 'bundle', file, '--data-dir', root]));
    try {
      await session.operator.run({ type: 'debug.bundle', file });
    } finally {
      await session.close();
    }
    const whole = gunzipSync(readFileSync(file)).toString('utf8');
    expect(whole).toContain(where);
    expect(whole).not.toContain('canary');
    await expect(operatorSession(readArguments(['allow', '--data-dir', root]))).rejects.toMatchObject({
      name: 'ConfigError',
    });
  }
  // Its data are elsewhere: nothing is opened in their place.
  writeFileSync(join(root, 'gateway', 'config.json'), '{ "store": { "url": "postgres://x" }, ');
  await expect(operatorSession(readArguments(['debug', 'bundle', '--data-dir', root]))).rejects.toMatchObject(
    {
      name: 'ConfigError',
    },
  );
});
