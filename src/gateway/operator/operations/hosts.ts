/** What an operator does to the hosts of `agent.hosts`. */
import { GatewayError } from '../../../base/errors.ts';
import type { Gateway } from '../../gateway.ts';
import type { CommandResult } from '../operator.ts';
import { Id, operation } from './operation.ts';

export const HOSTS = [
  operation({
    name: 'hosts',
    looks: true,
    help: 'list the hosts of agent.hosts: state, turns, free places',
    params: {},
    words: [
      {
        say: 'hosts',
        live: true,
        group: 'configuration',
        args: '[drain|undrain <host>]',
        help: 'list the hosts of agent.hosts, or keep new sessions away from one',
        example: 'hosts drain build1',
      },
    ],
    run({ gateway }) {
      const hosts = gateway.view().agent.hosts ?? [];
      const lines = hosts.map(
        ({ name, state, running, maxConcurrent, sessions = 0, free = 0, detail, hint }) =>
          `${name}: ${state}, ${running} of ${maxConcurrent} running, ${sessions} sessions, ${free} free: ${hint ?? detail}`,
      );
      return { message: lines.length === 0 ? 'agent.hosts names no host' : lines.join('\n'), data: hosts };
    },
  }),
  operation({
    name: 'hosts.drain',
    /** Its own sessions stay, until they end. Holds until the gateway stops. */
    help: 'start no new sessions on a host; sessions that are there continue',
    params: { host: Id },
    audit: ({ host }) => host,
    http: 'POST /api/hosts/:host/drain',
    words: [{ say: 'hosts drain <host>', live: true }],
    run: ({ gateway }, { host }) => drain(gateway, host, true),
  }),
  operation({
    name: 'hosts.undrain',
    help: 'start new sessions on a host again',
    params: { host: Id },
    audit: ({ host }) => host,
    http: 'POST /api/hosts/:host/undrain',
    words: [{ say: 'hosts undrain <host>', live: true }],
    run: ({ gateway }, { host }) => drain(gateway, host, false),
  }),
] as const;

function drain(gateway: Gateway, host: string, on: boolean): CommandResult {
  if (gateway.deps.agent?.drain?.(host, on) !== true)
    throw new GatewayError('no_such_host', `agent.hosts names no host ${host}`, {
      status: 404,
      hint: 'List the hosts: pi-gateway-tui hosts.',
    });
  return {
    message: on
      ? `${host} gets no new sessions; those that are there continue`
      : `${host} gets new sessions again`,
  };
}
