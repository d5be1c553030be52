/** What an operator does to the connections to the platforms. */
import { Type } from 'typebox';
import type { Platform } from '../../model.ts';
import type { CommandResult } from '../operator.ts';
import { Id, type OperatorCore, operation, PlatformName } from './operation.ts';

const platform = { platform: PlatformName };
const name = (params: { readonly platform: Platform }): string => params.platform;

function told({ gateway }: OperatorCore, of: Platform): CommandResult {
  return { message: `${of}: ${gateway.adapters.view(of).detail}` };
}

export const ADAPTERS = [
  operation({
    name: 'adapter.start',
    help: 'connect a platform',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/start',
    words: [
      {
        say: 'adapter <platform> start',
        also: 'adapter start <platform>',
        live: true,
        group: 'start',
        help: 'control the connection to a platform',
        example: 'adapter telegram restart',
      },
    ],
    async run(core, params) {
      await core.gateway.adapters.start(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.stop',
    help: 'disconnect a platform: no messages are received until it is started again',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/stop',
    words: [{ say: 'adapter <platform> stop', also: 'adapter stop <platform>', live: true }],
    async run(core, params) {
      await core.gateway.adapters.stop(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.restart',
    help: 'drop the connection to a platform and connect again',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/restart',
    words: [{ say: 'adapter <platform> restart', also: 'adapter restart <platform>', live: true }],
    async run(core, params) {
      await core.gateway.adapters.restart(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.check',
    looks: true,
    /**
     * `data` is an AdapterCheck. With `settings` (keys of `platforms.<platform>`, laid over those in config.json; an
     * empty text or null takes one away) nothing that runs and nothing that is stored is touched.
     */
    help: 'ask a platform who the bot is and what is missing',
    params: {
      ...platform,
      settings: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
    },
    words: [
      { say: 'adapter <platform> check', also: 'adapter check <platform>' },
      { say: 'doctor <platform>' },
    ],
    async run(core, params) {
      const check = await core.gateway.adapters.check(params.platform, params.settings);
      if (check === undefined) return told(core, params.platform);
      return { message: check.findings.join('\n') || `${params.platform} is fine`, data: check };
    },
  }),
  operation({
    name: 'home.set',
    /** `<chat>` or `<chat>:<thread>`. */
    help: 'set the chat that "home:<platform>" means, or remove it',
    params: { ...platform, chat: Type.Optional(Id) },
    audit: (params) => `${params.platform} ${params.chat ?? 'none'}`,
    words: [
      {
        say: 'home <platform> <chat>',
        args: '[platform [chat[:thread] | none]]',
        group: 'configuration',
        help: 'list home chats, set one, or remove it with "none"',
        example: 'home telegram 81234',
        read: ({ platform, chat }) => (chat === 'none' ? { platform } : { platform, chat }),
      },
    ],
    async run({ gateway, config }, params) {
      gateway.homes.set(params.platform, params.chat);
      await config.set(`platforms.${params.platform}.homeChat`, params.chat);
      return {
        message:
          params.chat === undefined
            ? `${params.platform} no longer has a home chat`
            : `${params.chat} is the home chat of ${params.platform}`,
      };
    },
  }),
] as const;
