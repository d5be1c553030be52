import { expect, it } from 'vitest';
import { checkConfig } from '../../../src/gateway/config/load.ts';

it('keeps keys of the older package that have no effect, and names what to use', () => {
  const { config, warnings } = checkConfig(
    { liveBridge: { enabled: true }, sessions: { bindings: { 'telegram:1': 's1' } } },
    'config.json',
  );
  expect(config).toHaveProperty('liveBridge');
  expect(warnings).toEqual([
    expect.stringContaining(
      'liveBridge of the older package is kept and ignored. In pi: /gateway bind-current',
    ),
  ]);
});
