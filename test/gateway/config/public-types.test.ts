import { describe, expect, it } from 'vitest';
import { completeConfig } from '../../../src/gateway/config/edits.ts';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import type { GatewayConfig, GatewayConfigFile } from '../../../src/gateway/config/public-types.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';

// The compiler is the test: what the schema allows fits the public types, and their keys are the schema's.
const asPublic = (config: Config): GatewayConfigFile => config;
const asSchema = (config: GatewayConfigFile): Config => config;

describe('the public types of the configuration', () => {
  it('are those of the schema, and a complete configuration passes it', () => {
    const whole: GatewayConfig = completeConfig({});
    expect(checkConfig(asSchema(whole), 'test').warnings).toEqual([]);
    expect(asPublic(checkConfig({ port: 1 }, 'test').config)).toEqual({ port: 1 });
  });

  it('leaves to a platform what it inherits from the general settings', () => {
    const { platforms } = completeConfig({
      sessions: { idleMinutes: 5 },
      platforms: { telegram: { enabled: true } },
    });
    expect(platforms.telegram).not.toHaveProperty('sessions');
    expect(platforms.telegram).not.toHaveProperty('agent');
  });
});
