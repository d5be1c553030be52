import { describe, expect, it } from 'vitest';
import { withoutPlatformSecrets } from '../../../src/gateway/config/agent-settings.ts';

describe('the environment of an agent', () => {
  const env = { PATH: '/bin', HOME: '/home/me', BOT: 'secret', READER: 'secret', OPENAI_API_KEY: 'key' };

  it('lacks what the configuration names for platforms and tokens', () => {
    const config = { tokens: ['$READER', 'plain'], platforms: { telegram: { token: '$BOT' } } };
    expect(withoutPlatformSecrets(config, env)).toEqual({
      PATH: '/bin',
      HOME: '/home/me',
      OPENAI_API_KEY: 'key',
    });
  });

  it('lacks the token of a collector of traces', () => {
    const collector = { OTEL_EXPORTER_OTLP_HEADERS: 'a=b', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=b' };
    expect(withoutPlatformSecrets({}, { ...env, ...collector })).toEqual(env);
  });

  it('keeps what only looks like a reference, and what every program needs', () => {
    const config = {
      platforms: {
        whatsapp: { sessionPath: '$HOME' },
        slack: { botToken: 'costs $BOT', appToken: '!echo $READER' },
      },
    };
    expect(withoutPlatformSecrets(config, env)).toEqual(env);
  });

  it('leaves the given environment as it is', () => {
    withoutPlatformSecrets({ tokens: ['$READER'] }, env);
    expect(env.READER).toBe('secret');
  });
});
