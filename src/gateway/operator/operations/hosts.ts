/** What an operator does to the hosts of `agent.hosts`. */
import { Type } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import type { Drain } from '../../agent/agent.ts';
import { keepDrain } from '../../agent/agent.ts';
import type { Gateway } from '../../gateway.ts';
import type { CommandResult } from '../operator.ts';
import { Id, operation } from './operation.ts';

export const HOSTS = [
  operation({
    name: 'hosts',
    looks: true,
    help: 'list the hosts of agent.hosts: state, turns, free places, sessions',
    params: {},
    words: [
      {
        say: 'hosts',
        live: true,
        group: 'configuration',
        args: '[drain|undrain <host> [move]]',
        help: 'list the hosts of agent.hosts, or keep new sessions away from one',
        example: 'hosts drain build1',
      },
    ],
    run({ gateway }) {
      const open = openSessions(gateway);
      const hosts = (gateway.view().agent.hosts ?? []).map((host) => ({
        ...host,
        open: open.get(host.name) ?? 0,
      }));
      const lines = hosts.map(
        ({ name, state, running, maxConcurrent, sessions = 0, free = 0, open: here, detail, hint }) =>
          `${name}: ${state}, ${running} of ${maxConcurrent} running, ${sessions} with a process, ${free} free, ${here} open ${here === 1 ? 'session' : 'sessions'}: ${hint ?? detail}`,
      );
      const unknown = [...open].filter(([name]) => !hosts.some((host) => host.name === name));
      lines.push(...unknown.map(([name, n]) => `${name}: not in agent.hosts, ${n} open`));
      return { message: lines.length === 0 ? 'agent.hosts names no host' : lines.join('\n'), data: hosts };
    },
  }),
  operation({
    name: 'hosts.drain',
    help: 'start no new sessions on a host; with "move", those that are there continue on other hosts',
    params: { host: Id, move: Type.Optional(Type.Boolean()) },
    audit: ({ host, move }) => (move === true ? `${host} move` : host),
    http: 'POST /api/hosts/:host/drain',
    words: [
      { say: 'hosts drain <host>', live: true },
      { say: 'hosts drain <host> move', live: true, read: ({ host }) => ({ host, move: true }) },
    ],
    run: ({ gateway }, { host, move }) => drain(gateway, host, move === true ? 'all' : 'new'),
  }),
  operation({
    name: 'hosts.undrain',
    help: 'start new sessions on a host again',
    params: { host: Id },
    audit: ({ host }) => host,
    http: 'POST /api/hosts/:host/undrain',
    words: [{ say: 'hosts undrain <host>', live: true }],
    run: ({ gateway }, { host }) => drain(gateway, host, undefined),
  }),
] as const;

/** How many sessions that have not ended each host has. */
function openSessions({ deps }: Gateway): ReadonlyMap<string, number> {
  const rows = deps.stores.sessions.all(
    'SELECT host, COUNT(*) AS n FROM sessions WHERE ended_at IS NULL AND host IS NOT NULL GROUP BY host',
  );
  return new Map(rows.map((row) => [String(row['host']), Number(row['n'])]));
}

async function drain(gateway: Gateway, host: string, how: Drain | undefined): Promise<CommandResult> {
  const { agent, stores } = gateway.deps;
  const before = agent?.hosts?.().find(({ name }) => name === host);
  if (agent === undefined || before === undefined)
    throw new GatewayError('no_such_host', `agent.hosts names no host ${host}`, {
      status: 404,
      hint: 'List the hosts: pi-gateway-tui hosts.',
    });
  if (how === 'all' && agent.movesSessions !== true)
    throw new GatewayError('cannot_move', `the sessions of ${host} cannot continue on other hosts`, {
      status: 409,
      hint: 'Their files are on that host. Set agent.sessionDir to a directory that all hosts share, or drain it without "move".',
    });
  if (how === undefined && before.draining !== true) return { message: `${host} is not drained` };
  await keepDrain(stores.sessions, host, how);
  agent.drain?.(host, how);
  const open = agent.hosts?.().some(({ state, draining }) => state === 'up' && draining !== true) === true;
  return { message: doneWords(host, how, open) };
}

/** `open`: there is a host that takes sessions. */
function doneWords(host: string, how: Drain | undefined, open: boolean): string {
  if (how === undefined) return `${host} gets new sessions again`;
  const others = open ? 'on other hosts with their next message' : 'there until another host takes them';
  const rest = how === 'new' ? '' : ` ${others}`;
  const words = `${host} gets no new sessions; those that are there continue${rest}`;
  return open ? words : `${words}. No host takes new sessions now.`;
}
