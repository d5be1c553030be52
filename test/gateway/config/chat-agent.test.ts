import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { resolveSettings } from '../../../src/gateway/config/settings.ts';

const LAYERED = {
  agent: { model: 'a/general', thinking: 'low', cwd: '/general', systemPrompt: 'Be kind.' },
  platforms: {
    telegram: {
      agent: { model: 'a/telegram', tools: ['read'], files: 'off' },
      chats: { '-1005': { agent: { cwd: '/project', systemPrompt: 'Be short.', files: 'ask' } } },
    },
  },
};

describe('the agent of a chat', () => {
  const settings = resolveSettings(checkConfig(LAYERED, 'test').config, {}, {}, '/started');

  it('takes what the chat, its platform and the general settings say, in this order', () => {
    expect(settings.agentOf({ platform: 'telegram', chatId: '-1005' })).toEqual({
      model: 'a/telegram',
      thinking: 'low',
      tools: ['read'],
      cwd: '/project',
      context: 'brief',
      systemPrompt: 'Be kind.\n\nBe short.',
      files: 'ask',
    });
    expect(settings.agentOf({ platform: 'telegram', chatId: 'other' })).toMatchObject({
      model: 'a/telegram',
      cwd: '/general',
      systemPrompt: 'Be kind.',
      files: 'off',
    });
    expect(settings.agentOf({ platform: 'discord', chatId: '-1005' })).toMatchObject({
      model: 'a/general',
      tools: undefined,
      files: 'session',
    });
  });

  it('takes the general settings for nobody’s chat', () => {
    expect(settings.agentOf(undefined)).toMatchObject({ model: 'a/general', cwd: '/general' });
    expect(resolveSettings({}, {}, {}, '/started').agentOf(undefined).cwd).toBe('/started');
  });

  it('is validated down to the single chat, whatever is in its id', () => {
    const wrong = {
      platforms: { whatsapp: { chats: { '1@s.whatsapp.net': { agent: { tools: 'bash' } } } } },
    };
    expect(() => checkConfig(wrong, 'config.json')).toThrow(
      'config.json: platforms.whatsapp.chats.1@s.whatsapp.net.agent.tools: "bash" is invalid',
    );
    const odd = { platforms: { slack: { chats: { C0GEN: { agent: { modle: 'x' } } } } } };
    expect(checkConfig(odd, 'config.json').warnings).toEqual([
      'config.json: unknown key platforms.slack.chats.C0GEN.agent.modle is kept and ignored. Did you mean platforms.slack.chats.C0GEN.agent.model?',
    ]);
  });
});
